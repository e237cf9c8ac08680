"""Collecting mistakes, up to a number that somebody could want to read."""

from __future__ import annotations

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError

MAX_PROBLEMS = 100


def report(problems: list[Diagnostic], problem: Diagnostic) -> None:
    """Adds a mistake that leaves the rest readable. Raises SpecError when there are too many."""
    problems.append(problem)
    if len(problems) >= MAX_PROBLEMS:
        raise SpecError(too_many())


def too_many() -> Diagnostic:
    message = f"these are the first {MAX_PROBLEMS} mistakes; there may be more"
    return Diagnostic("PC212", message, severity="note")
