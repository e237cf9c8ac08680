"""What theory says of a network, held against what its compiled programs do."""

MOST_STEPS = 20_000
"""Inference steps after which states that have not come to rest are given up."""
