"""The rows of a verification: expectation of theory, and measurement."""

from __future__ import annotations

from dataclasses import dataclass, field


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


@dataclass
class Report:
    """All rows of a verification, and the curves behind them.

    `errors`: by variant, the relative error at each beta; `energies`: by phase, the mean energy
    at each inference step. `conclusion`: what all of it means, and what to change.
    """

    name: str
    rule: str
    header: str
    rows: list[Row] = field(default_factory=list)
    errors: dict[str, dict[float, float]] = field(default_factory=dict)
    energies: dict[str, list[float]] = field(default_factory=dict)
    conclusion: str = ""

    @property
    def failed(self) -> list[Row]:
        return [row for row in self.rows if row.passed is False]
