"""Backpropagation: the baseline on the same network.

    g = d/dparams mean_batch L(target, prediction)

The prediction is the network's own: the feedforward pass where that is the free equilibrium,
otherwise the relaxation, differentiated step by step (BPTT).

Source: Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0.
"""

from __future__ import annotations

from typing import ClassVar

from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.contract import Estimator
from pccompiler.components.rules.equilibrium_propagation import EquilibriumPropagation
from pccompiler.components.rules.estimators import LossGradient
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.theory import Claim, EqualsBackprop, Resembles


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

    def at_rest(self) -> Rule:
        return EquilibriumPropagation()  # whose free phase is the prediction

    def theory(self, network: Network) -> tuple[Claim, ...]:
        if network.feedforward_is_equilibrium:
            return (EqualsBackprop(),)
        return (Resembles("equal once the states are at rest: it differentiates the steps taken"),)
