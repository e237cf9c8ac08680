"""Verification: the claims of theory against the compiled programs."""

MOST_STEPS = 20_000
"""Limit of inference steps on the way to rest."""
