"""Equilibrium propagation: compare the network at rest with the network at rest under a nudge.

With x_beta the state at which F = E + beta C is at rest, inputs clamped,

    g = [dF/dparams(x_second) - dF/dparams(x_first)] / (beta_second - beta_first)

tends to the gradient of C(x_0) as beta goes to zero, for any energy (see `rules.nudging` for
the variants and their errors). A readout outside the system learns through beta C itself.

Where feedback edges have weights of their own there is no energy; the states follow a field,
and what stands in for the contrast is -<x_second - x_first, d field/dparams> at the free
states, over the difference of the betas.

Sources: Scellier & Bengio 2017, doi:10.3389/fncom.2017.00024; Laborieux et al. 2021,
doi:10.3389/fnins.2021.633674 (centred, random sign, readout); Scellier et al. 2018,
arXiv:1808.04873 (vector fields).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pccompiler.components.phases import Nudging, Phase
from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.contract import Estimator
from pccompiler.components.rules.estimators import EnergyContrast, FieldContrast
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.nudging import (
    NUDGED,
    Variant,
    approaches,
    compared,
    nudged_phases,
)
from pccompiler.components.rules.theory import Claim, Resembles
from pccompiler.components.vocabulary import Refusal


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

    def unsuited(self, network: Network) -> Refusal | None:
        if self.feedback == "same" and not network.answers:
            return Refusal(
                "`feedback: same` is for feedback edges with weights of their own in a hopfield "
                "network, of which it has none",
                "remove the option, or add the edges",
            )
        if self.feedback == "same" and not all(_mirror(network, *p) for p in network.answers):
            return Refusal(
                "`feedback: same` averages the updates of dense edges, and others answer each "
                "other here",
                "use `feedback: own`",
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

    def theory(self, network: Network) -> tuple[Claim, ...]:
        if not network.has_energy:
            return (Resembles("a gradient only where backward weights mirror forward ones"),)
        return (approaches(self, self.variant),)

    def nudging(self) -> Nudging | None:
        return Nudging(self.beta, self.variant == "random_sign", self.beta_growth)

    def reported_phase(self) -> str:
        return "free"


def _mirror(network: Network, forward: str, back: str) -> bool:
    """Whether both edges are a matrix alone, of transposed shapes."""
    pipelines = [network.edge[name].pipeline for name in (forward, back)]
    if any(len(pipeline) != 1 for pipeline in pipelines):
        return False
    shapes = [pipeline[0].weight.shape if pipeline[0].weight else () for pipeline in pipelines]
    return len(shapes[0]) == 2 and shapes[0] == shapes[1][::-1]
