"""The events of a run, and the reporters that receive them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pccompiler.diagnostics.diagnostic import Diagnostic
from runtime.training.evaluation import Scores


@dataclass(frozen=True)
class Start:
    """A run begins, or continues after `step` finished steps; `finished`: none are left."""

    name: str
    folder: Path
    step: int
    total_steps: int
    steps_per_epoch: int
    epochs: int
    finished: bool = False


@dataclass(frozen=True)
class StepReport:
    """After a call of the training program: its last step. Absent metrics are None."""

    step: int
    epoch: int
    loss: float | None
    accuracy: float | None
    energy: float
    steps_per_second: float


@dataclass(frozen=True)
class EpochReport:
    """After an epoch. `scores` are those of the validation split, if there is one; `best`
    says whether the monitored metric reached a new best. `seconds` leaves validation out."""

    step: int
    epoch: int
    scores: Scores | None
    best: bool
    seconds: float
    steps_per_second: float


@dataclass(frozen=True)
class EarlyStop:
    """Training ended before its last epoch: for `patience` epochs the monitored metric did not
    improve on the best, `value`, which was reached in epoch `best`."""

    epoch: int
    epochs: int
    patience: int
    metric: str
    value: float | None
    best: int | None


class Reporter(Protocol):
    """The observer of a run."""

    def begin(self, start: Start) -> None: ...

    def step(self, report: StepReport) -> None: ...

    def epoch(self, report: EpochReport) -> None: ...

    def warn(self, warning: Diagnostic) -> None: ...

    def end(self) -> None:
        """Training is over, by whatever way; always called once after `begin`."""
        ...

    def stopped_early(self, stop: EarlyStop) -> None:
        """It ended for want of improvement; called after `end`."""
        ...


class Silent:
    """Says nothing; warnings become Python warnings, and notes are left out."""

    def begin(self, start: Start) -> None: ...

    def step(self, report: StepReport) -> None: ...

    def epoch(self, report: EpochReport) -> None: ...

    def warn(self, warning: Diagnostic) -> None:
        if warning.severity == "note":
            return
        text = f"{warning.message} ({warning.help})" if warning.help else warning.message
        warnings.warn(f"[{warning.code}] {text}", RuntimeWarning, stacklevel=2)

    def end(self) -> None: ...

    def stopped_early(self, stop: EarlyStop) -> None: ...
