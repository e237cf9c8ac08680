"""Gradient descent whose rate falls where the energy does not."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from pccompiler.components.state_optimizers.base import (
    Landscape,
    StateOptimizer,
    States,
    per_sample,
    sample_sum,
)
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


class Adaptive(StateOptimizer):
    """Gradient descent with a rate per sample, halved when the energy of that sample rises.

        rate <- discount * rate   if F(x) > F(x of the step before);      x <- x - rate g

    The step that raised the energy stays taken. So a rate that is too large for a curvature is
    found out by itself, after some steps that overshoot.

    Source: the relaxation of Song et al. 2024, doi:10.1038/s41593-023-01514-1, there for the
    energy of a batch.
    """

    name: ClassVar[str] = "adaptive"
    aliases: ClassVar[tuple[str, ...]] = ("backtracking", "armijo", "line_search")
    joint: ClassVar[bool] = True

    learning_rate: float = Field(default=0.1, gt=0, description="rate of the states at the start")
    discount: float = Field(
        default=0.5, gt=0, lt=1, description="factor on a sample's rate when its energy rises"
    )

    @property
    def rate(self) -> float:
        return self.learning_rate

    @property
    def slots(self) -> int:
        return 0

    def start(self, states: Mapping[str, Array]) -> dict[str, Array]:
        zero = 0 * sample_sum(states)
        return {"energy": zero + jnp.inf, "factor": zero + 1}

    def move(
        self,
        gradients: Mapping[str, Array],
        memory: dict[str, Array],
        t: Array | int,
        landscape: Landscape,
    ) -> tuple[States, dict[str, Array]]:
        energy = landscape.energy()
        rises = energy > memory["energy"]
        factor = jnp.where(rises, self.discount * memory["factor"], memory["factor"])
        updates = {
            name: -self.learning_rate * per_sample(factor, g) * g for name, g in gradients.items()
        }
        return updates, {"energy": energy, "factor": factor}
