"""Words that messages share."""

from __future__ import annotations


def plural(number: float, noun: str, many: str = "") -> str:
    """The noun for so many: `node` for one, else `nodes`, or `many` where that is another word."""
    return noun if number == 1 else many or f"{noun}s"
