"""A line of a verification: what theory expects, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One check of one network.

    `check` says what was measured, such as "target alignment after one update"; `subject` the
    edge, node or network it is about ("" for the whole); `expected` what theory says, in words
    and numbers; `measured` the numbers. `passed` is None where theory expects nothing.
    """

    check: str
    subject: str
    expected: str
    measured: str
    passed: bool | None
