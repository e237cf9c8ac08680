"""The Hopfield energy: edges are couplings that act in both directions.

With what the edges written into a node make of their sources, a_n = sum_e gain_e
pipeline_e(r(x_s)), bias included, and the activation s of each node,

    state   F = sum_n G_n(x_n) - sum_n <x_n, a_n>               r(x) = x,   G' = inverse of s
    rho     F = sum_n 1/2 ||x_n||^2 - sum_n <s(x_n), a_n>       r(x) = s(x)

plus beta C where an output is nudged. G_n is left out where a node is clamped to data. The field
on a unit is f = -d/dx (F - G): its neighbours' pull along every edge, in both directions. So
`state` is at rest where x = s(f), and `rho` where x = f.

An inference step takes G as it is known instead of differentiating it, which at the ends of a
saturating activation would divide zero by zero. Gradient steps follow dF/dx where G is
quadratic, clipped to the range of the activation, and x - s(f) elsewhere: a direction in
which F falls, since s is monotone, and which is zero at the same states.

Sources: Hopfield 1984, doi:10.1073/pnas.81.10.3088; Scellier & Bengio 2017 (rho),
arXiv:1602.05179; Laborieux et al. 2021, arXiv:2006.03824, and Scellier et al. 2023,
arXiv:2312.15103 (state, convolutions and pooling).
"""

from __future__ import annotations

from math import inf
from typing import ClassVar, Literal

from pydantic import Field

from pccompiler.components.activations import Activation
from pccompiler.components.energies import Energy
from pccompiler.components.forms.base import EnergyForm, Predicted
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


class HopfieldForm(EnergyForm):
    """Couplings that act both ways: the energy of equilibrium propagation."""

    name: ClassVar[str] = "hopfield"
    aliases: ClassVar[tuple[str, ...]] = (
        "symmetric",
        "energy_based",
        "equilibrium_propagation",
        "ep",
    )
    shorthand: ClassVar[str | None] = "nonlinearity"
    uses_feedback: ClassVar[bool] = True
    undirected: ClassVar[bool] = True
    rests_at_minimum: ClassVar[bool] = True

    nonlinearity: Literal["state", "rho"] = Field(
        default="state", description="x rests at activation(field), or emits activation(x)"
    )

    def wants_potential(self) -> bool:
        return self.nonlinearity == "state"

    def emitted(self, activation: Activation, x: Array) -> Array:
        return activation(x) if self.nonlinearity == "rho" else x

    def started(self, activation: Activation, total: Array) -> Array:
        return total if self.nonlinearity == "rho" else activation(total)

    def potential(self, activation: Activation, x: Array) -> Array:
        if self.nonlinearity == "rho":
            units = 0.5 * x * x
        else:
            assert activation.potential is not None
            units = activation.potential(x)
        return jnp.sum(units, axis=tuple(range(1, x.ndim)))

    def term(
        self, energy: Energy, x: Array, forward: Predicted | None, feedback: Predicted | None
    ) -> Array:
        pulls = [pull.values for pull in (forward, feedback) if pull is not None]
        if not pulls:
            return jnp.zeros(x.shape[:1], x.dtype)
        return -jnp.sum(x * sum(pulls[1:], start=pulls[0]), axis=tuple(range(1, x.ndim)))

    def curvature(self, activation: Activation, forward: bool, feedback: bool) -> float | None:
        return 1.0 if self.nonlinearity == "rho" else activation.curvature

    def at_rest(
        self, activation: Activation, curvature: float | Array | None, x: Array, slope: Array
    ) -> Array:
        return -slope if self.nonlinearity == "rho" else activation(-slope)

    def direction(self, activation: Activation, x: Array, slope: Array) -> Array:
        if self.nonlinearity == "rho":
            return x + slope
        if activation.curvature is None:
            return x - activation(-slope)
        return activation.curvature * x + slope

    def bounds(self, activation: Activation) -> tuple[float, float]:
        """The range of the activation; under `rho` the states between which a clipping one is
        not flat, for beyond them a state feels nothing but its own pull back."""
        if self.nonlinearity == "state":
            return activation.low, activation.high
        if activation.curvature is None:
            return -inf, inf
        return activation.curvature * activation.low, activation.curvature * activation.high
