"""The position of a training: the content of meta.json in a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from runtime.runs.reading import first_fault

Count = Annotated[int, Field(ge=0, lt=2**63)]


@dataclass(frozen=True)
class Best:
    """The best value of the monitored metric so far; `step` names its checkpoint. `loss` is what
    decides between equal values of another metric; None in a network without outputs."""

    metric: str
    value: float
    step: Count
    epoch: Count
    loss: float | None = None

    @property
    def name(self) -> str:
        return f"{self.step:06d}"


@dataclass(frozen=True)
class Position:
    """The position of a training, beside the training state itself.

    `step` counts finished training steps, `horizon` is the number planned, for the schedule.
    `stale_epochs` counts epochs without improvement, for early stopping. `diverged` marks the
    state before a batch that was not finite.
    """

    step: Count
    steps_per_epoch: Annotated[int, Field(ge=1, lt=2**63)]
    horizon: Count
    best: Best | None = None
    stale_epochs: Count = 0
    diverged: bool = False
    spec_digest: str = ""
    data_digest: str = ""
    versions: Mapping[str, str] | None = None

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return self.step // self.steps_per_epoch

    @property
    def name(self) -> str:
        """That of the checkpoint."""
        return f"{self.step:06d}"

    def to_json(self) -> str:
        position = {"epoch": self.epoch, "batch_in_epoch": self.step % self.steps_per_epoch}
        return json.dumps(asdict(self) | position, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Position:
        """Reads what `to_json` wrote. Raises ValueError, which names the first value that is not
        what it should be."""
        try:
            return _reader().validate_json(text, strict=True)
        except ValidationError as error:
            raise ValueError(first_fault(error)) from None


@cache
def _reader() -> TypeAdapter[Position]:
    return TypeAdapter(Position)
