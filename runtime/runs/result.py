"""result.json: that a run has finished, why, and with what scores."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.runs.position import Best, Count


class _Scores(BaseModel):
    """The scores of one checkpoint on the test split."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    trained_steps: Count | None = None
    accuracy: float | None = None
    loss: float | None = None
    energy: float | None = None


class _Result(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    reason: Literal["completed", "early_stop"]
    step: Count
    epoch: Count
    best: Best | None
    test: dict[str, _Scores] = {}


def result_from_json(content: bytes) -> dict[str, Any] | None:
    """The content that a run wrote, as plain values; None for anything else."""
    try:
        return _Result.model_validate_json(content).model_dump(exclude_unset=True)
    except ValidationError:
        return None
