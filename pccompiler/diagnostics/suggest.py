"""Suggestions for a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

LONGEST = 60
"""Longer texts are no misspelt names, and comparing them would take long."""
MOST = 300
"""Names that are compared; a spec with thousands of parameters must not take minutes."""
CUTOFF = 0.6
"""How like a name must be, of difflib's ratios."""


def closest(given: str, known: Iterable[str], cutoff: float = CUTOFF) -> str | None:
    """The known name most like `given`, if any is like it at all."""
    if len(given) > LONGEST:
        return None
    by_lower = {name.lower(): name for name in islice(known, MOST)}
    found = difflib.get_close_matches(given.lower(), by_lower, n=1, cutoff=cutoff)
    if found:
        return by_lower[found[0]]
    return next((name for name in by_lower.values() if _abbreviates(given, name)), None)


def _abbreviates(given: str, name: str) -> bool:
    """`lr` and `rate` stand for `learning_rate`."""
    words = name.split("_")
    return len(words) > 1 and given in (*words, "".join(word[:1] for word in words))


def suggestion(given: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or the list of what is known; empty where nothing is."""
    names = sorted(known)
    best = closest(given, names)
    if best is not None:
        return f"did you mean `{best}`?"
    if not names:
        return ""
    shown = ", ".join(names[:20])
    return f"known: {shown}, ..." if len(names) > 20 else f"known: {shown}"
