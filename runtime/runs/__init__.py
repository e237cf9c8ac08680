"""The folder of a run: checkpoints, metrics, logs, and lists of runs."""
