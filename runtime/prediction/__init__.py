"""Predictions of trained networks: requests, input files, outputs."""
