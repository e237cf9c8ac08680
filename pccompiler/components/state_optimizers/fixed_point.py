"""The step of each state to its place of rest, all others fixed."""

from typing import ClassVar

from pydantic import Field

from pccompiler.components.state_optimizers.base import Memory, NodeOptimizer
from pccompiler.components.vocabulary import Array


class FixedPoint(NodeOptimizer):
    """Each state moves to where it would rest if all others stayed: x <- d x + (1 - d) rest.

    For Hopfield nodes rest = activation(field), for Gaussian ones x - (dF/dx) / precision, both
    within the node's range. Without damping and for quadratic energies this is a gradient step
    of rate one.

    Source: the dynamics of Laborieux et al. 2021, arXiv:2006.03824.
    """

    name: ClassVar[str] = "fixed_point"
    aliases: ClassVar[tuple[str, ...]] = ("fixed", "coordinate_descent")
    shorthand: ClassVar[str | None] = "damping"
    seeks_rest: ClassVar[bool] = True
    calmer_above: ClassVar[bool] = True
    calmed_by: ClassVar[str] = "damp the states"

    damping: float = Field(default=0.0, ge=0, lt=1, description="d: how much of the state stays")

    @property
    def calming(self) -> str:
        return "damping"

    @property
    def rate(self) -> float:
        return 1 - self.damping

    @property
    def slots(self) -> int:
        return 0

    def memory(self, x: Array) -> Memory:
        return ()

    def update(self, gradient: Array, memory: Memory, t: Array | int) -> tuple[Array, Memory]:
        return -(1 - self.damping) * gradient, ()
