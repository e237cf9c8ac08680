"""What an energy form is: how a node's state, its predictions and its energy make a term of F."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import inf
from typing import ClassVar

from pccompiler.components.activations import Activation
from pccompiler.components.energies import Energy
from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


@dataclass(frozen=True)
class Predicted:
    """A prediction of a node: values (copies, *shape), and where there is one.

    `present` has shape (copies,), or is None where every copy is predicted. A copy is a
    sample, or in a network unrolled in time a sample at one time.
    """

    values: Array
    present: Array | None = None

    def only(self, energies: Array) -> Array:
        """Energies per copy, (copies,), with zero where there is no prediction."""
        return energies if self.present is None else jnp.where(self.present, energies, 0)

    def error(self, x: Array) -> Array:
        """x minus the prediction, with zero where there is none."""
        error = x - self.values
        if self.present is None:
            return error
        return jnp.where(self.present.reshape(-1, *(1,) * (x.ndim - 1)), error, 0)


class EnergyForm(Member):
    """How forward and feedback predictions of a node become its term of the energy.

    `uses_feedback`: feedback edges take part. `feedforward_is_minimum`: with only the roots
    held, every state at its forward prediction minimises the energy. `undirected`: an edge
    couples its ends instead of predicting one of them; predictions are then sums without an
    activation, outputs that are held have no loss, and cycles need no delay.
    `rests_at_minimum`: `at_rest` is known. `sums_energies`: F is the sum of the energies that the
    nodes have given their forward predictions.

    The slope of a state is dF/dx, without the derivative of its own `potential`.
    """

    uses_feedback: ClassVar[bool] = False
    feedforward_is_minimum: ClassVar[bool] = False
    undirected: ClassVar[bool] = False
    rests_at_minimum: ClassVar[bool] = False
    sums_energies: ClassVar[bool] = False

    def wants_quadratic(self) -> bool:
        """Whether it is defined only for nodes whose energy is quadratic (gaussian)."""
        return False

    def adds_errors(self) -> bool:
        """Whether the errors of a node's two predictions enter its energy as one sum."""
        return False

    def wants_potential(self) -> bool:
        """Whether the activation of every node needs a potential."""
        return False

    def emitted(self, activation: Activation, x: Array) -> Array:
        """What edges, and the node's own term, read of a state."""
        return x

    def started(self, activation: Activation, total: Array) -> Array:
        """Where a feedforward pass puts a node whose incoming values add up to `total`."""
        return activation(total)

    def potential(self, activation: Activation, x: Array) -> Array | None:
        """The energy of a free state by itself, shape (copies,), where the term leaves it out."""
        return None

    @abstractmethod
    def term(
        self, energy: Energy, x: Array, forward: Predicted | None, feedback: Predicted | None
    ) -> Array:
        """The energy per copy, shape (copies,), of x of shape (copies, *shape)."""

    @abstractmethod
    def curvature(self, activation: Activation, forward: bool, feedback: bool) -> float | None:
        """The curvature in x of the node's own term, its predictions fixed, as a multiple of
        precision and curvature of its energy; None where it is not constant. `forward` and
        `feedback` say which predictions the node has."""

    def at_rest(
        self, activation: Activation, curvature: float | None, x: Array, slope: Array
    ) -> Array:
        """Where the state would rest if the pull of all others stayed what it is: the minimum
        of curvature/2 (x - c)^2 with the present slope."""
        assert curvature is not None
        return x - slope / curvature

    def direction(self, activation: Activation, x: Array, slope: Array) -> Array:
        """What a gradient step takes for dF/dx."""
        return slope

    def bounds(self, activation: Activation) -> tuple[float, float]:
        """The range in which states are kept."""
        return -inf, inf
