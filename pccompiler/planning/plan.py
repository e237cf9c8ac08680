"""The update plan: everything a training step computes, as data.

Planning and the plan passes decide; emission to JAX reads the plan and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from pccompiler.components.energies import Energy
from pccompiler.components.phases import Nudging, Phase
from pccompiler.components.rules.contract import Estimator, OwnArrays, Predictor
from pccompiler.components.rules.theory import Claim
from pccompiler.components.state_inits import StateInit
from pccompiler.components.state_optimizers import StateOptimizer
from pccompiler.components.target import Target
from pccompiler.ir.copies import Copies
from pccompiler.ir.graph import Graph

NEVER = 10**9
"""A step number that no relaxation reaches."""


Steps = tuple[int, ...]
"""A step number for each copy of a node in time; a network without time has one copy."""


class Repeat(StrEnum):
    """The repetition of a stretch's inference step in the program."""

    UNROLLED = "unrolled"
    COUNTED = "loop"
    UNTIL_AT_REST = "until at rest"


@dataclass(frozen=True)
class Stretch:
    """Consecutive inference steps that compute the same terms.

    `live` nodes contribute their energy, `moving` nodes are updated, and `reused` edges take
    their value from the start of the phase because their source has not moved since.
    `arrivals` gives, for live nodes that may still be unreached within this stretch, the step
    from which the energy of each of their copies in time counts; nodes that count throughout
    are left out.
    """

    first: int
    last: int
    live: tuple[str, ...]
    moving: tuple[str, ...]
    reused: frozenset[str]
    repeat: Repeat
    arrivals: Mapping[str, Steps]


@dataclass(frozen=True, kw_only=True)
class PhasePlan(Phase):
    """A phase with every decision taken.

    `energies` are those of the nodes that have a prediction; a clamped output's is its loss at
    the times of targets, and `without_target` gives its energy at other times, where it is free.
    `free` are the states that inference may change. `arrival[n]` is the first step (from 1) at
    which the error of node n can be non-zero, for each copy in time; before it, the error is
    zero by definition. `movement[n]` is the step at whose end a node first moves, or changes
    with what it passes through. `end` describes the evaluation after the last step, where
    energies are reported and parameters learn. The values that `carried` edges have at the start of
    the phase before hold at the start of this one too. With `colours`, a step moves the free
    nodes of one colour after those of another, each from a gradient of its own.
    """

    energies: Mapping[str, Energy]
    without_target: Mapping[str, Energy]
    free: tuple[str, ...]
    arrival: Mapping[str, Steps]
    movement: Mapping[str, int]
    stretches: tuple[Stretch, ...]
    end: Stretch
    carried: frozenset[str] = frozenset()
    colours: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, phase: Phase, **decisions: Any) -> PhasePlan:
        """The plan of a phase, given every decision by name."""
        return cls(**vars(phase), **decisions)

    def first_arrival(self, node: str) -> int:
        """The step at which information first reaches any copy of the node."""
        return min(self.arrival[node])

    def replace(self, **changes: Any) -> PhasePlan:
        return replace(self, **changes)


@dataclass(frozen=True)
class UpdatePlan:
    """A training step and the prediction of a network.

    `prediction` is the phase that predicts, `read` the nodes it is read from, and `outputs` those
    that have a loss: the outputs that prediction does not clamp. Phases that stand `together`
    differ in beta alone and relax as one batch. `nudging` says how beta changes from batch to
    batch. `own` are the arrays of the rule, `theory` what theory claims of it. `predictor`, where
    there is one, predicts in place of the phase `prediction`. `learning_phase` is the phase at each
    of whose steps the parameters learn, for a rule that does not wait for its end: no prediction in
    it stays what it was, so that no pass optimises it. Operators with several algorithms stand in
    `graph` with the one that is best on the `target`; `algorithms` names it, by edge and operator.
    """

    graph: Graph
    phases: tuple[PhasePlan, ...]
    estimator: Estimator
    reported: str
    prediction: PhasePlan
    read: tuple[str, ...]
    outputs: tuple[str, ...]
    init: StateInit
    state_optimizer: StateOptimizer
    stop: tuple[float, float] | None
    """(residual, floor) of the stopping rule, or None to take every step."""
    nudging: Nudging | None = None
    own: OwnArrays = field(default_factory=dict)
    learning_phase: PhasePlan | None = None
    predictor: Predictor | None = None
    theory: tuple[Claim, ...] = ()
    target: Target = field(default_factory=Target)
    algorithms: Mapping[str, str] = field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def copies(self) -> Copies:
        """The copies of the graph's nodes in time."""
        return Copies(self.graph)

    def phase(self, name: str) -> PhasePlan:
        """The plan of a phase by name; KeyError with the names there are."""
        for plan in (*self.phases, self.prediction):
            if plan.name == name:
                return plan
        names = ", ".join(plan.name for plan in self.phases)
        raise KeyError(f"there is no phase `{name}`; there are: {names}")

    def map_phases(self, change: Callable[[PhasePlan], PhasePlan]) -> UpdatePlan:
        """The plan with every phase changed, the predicting one too."""
        phases = tuple(change(phase) for phase in self.phases)
        return replace(self, phases=phases, prediction=change(self.prediction))
