"""Predictive coding: relax the states with the output clamped or nudged, then learn locally.

Clamped output (Rao & Ballard 1999; Whittington & Bogacz 2017): x_out = target, and the
output's own energy is the loss.

    x* = argmin_x F(x; params),        g = dF/dparams at x*

so that an edge learns from its own prediction error and its own input alone.

Nudged output: x_out is free, keeps its internal energy, and feels beta times the loss:
F_beta = E + beta C(x_out, target). With x*_beta the minimum of F_beta, the gradient of the
loss is approached as beta goes to zero (Scellier & Bengio 2017):

    positive   g = [dF_beta  - dF_0    ] / beta           error O(beta)
    negative   g = [dF_0     - dF_-beta] / beta           error O(beta)
    centred    g = [dF_beta  - dF_-beta] / (2 beta)       error O(beta^2)

The nudged phases start from the free one.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.estimators import EnergyContrast
from pccompiler.components.vocabulary import Estimator, Network, Phase, PhaseKind


class PredictiveCoding(Rule):
    """Relax the states towards data and target, then descend the energy locally."""

    name: ClassVar[str] = "predictive_coding"
    phase_names: ClassVar[tuple[str, ...]] = ("clamped", "free", "nudged", "nudged_negative")

    output: Literal["clamp", "nudge"] = Field(
        default="clamp", description="hold the output at the target, or pull it there with beta"
    )
    beta: float = Field(default=0.1, gt=0, description="strength of the nudge; unused by clamp")
    variant: Literal["positive", "negative", "centred"] = Field(
        default="centred", description="sign of the nudge; centred uses both; unused by clamp"
    )

    def needs_output(self) -> bool:
        return self.output == "nudge"

    def unused_options(self) -> tuple[str, ...]:
        if self.output == "nudge":
            return ()
        default = type(self)()
        chosen = {"beta": self.beta != default.beta, "variant": self.variant != default.variant}
        return tuple(option for option, differs in chosen.items() if differs)

    def phases(self, network: Network) -> tuple[Phase, ...]:
        relax = PhaseKind.RELAX
        if self.output == "clamp":
            return (Phase("clamped", relax, clamped=network.inputs + network.outputs),)
        free_kind = PhaseKind.FORWARD if network.feedforward_is_equilibrium else relax
        free = Phase("free", free_kind, clamped=network.inputs)
        nudged = tuple(
            Phase(name, relax, network.inputs, network.outputs, beta, start="free")
            for name, beta in self._nudges()
        )
        return (free, *nudged)

    def estimator(self) -> Estimator:
        if self.output == "clamp":
            return EnergyContrast(((1.0, "clamped"),))
        nudges = self._nudges() if self.variant == "centred" else (*self._nudges(), ("free", 0.0))
        (first, first_beta), (second, second_beta) = nudges
        factor = 1 / (first_beta - second_beta)
        return EnergyContrast(((factor, first), (-factor, second)))

    def reported_phase(self) -> str:
        return "clamped" if self.output == "clamp" else "free"

    def _nudges(self) -> tuple[tuple[str, float], ...]:
        positive, negative = ("nudged", self.beta), ("nudged_negative", -self.beta)
        return {
            "positive": (positive,),
            "negative": (negative,),
            "centred": (positive, negative),
        }[self.variant]
