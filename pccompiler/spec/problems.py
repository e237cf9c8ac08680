"""Collects mistakes, up to a readable number and length."""

from __future__ import annotations

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError

MAX_PROBLEMS = 100
MAX_QUOTED = 60
"""Characters of the user's own words in a message."""


def report(problems: list[Diagnostic], problem: Diagnostic) -> None:
    """Adds a mistake that leaves the rest readable. Raises SpecError when there are too many."""
    problems.append(problem)
    if len(problems) >= MAX_PROBLEMS:
        raise SpecError(too_many())


def too_many() -> Diagnostic:
    """The note that ends a list of mistakes that was cut off."""
    message = f"these are the first {MAX_PROBLEMS} mistakes; there may be more"
    return Diagnostic("PC212", message, severity="note")


def rounded(number: int | float) -> str:
    """A bound as people write it: 0 for 0.0, and thousands apart."""
    return f"{int(number) if number == int(number) else number:,}"


def shortened(text: str) -> str:
    """The user's words as a message quotes them."""
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 3] + "..."
