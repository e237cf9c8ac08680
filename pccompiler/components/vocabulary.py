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


class PhaseKind(StrEnum):
    """How a phase computes the states it ends in."""

    FORWARD = "forward sweep"
    """One feedforward pass: every free node is set to its prediction, so its error is zero."""
    RELAX = "relaxation"
    """Inference steps: the free states descend the energy F = E + beta C."""


@dataclass(frozen=True)
class Phase:
    """One stretch of computation of a training step.

    `clamped` nodes are held at the batch's values, `nudged` ones are free and feel
    `beta` times the loss against the batch's values. `start` names the phase whose final
    states this one starts from; without it the spec's `inference.init` applies.
    `steps` counts inference steps, filled in from the spec for a relaxation.
    """

    name: str
    kind: PhaseKind
    clamped: tuple[str, ...]
    nudged: tuple[str, ...] = ()
    beta: float = 0.0
    start: str | None = None
    steps: int = 0


@dataclass(frozen=True)
class Network:
    """What a rule may know of the graph when it lays out its phases.

    `feedforward_is_equilibrium`: with only the inputs clamped, the feedforward pass is the
    minimum of the energy (no cycles, no free roots), so no relaxation is needed to find it.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    feedforward_is_equilibrium: bool


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
