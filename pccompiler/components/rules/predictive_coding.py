"""Predictive coding: relax the states with the output clamped or nudged, then learn locally.

Clamped output (Rao & Ballard 1999, doi:10.1038/4580; Whittington & Bogacz 2017,
doi:10.1162/NECO_a_00949): x_out = target, and the output's own energy is the loss.

    x* = argmin_x F(x; params),        g = dF/dparams at x*

so that an edge learns from its own prediction error and its own input alone.

Incremental (`update: incremental`; Salvatori et al. 2024, arXiv:2212.00720): there is no x* to
wait for. At every inference step t the gradients of states and parameters are taken from the
same states and parameters, and both are stepped,

    x <- x + state_optimizer(dF/dx),       params <- params + optimizer(dF/dparams)

so that a training step makes as many updates as there are inference steps. Weight decay and
schedules act at each of them.

Nudged output: x_out is free, keeps its internal energy, and feels beta times the loss:
F_beta = E + beta C(x_out, target). With x*_beta the minimum of F_beta, the gradient of the
loss is approached as beta goes to zero (Scellier & Bengio 2017, doi:10.3389/fncom.2017.00024);
see `rules.nudging`.

Nudged clamp: x_out is clamped part of the way from its prediction to the target, at
mu - beta dC/dmu, and g = dE/dparams / beta (Pinchetti et al. 2024, arXiv:2407.01163). However
small beta is, this is not the gradient of the loss: the clamped output cannot give way as a nudged
one does.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pccompiler.components.phases import Nudging, Phase, PhaseKind
from pccompiler.components.rules.base import Moment, Rule
from pccompiler.components.rules.contract import Estimator
from pccompiler.components.rules.contrastive import ContrastiveHebbian, CoupledLearning
from pccompiler.components.rules.equilibrium_propagation import EquilibriumPropagation
from pccompiler.components.rules.estimators import EnergyContrast, EnergyGradient
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.nudging import (
    NUDGED,
    Variant,
    approaches,
    compared,
    nudged_phases,
)
from pccompiler.components.rules.theory import (
    Claim,
    DiffersFromBackprop,
    NeverBackprop,
    NoGradientOfTheLoss,
)
from pccompiler.components.vocabulary import Refusal


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
        description="clamp the output to the target, pull it there with beta in the energy, or "
        "clamp it part of the way",
    )
    update: Literal["after", "incremental"] = Field(
        default="after",
        description="parameters learn after the last inference step, or at every one, together "
        "with the states; incremental is for a clamped output",
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

    @model_validator(mode="after")
    def _incremental_is_clamped(self) -> PredictiveCoding:
        if self.update == "incremental" and self.output != "clamp":
            raise PydanticCustomError(
                "incremental_output", "`update: incremental` needs `output: clamp`"
            )
        return self

    def needs_output(self) -> bool:
        return self.output != "clamp"

    def unused_options(self) -> tuple[str, ...]:
        if self.output != "clamp":
            return ()
        default = type(self)()
        options = ("beta", "variant", "beta_growth")
        return tuple(o for o in options if getattr(self, o) != getattr(default, o))

    def unsuited(self, network: Network) -> Refusal | None:
        if network.form.undirected:
            return Refusal(
                "it descends prediction errors, which couplings that act both ways do not have",
                f"use {EquilibriumPropagation.name}, {ContrastiveHebbian.name} or "
                f"{CoupledLearning.name}",
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

    def moment(self) -> Moment:
        return Moment.EACH_STEP if self.update == "incremental" else Moment.AFTER

    def at_rest(self) -> Rule:
        return self.model_copy(update={"update": "after"})

    def theory(self, network: Network) -> tuple[Claim, ...]:
        if self.update == "incremental":
            return (NoGradientOfTheLoss("parameters move before the states are at rest"),)
        if self.output == "clamp":
            return (DiffersFromBackprop("alike, but not equal: it infers before it learns"),)
        if self.output == "clamp_nudge":
            return (NeverBackprop("alike, but not equal, however small beta is"),)
        return (approaches(self, self.variant),)

    def nudging(self) -> Nudging | None:
        if self.output == "clamp":
            return None
        return Nudging(self.beta, self.variant == "random_sign", self.beta_growth)

    def reported_phase(self) -> str:
        return "clamped" if self.output == "clamp" else "free"
