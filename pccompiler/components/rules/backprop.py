"""Backpropagation: the baseline on the same network.

    g = d/dparams mean_batch L(target, prediction)

The prediction is the network's own: the feedforward pass where that is the free equilibrium,
otherwise the relaxation, differentiated step by step (BPTT).
"""

from __future__ import annotations

from typing import ClassVar

from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.estimators import LossGradient
from pccompiler.components.vocabulary import Estimator, Network, Phase, PhaseKind


class Backprop(Rule):
    """The gradient of the prediction's loss, by reverse-mode differentiation."""

    name: ClassVar[str] = "backprop"
    aliases: ClassVar[tuple[str, ...]] = ("bp", "backpropagation", "bptt", "gradient")
    phase_names: ClassVar[tuple[str, ...]] = ("free",)

    def needs_output(self) -> bool:
        return True

    def phases(self, network: Network) -> tuple[Phase, ...]:
        kind = PhaseKind.FORWARD if network.feedforward_is_equilibrium else PhaseKind.RELAX
        return (Phase("free", kind, clamped=network.inputs),)

    def estimator(self, network: Network) -> Estimator:
        return LossGradient()

    def reported_phase(self) -> str:
        return "free"
