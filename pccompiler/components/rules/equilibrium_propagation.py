"""Equilibrium propagation: compare the network at rest with the network at rest under a nudge.

With x_beta the state at which F = E + beta C is at rest, inputs held,

    g = [dF/dparams(x_second) - dF/dparams(x_first)] / (beta_second - beta_first)

tends to the gradient of C(x_0) as beta goes to zero, for any energy (see `rules.nudging` for
the variants and their errors). A readout outside the system learns through beta C itself.

Where feedback edges have weights of their own there is no energy; the states follow a field,
and what stands in for the contrast is -<x_second - x_first, d field/dparams> at the free
states, over the difference of the betas.

Sources: Scellier & Bengio 2017; Laborieux et al. 2021 (centred, random sign, readout);
Scellier et al. 2018 (vector fields).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.estimators import EnergyContrast, FieldContrast
from pccompiler.components.rules.nudging import NUDGED, Variant, compared, nudged_phases
from pccompiler.components.vocabulary import Estimator, Network, Nudging, Phase


class EquilibriumPropagation(Rule):
    """The change of the energy's gradient under a small nudge of the outputs."""

    name: ClassVar[str] = "equilibrium_propagation"
    aliases: ClassVar[tuple[str, ...]] = ("ep", "eqprop", "eq_prop")
    phase_names: ClassVar[tuple[str, ...]] = NUDGED

    beta: float = Field(default=0.1, gt=0, description="strength of the nudge")
    variant: Variant = Field(
        default="centred",
        description="sign of the nudge; centred uses both, random_sign draws it for each batch",
    )
    start: Literal["free", "initial"] = Field(
        default="free", description="nudged phases start from the free states, or as the free one"
    )
    feedback: Literal["own", "same"] = Field(
        default="own",
        description="feedback weights of their own learn from their own side, or both ways take "
        "the mean of the two updates",
    )
    beta_growth: float = Field(
        default=0.0, ge=0, description="added to beta after each epoch, up to 1"
    )

    def needs_output(self) -> bool:
        return True

    def unsuited(self, network: Network) -> str | None:
        if self.feedback == "same" and not network.answers:
            return (
                "`feedback: same` is for feedback edges with weights of their own in a hopfield "
                "network, of which it has none; remove the option, or add the edges"
            )
        if self.feedback == "same" and not network.answers_mirror:
            return (
                "`feedback: same` averages the updates of dense edges, and others answer each "
                "other here; use `feedback: own`"
            )
        return None

    def phases(self, network: Network) -> tuple[Phase, ...]:
        return nudged_phases(network, self.beta, self.variant, start=self.start)

    def estimator(self, network: Network) -> Estimator:
        first, second = compared(self.variant)
        if not network.has_energy:
            averaged = network.answers if self.feedback == "same" else ()
            return FieldContrast("free", first, second, averaged)
        return EnergyContrast(first, second)

    def nudging(self) -> Nudging | None:
        return Nudging(self.beta, self.variant == "random_sign", self.beta_growth)

    def reported_phase(self) -> str:
        return "free"
