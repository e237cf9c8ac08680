"""The elements of a graph: nodes, edges, time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf, prod
from typing import Any

from pccompiler.components.energies import Energy, Gaussian, Prior
from pccompiler.components.operators import Operator
from pccompiler.components.vocabulary import EdgeKind, Role, Shape
from pccompiler.diagnostics.source import Span


class Stage(StrEnum):
    """The stage of compilation of a graph; each one guarantees more (see `ir.verify`)."""

    BUILT = "built"
    TYPED = "typed"


@dataclass(frozen=True)
class Node:
    """A population of units. `shape` is None until shapes are inferred.

    `energy` is that of its state given its prediction, times `precision`; `chosen` says
    whether the spec names it, so that it also holds where data is clamped. A root, which has
    no forward prediction, may have a `prior`. `concatenates` joins the incoming values along
    the last axis, in canonical order, instead of adding them; `sums_feedback` adds the
    feedback values instead of averaging them. A free state is kept between `low` and `high`.
    """

    name: str
    shape: Shape | None
    role: Role
    activation: str
    precision: float
    energy: Energy = field(default_factory=Gaussian)
    chosen: bool = False
    prior: Prior | None = None
    concatenates: bool = False
    sums_feedback: bool = False
    low: float = -inf
    high: float = inf
    span: Span | None = field(default=None, compare=False)

    @property
    def passes_through(self) -> bool:
        """Whether the node has no state: its prediction is read in its place."""
        return self.energy.passes_through

    def replace(self, **changes: Any) -> Node:
        return replace(self, **changes)


Owner = tuple[str, int]
"""The owner of an operator's parameters: an edge, and the position of the operator in it."""


@dataclass(frozen=True)
class Edge:
    """A pipeline of operators from `source` into a prediction of `target`.

    A forward edge of delay d reads its source d time steps before, a feedback edge d steps
    after. What it contributes is `gain` times the pipeline. `owners` names, by position, the
    operators that use another's parameters. `update_scale` multiplies every update of its
    parameters (0: they are not trained). `reference` is the edge that the spec names in
    `tied_to` or `transpose_of`.

    Once typed, `shapes[i]` is what operator i receives and `shapes[-1]` what leaves the last.
    """

    name: str
    source: str
    target: str
    kind: EdgeKind
    operators: tuple[Operator, ...]
    shapes: tuple[Shape, ...] = ()
    delay: int = 0
    gain: float = 1.0
    update_scale: float = 1.0
    tied_to: str | None = None
    owners: tuple[tuple[int, Owner], ...] = ()
    span: Span | None = field(default=None, compare=False)
    operator_span: Span | None = field(default=None, compare=False)

    @property
    def is_feedback(self) -> bool:
        return self.kind is EdgeKind.FEEDBACK

    @property
    def is_ordered(self) -> bool:
        """Whether its source must be known before its target, within a time step."""
        return self.kind in (EdgeKind.FEEDFORWARD, EdgeKind.SKIP) and not self.delay

    @property
    def pipeline(self) -> tuple[tuple[Operator, Shape, Shape], ...]:
        """(operator, shape before, shape after) along the pipeline of a typed edge."""
        return tuple(zip(self.operators, self.shapes[:-1], self.shapes[1:], strict=True))

    @property
    def parameter_count(self) -> int:
        """The number of learned numbers of a typed edge's operators, borrowed ones not counted."""
        borrowed = {position for position, _ in self.owners}
        return sum(
            prod(parameter.shape)
            for position, (operator, given, result) in enumerate(self.pipeline)
            if position not in borrowed
            for parameter in operator.parameters(given, result).values()
        )

    def replace(self, **changes: Any) -> Edge:
        return replace(self, **changes)


@dataclass(frozen=True)
class Time:
    """A network unrolled in time: copies 0 .. steps-1 of every node.

    Targets hold for the last copy, or for every one.
    """

    steps: int
    every: bool = False
