"""The contract of energy forms: the term of F of a node, from its state, predictions and energy."""

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
        """Masks energies per copy, (copies,): zero where there is no prediction."""
        return energies if self.present is None else jnp.where(self.present, energies, 0)

    def error(self, x: Array) -> Array:
        """Returns x minus the prediction, zero where there is none."""
        error = x - self.values
        if self.present is None:
            return error
        return jnp.where(self.present.reshape(-1, *(1,) * (x.ndim - 1)), error, 0)


class EnergyForm(Member):
    """The term of the energy that a node's forward and feedback predictions make.

    `uses_feedback`: feedback edges take part. `feedforward_is_minimum`: with only the roots
    clamped, every state at its forward prediction minimises the energy. `undirected`: an edge
    couples its ends instead of predicting one of them; predictions are then sums without an
    activation, outputs that are clamped have no loss, and cycles need no delay.
    `rests_at_minimum`: `at_rest` is known where there is a curvature. `sums_energies`: F is the
    sum of the energies that the nodes have given their forward predictions.

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
        """The function of the state that outgoing edges and the node's own term read."""
        return x

    def started(self, activation: Activation, total: Array) -> Array:
        """The state that a feedforward pass gives a node whose incoming values add up to
        `total`."""
        return activation(total)

    def potential(self, activation: Activation, x: Array) -> Array | None:
        """The potential of a free state, shape (copies,), where the term does not contain it."""
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
        """The state at which the node would rest if the pull of all others stayed fixed: the
        minimum of curvature/2 (x - c)^2 with the present slope."""
        assert curvature is not None
        return x - slope / curvature

    def direction(self, activation: Activation, x: Array, slope: Array) -> Array:
        """The direction that a gradient step uses in place of dF/dx."""
        return slope

    def bounds(self, activation: Activation) -> tuple[float, float]:
        """The range in which states are kept."""
        return -inf, inf
