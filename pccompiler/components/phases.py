"""Phases: the parts of a training step, as a rule lays them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pccompiler.components.state_optimizers import StateOptimizer, StateSGD
from pccompiler.components.vocabulary import Array


class PhaseKind(StrEnum):
    """The computation by which a phase reaches its final states."""

    FORWARD = "forward sweep"
    """One feedforward pass: every free node is set to its prediction, so its error is zero."""
    RELAX = "relaxation"
    """Inference steps: the free states descend the energy F = E + beta C."""


@dataclass(frozen=True)
class Descent:
    """The descent of a relaxation.

    `optimizer` moves the states instead of the spec's, in as many steps as the phase says,
    without stopping early. `from_predictions`: it starts from the feedforward pass whatever
    `inference.init` says, and all nodes move at once. `pinned`: predictions and their
    derivatives stay those of the start, so that only the errors relax.
    """

    optimizer: StateOptimizer | None = None
    from_predictions: bool = False
    pinned: bool = False

    @property
    def as_configured(self) -> bool:
        """Whether it is what the spec's `inference` says, and ends where F is at rest."""
        return self == AS_CONFIGURED


AS_CONFIGURED = Descent()
"""F, from the spec's start, by the spec's optimiser of states."""

PINNED = Descent(from_predictions=True, pinned=True)
"""F with predictions and their derivatives kept as the feedforward pass has them."""

UNIT = Descent(StateSGD(learning_rate=1.0), from_predictions=True)
"""F from the feedforward pass, in plain gradient steps of rate one."""


class Transform(Protocol):
    """A change of the batch before a phase: a label written into an input, added noise.

    A frozen value, so that a plan that holds it can be compared and printed.
    """

    @property
    def reads(self) -> tuple[str, ...]:
        """The nodes whose arrays it needs."""
        ...

    def describe(self) -> str:
        """Its description in the printed plan."""
        ...

    def __call__(self, batch: Mapping[str, Array], key: Array) -> Mapping[str, Array]:
        """Returns the transformed batch; arrays (batch, *shape) by node name."""
        ...


@dataclass(frozen=True)
class Phase:
    """One stretch of computation of a training step.

    `clamped` nodes are fixed at the batch's values; those among them that are also `pulled` are
    clamped part of the way there, at o - beta dC/do, where o is what the phase starts from.
    `nudged` nodes are free and feel `beta` times the loss against the batch's values. `start`
    names the phase whose final states this one starts from; without it the spec's
    `inference.init` applies. `steps` counts inference steps, filled in from the spec for a
    relaxation whose rule does not say how many there are. `transform` changes the batch first.
    """

    name: str
    kind: PhaseKind
    clamped: tuple[str, ...]
    nudged: tuple[str, ...] = ()
    beta: float = 0.0
    start: str | None = None
    steps: int = 0
    pulled: tuple[str, ...] = ()
    descent: Descent = AS_CONFIGURED
    transform: Transform | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The nodes whose arrays in the batch it needs."""
        return (*self.clamped, *self.nudged, *(self.transform.reads if self.transform else ()))


@dataclass(frozen=True)
class Nudging:
    """The change of beta from batch to batch.

    Every beta of the rule is multiplied by one number: a random sign per batch if
    `random_sign`, and a size that makes |beta| grow from `beta` by `growth` after each epoch,
    up to one. `epochs` is how many there are.
    """

    beta: float
    random_sign: bool = False
    growth: float = 0.0
    epochs: int = 1
