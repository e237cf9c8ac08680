"""The words that components speak: shapes, roles, phases, and what a rule may ask for.

Members (operators, energies, rules) and the compiler meet only in these types, so a new
member never has to know how the compiler works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

Shape = tuple[int, ...]
"""The shape of one sample; the batch axis is never part of it."""

Array = Any
"""A JAX array (or tracer). Spelled `Any` so that describing a network never imports JAX."""

Params = Mapping[str, Any]
"""Parameters by edge name, each a mapping such as `{"weight": ..., "bias": ...}`."""


class Role(StrEnum):
    """What a node is to the data: `input` and `output` nodes are bound to fields of a batch."""

    INPUT = "input"
    OUTPUT = "output"
    HIDDEN = "hidden"


class Held(StrEnum):
    """What data an energy is made for, in the node that is held at it."""

    NUMBERS = "numbers"
    PROBABILITIES = "probabilities"
    """Each from 0 to 1."""
    DISTRIBUTIONS = "distributions"
    """Probabilities that sum to one along the last axis, such as one-hot classes."""


class PhaseKind(StrEnum):
    """How a phase computes the states it ends in."""

    FORWARD = "forward sweep"
    """One feedforward pass: every free node is set to its prediction, so its error is zero."""
    RELAX = "relaxation"
    """Inference steps: the free states descend the energy F = E + beta C."""


class Descent(StrEnum):
    """What a relaxation descends, and how."""

    ENERGY = "energy"
    """F, from the spec's start with the spec's state optimiser."""
    PINNED = "pinned"
    """F with predictions and their derivatives kept as the feedforward pass has them."""
    UNIT = "unit"
    """F from the feedforward pass, in plain gradient steps of rate one."""


@dataclass(frozen=True)
class Phase:
    """One stretch of computation of a training step.

    `clamped` nodes are held at the batch's values; those among them that are also `pulled` are
    held part of the way there, at o - beta dC/do, where o is what the phase starts from.
    `nudged` nodes are free and feel `beta` times the loss against the batch's values. `start`
    names the phase whose final states this one starts from; without it the spec's
    `inference.init` applies. `steps` counts inference steps, filled in from the spec for a
    relaxation whose rule does not say how many there are.
    """

    name: str
    kind: PhaseKind
    clamped: tuple[str, ...]
    nudged: tuple[str, ...] = ()
    beta: float = 0.0
    start: str | None = None
    steps: int = 0
    pulled: tuple[str, ...] = ()
    descent: Descent = Descent.ENERGY


@dataclass(frozen=True)
class Nudging:
    """How beta changes from batch to batch.

    Every beta of the rule is multiplied by one number: a random sign per batch if
    `random_sign`, and a size that makes |beta| grow from `beta` by `growth` after each epoch,
    up to one. `epochs` is how many there are.
    """

    beta: float
    random_sign: bool = False
    growth: float = 0.0
    epochs: int = 1


@dataclass(frozen=True)
class Network:
    """What a rule may know of the graph when it lays out its phases.

    `feedforward_is_equilibrium`: with only the inputs clamped, the feedforward pass is the
    minimum of the energy (no cycles, no free roots), so no relaxation is needed to find it.
    `has_energy`: the states descend an energy (no feedback with weights of its own in a
    Hopfield network); where there is, `answers` are the pairs (forward edge, feedback edge), and
    `answers_mirror` says whether both are dense maps of transposed shapes.
    `levels`: the number of levels that have a prediction, where all paths from a node to an
    output are equally long, else None.
    `plain`: every state between input and output is Gaussian with precision one and unbounded,
    and outputs lead nowhere.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    feedforward_is_equilibrium: bool
    form: str = "predictive_coding"
    has_energy: bool = True
    answers: tuple[tuple[str, str], ...] = ()
    answers_mirror: bool = True
    levels: int | None = None
    plain: bool = True


class Evidence(Protocol):
    """What an estimator may use of a training step, all of it inside the jitted program."""

    @property
    def params(self) -> Params: ...

    def states(self, phase: str) -> Mapping[str, Array]:
        """Final states of a phase by node name, each of shape (batch, *shape)."""
        ...

    def energy_gradient(self, phase: str) -> Params:
        """d/dparams of the batch mean of F in that phase, its final states held fixed."""
        ...

    def energy_contrast(self, second: str, first: str) -> Params:
        """The energy gradient of one phase minus that of another."""
        ...

    def beta(self, phase: str) -> Array | float:
        """The nudge of a phase in this batch."""
        ...

    def field_gradient(self, phase: str, along: Mapping[str, Array]) -> Params:
        """d/dparams of the batch mean of sum_n <along_n, dF/dx_n>, at the final states of an
        unnudged phase, plus that of dF/dbeta: what -<along, field> makes of the parameters."""
        ...

    def arrival_gradient(self, phase: str) -> Params:
        """d/dparams of the batch mean of the energies, each at the step at which its error
        first arrives, with the predictions of the feedforward pass."""
        ...

    def loss_gradient(self) -> Params:
        """d/dparams of the batch mean of the loss of the network's prediction."""
        ...


class Estimator(Protocol):
    """Turns the evidence of a training step into the gradient handed to the optimiser."""

    @property
    def energy_phases(self) -> tuple[str, ...]:
        """The phases whose energy gradient it takes."""
        ...

    def describe(self) -> str:
        """The formula, as the printed plan shows it."""
        ...

    def gradient(self, evidence: Evidence) -> Params:
        """A tree like the parameters; it need not derive from an energy."""
        ...
