"""Suggestions for a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

LONGEST = 60
"""Longer texts are no misspelt names, and comparing them would take long."""
MOST = 300
"""Names that are compared; a spec with thousands of parameters must not take minutes."""
CUTOFF = 0.6
"""Least similarity of a suggested name, as difflib's ratio."""
_SHORTEST = 4
"""Other words for a name that are shorter must be spelt right: any three letters are alike."""


def closest(given: str, known: Iterable[str], cutoff: float = CUTOFF) -> str | None:
    """The known name most like `given`, if any is like it at all."""
    if len(given) > LONGEST:
        return None
    by_lower = {name.lower(): name for name in islice(known, MOST)}
    import difflib  # not loaded where nothing is wrong

    found = difflib.get_close_matches(given.lower(), by_lower, n=1, cutoff=cutoff)
    if found:
        return by_lower[found[0]]
    return next((name for name in by_lower.values() if _abbreviates(given, name)), None)


def _abbreviates(given: str, name: str) -> bool:
    """`lr` and `rate` stand for `learning_rate`."""
    words = name.split("_")
    return len(words) > 1 and given in (*words, "".join(word[:1] for word in words))


def suggestion(given: str, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> str:
    """`did you mean ...?`, or the list of what is known; empty where nothing is.

    `aliases` are other words for known names, in whatever style: MaxPooling, max-pooling.
    """
    names = sorted(known)
    best = meant(given, names, aliases or {})
    if best is not None:
        return f"did you mean `{best}`?"
    if not names:
        return ""
    shown = ", ".join(names[:20])
    return f"known: {shown}, ..." if len(names) > 20 else f"known: {shown}"


def meant(given: str, known: Iterable[str], aliases: Mapping[str, str]) -> str | None:
    """The known name that `given` is another word for, or else the most similar one."""
    if len(given) > LONGEST:
        return None
    for alias, name in aliases.items():
        if _plain(alias) == _plain(given):
            return name
    longer = [alias for alias in aliases if len(alias) >= _SHORTEST]
    best = closest(given, [*known, *longer])
    return aliases.get(best, best) if best is not None else None


def _plain(word: str) -> str:
    """A word without its style: MaxPooling, max-pooling and max_pooling are one."""
    return word.lower().replace("_", "").replace("-", "").replace(" ", "")
