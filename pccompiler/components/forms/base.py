"""What an energy form is: how a node's state, its predictions and its energy make a term of F."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
    held, every state at its forward prediction minimises the energy.
    """

    uses_feedback: ClassVar[bool] = False
    feedforward_is_minimum: ClassVar[bool] = False

    def wants_gaussian(self) -> bool:
        """Whether it is defined for Gaussian nodes only."""
        return False

    def term(
        self, energy: Energy, x: Array, forward: Predicted | None, feedback: Predicted | None
    ) -> Array:
        """The energy per copy, shape (copies,), of x of shape (copies, *shape)."""
        raise NotImplementedError
