"""Scores of a network on a split: means over all its samples, however they are batched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pccompiler.components.phases import PhaseKind
from runtime.data.splits import Arrays, padded_batches, samples

if TYPE_CHECKING:
    from pccompiler.lowering.model import CompiledModel

LARGEST_BATCH = 512
"""Samples evaluated at once, unless training uses more; the scores do not depend on it."""


@dataclass(frozen=True)
class Scores:
    """Means per sample. `loss` is None in a network without outputs, `accuracy` where targets
    are no classes; `method` is how the network predicted: `feedforward`, or `relax` with its
    number of inference steps."""

    loss: float | None
    accuracy: float | None
    energy: float
    samples: int
    method: str

    def value(self, metric: str) -> float | None:
        """`accuracy`, `loss` or `energy`."""
        values = {"accuracy": self.accuracy, "loss": self.loss, "energy": self.energy}
        return values[metric]


class Evaluator:
    """A split on the device, cut into padded batches of one size: one compilation for all."""

    def __init__(self, model: CompiledModel, split: Arrays, classes: bool, batch: int) -> None:
        import jax

        size = max(1, min(max(batch, LARGEST_BATCH), samples(split)))
        self._model = model
        self._classes = classes
        self._batches = [jax.device_put(padded) for padded in padded_batches(split, size)]
        self._method = prediction_method(model)

    def __call__(self, params: Any, aux: Any) -> Scores:
        """The scores of these parameters."""
        import jax

        sums = jax.device_get(
            [self._model.evaluate(params, aux, batch, weight) for batch, weight in self._batches]
        )
        # Added in float64 on the host, so that the result does not depend on the batch size.
        total = {name: float(np.sum([np.float64(s[name]) for s in sums])) for name in sums[0]}
        count = total["count"]
        return Scores(
            total["loss"] / count if self._model.plan.outputs else None,
            total["correct"] / count if self._classes else None,
            total["energy"] / count,
            round(count),
            self._method,
        )


def prediction_method(model: CompiledModel) -> str:
    """The method of prediction: `feedforward`, `relax(20)` with its inference steps, or in the
    rule's own way."""
    if model.plan.predictor:
        return model.plan.predictor.describe()
    phase = model.plan.prediction
    return "feedforward" if phase.kind is PhaseKind.FORWARD else f"relax({phase.steps})"
