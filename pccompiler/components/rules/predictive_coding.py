"""Predictive coding: relax the states with the output clamped or nudged, then learn locally.

Clamped output (Rao & Ballard 1999; Whittington & Bogacz 2017): x_out = target, and the
output's own energy is the loss.

    x* = argmin_x F(x; params),        g = dF/dparams at x*

so that an edge learns from its own prediction error and its own input alone.

Nudged output: x_out is free, keeps its internal energy, and feels beta times the loss:
F_beta = E + beta C(x_out, target). With x*_beta the minimum of F_beta, the gradient of the
loss is approached as beta goes to zero (Scellier & Bengio 2017); see `rules.nudging`.

Nudged clamp: x_out is held part of the way from its prediction to the target, at
mu - beta dC/dmu, and g = dE/dparams / beta (Pinchetti et al. 2024). However small beta is, this
is not the gradient of the loss: the held output cannot give way as a nudged one does.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.estimators import EnergyContrast, EnergyGradient
from pccompiler.components.rules.nudging import NUDGED, Variant, compared, nudged_phases
from pccompiler.components.vocabulary import Estimator, Network, Nudging, Phase, PhaseKind


class PredictiveCoding(Rule):
    """Relax the states towards data and target, then descend the energy locally."""

    name: ClassVar[str] = "predictive_coding"
    aliases: ClassVar[tuple[str, ...]] = (
        "pc",
        "pcn",
        "inference_learning",
        "il",
        "prospective_configuration",
    )
    phase_names: ClassVar[tuple[str, ...]] = ("clamped", *NUDGED)

    output: Literal["clamp", "nudge", "clamp_nudge"] = Field(
        default="clamp",
        description="hold the output at the target, pull it there with beta in the energy, or "
        "hold it part of the way",
    )
    beta: float = Field(default=0.1, gt=0, description="strength of the nudge; unused by clamp")
    variant: Variant = Field(
        default="centred",
        description="sign of the nudge; centred uses both, random_sign draws it for each batch; "
        "unused by clamp",
    )
    beta_growth: float = Field(
        default=0.0, ge=0, description="added to beta after each epoch, up to 1; unused by clamp"
    )

    def needs_output(self) -> bool:
        return self.output != "clamp"

    def unused_options(self) -> tuple[str, ...]:
        if self.output != "clamp":
            return ()
        default = type(self)()
        options = ("beta", "variant", "beta_growth")
        return tuple(o for o in options if getattr(self, o) != getattr(default, o))

    def unsuited(self, network: Network) -> str | None:
        if network.form == "hopfield":
            return (
                "it descends prediction errors, which couplings that act both ways do not have; "
                "use equilibrium_propagation, contrastive_hebbian or coupled_learning"
            )
        return None

    def phases(self, network: Network) -> tuple[Phase, ...]:
        if self.output == "clamp":
            held = network.inputs + network.outputs
            return (Phase("clamped", PhaseKind.RELAX, clamped=held),)
        clamp = self.output == "clamp_nudge"
        return nudged_phases(network, self.beta, self.variant, clamp=clamp)

    def estimator(self, network: Network) -> Estimator:
        if self.output == "clamp":
            return EnergyGradient("clamped")
        return EnergyContrast(*compared(self.variant))

    def nudging(self) -> Nudging | None:
        if self.output == "clamp":
            return None
        return Nudging(self.beta, self.variant == "random_sign", self.beta_growth)

    def reported_phase(self) -> str:
        return "clamped" if self.output == "clamp" else "free"
