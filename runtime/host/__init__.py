"""What a run needs of its machine: durable files, signals, streams, devices."""
