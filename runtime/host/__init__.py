"""The machine: durable files, signals, streams, devices."""
