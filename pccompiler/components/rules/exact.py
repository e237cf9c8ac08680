"""Exact relatives of backpropagation within predictive coding.

Zero-divergence inference learning (z_il; Song et al. 2020): from the feedforward pass, with
the output clamped to its target, states take gradient steps of rate one, and the edges into a node
learn from its error at the step at which it first arrives. On a network in which all paths
from a node to the outputs are equally long that error is, at that step, exactly the gradient
of the loss with respect to the node's prediction.

Fixed-prediction learning (fixed_prediction; Millidge et al. 2022): predictions mu and their
derivatives stay those of the feedforward pass while the errors e = x - mu relax,

    dx_n = e_n - sum_children (d mu_c / d x_n)^T e_c

whose equilibrium are the gradients of the loss, on any acyclic network. With a state rate of
one it is reached in as many steps as the longest path has edges.

Both give the gradient of backpropagation to rounding; they are here as a bridge between the
two and as a test of either.

Sources: Millidge, Tschantz & Buckley 2022, doi:10.1162/neco_a_01497 (fixed predictions); both
are reviewed by Rosenbaum 2022, doi:10.1371/journal.pone.0266102.
"""

from __future__ import annotations

from typing import ClassVar

from pccompiler.components.phases import PINNED, UNIT, Phase, PhaseKind
from pccompiler.components.rules.backprop import Backprop
from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.contract import Estimator
from pccompiler.components.rules.estimators import ArrivalGradient, EnergyGradient
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.theory import Claim, EqualsBackprop
from pccompiler.components.vocabulary import Refusal


class _Exact(Rule):
    phase_names: ClassVar[tuple[str, ...]] = ("clamped",)

    def needs_output(self) -> bool:
        return True

    def unsuited(self, network: Network) -> Refusal | None:
        if not network.feedforward_is_equilibrium:
            return Refusal(
                "it equals backpropagation on predictive-coding networks whose prediction is a "
                "feedforward pass",
                f"use {Backprop.name}",
            )
        if not network.plain:
            return Refusal(
                "it equals backpropagation where hidden nodes are gaussian and unbounded, with "
                "precisions of one, and outputs lead nowhere",
                f"use {Backprop.name}",
            )
        return None

    def reported_phase(self) -> str:
        return "clamped"


class ZIL(_Exact):
    """Learn from each error as it first arrives: backpropagation on levelled networks."""

    name: ClassVar[str] = "z_il"
    aliases: ClassVar[tuple[str, ...]] = ("zil", "z_inference_learning")

    def unsuited(self, network: Network) -> Refusal | None:
        if reason := super().unsuited(network):
            return reason
        if network.levels is None:
            return Refusal(
                "its errors arrive in step only where all paths from a node to the outputs are "
                "equally long",
                f"put identity nodes on the short ones, or use {FixedPrediction.name}",
            )
        return None

    def phases(self, network: Network) -> tuple[Phase, ...]:
        held = network.inputs + network.outputs
        steps = (network.levels or 1) - 1
        return (Phase("clamped", PhaseKind.RELAX, held, steps=steps, descent=UNIT),)

    def estimator(self, network: Network) -> Estimator:
        return ArrivalGradient("clamped")

    def theory(self, network: Network) -> tuple[Claim, ...]:
        return (EqualsBackprop(),)


class FixedPrediction(_Exact):
    """Relax the errors with predictions pinned: backpropagation at their equilibrium."""

    name: ClassVar[str] = "fixed_prediction"
    aliases: ClassVar[tuple[str, ...]] = ("fpa", "fixed_prediction_assumption")

    def phases(self, network: Network) -> tuple[Phase, ...]:
        held = network.inputs + network.outputs
        return (Phase("clamped", PhaseKind.RELAX, held, descent=PINNED),)

    def estimator(self, network: Network) -> Estimator:
        return EnergyGradient("clamped")

    def theory(self, network: Network) -> tuple[Claim, ...]:
        return (EqualsBackprop(at_rest=True),)
