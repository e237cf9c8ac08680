"""Contrastive rules: compare the network at rest with the network clamped closer to the target.

    contrastive_hebbian    outputs clamped to the target y     g = dE(clamped) - dE(free)
    coupled_learning       outputs clamped to o - beta dC/do   g = [dE(clamped) - dE(free)] / beta

with o the outputs of the free phase: for the squared error (1 - beta) o + beta y, so that
contrastive Hebbian learning is coupled learning with beta = 1. E is differentiated, not
E + beta C: the clamped phase has no nudge.

Sources: Movellan 1991, doi:10.1016/B978-1-4832-1448-1.50007-X (contrastive Hebbian); Stern et
al. 2021, doi:10.1103/PhysRevX.11.021045 (coupled learning).
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pccompiler.components.phases import Nudging, Phase, PhaseKind
from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.contract import Estimator
from pccompiler.components.rules.equilibrium_propagation import EquilibriumPropagation
from pccompiler.components.rules.estimators import EnergyContrast
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.theory import Claim, EqualsRule, NeverBackprop, Resembles
from pccompiler.components.vocabulary import Refusal

_NO_ENERGY = Refusal(
    "it compares energies, and feedback edges with weights of their own leave none",
    f"remove them, or use {EquilibriumPropagation.name}",
)


class _Contrastive(Rule):
    """A free phase, then one with the outputs clamped."""

    phase_names: ClassVar[tuple[str, ...]] = ("free", "clamped")

    def needs_output(self) -> bool:
        return True

    def unsuited(self, network: Network) -> Refusal | None:
        return None if network.has_energy else _NO_ENERGY

    def _phases(
        self, network: Network, beta: float, pulled: tuple[str, ...] = ()
    ) -> tuple[Phase, ...]:
        relax = PhaseKind.RELAX
        free_kind = PhaseKind.FORWARD if network.feedforward_is_equilibrium else relax
        held = network.inputs + network.outputs
        return (
            Phase("free", free_kind, clamped=network.inputs),
            Phase("clamped", relax, held, beta=beta, start="free", pulled=pulled),
        )

    def reported_phase(self) -> str:
        return "free"


class ContrastiveHebbian(_Contrastive):
    """The energy's gradient with outputs clamped to the target, minus that of the free phase."""

    name: ClassVar[str] = "contrastive_hebbian"
    aliases: ClassVar[tuple[str, ...]] = (
        "chl",
        "contrastive",
        "contrastive_hebbian_learning",
        "hebbian",
    )

    def phases(self, network: Network) -> tuple[Phase, ...]:
        return self._phases(network, beta=0.0)

    def estimator(self, network: Network) -> Estimator:
        return EnergyContrast("free", "clamped", over_beta=False)

    def theory(self, network: Network) -> tuple[Claim, ...]:
        alike = Resembles("alike, but not equal")
        if network.loss is None or network.loss.curvature != 1:
            return (alike,)
        # under the squared error beta = 1 leads from the outputs to the target
        words = "coupled learning with beta = 1"
        return (alike, EqualsRule(CoupledLearning(beta=1.0), words))


class CoupledLearning(_Contrastive):
    """The energy's gradient with outputs clamped a little closer to the target, minus the free."""

    name: ClassVar[str] = "coupled_learning"
    aliases: ClassVar[tuple[str, ...]] = ("cl", "coupled")

    beta: float = Field(default=0.1, gt=0, le=1, description="part of the way to the target")
    beta_growth: float = Field(
        default=0.0, ge=0, description="added to beta after each epoch, up to 1"
    )

    def phases(self, network: Network) -> tuple[Phase, ...]:
        return self._phases(network, self.beta, pulled=network.outputs)

    def estimator(self, network: Network) -> Estimator:
        return EnergyContrast("free", "clamped")

    def theory(self, network: Network) -> tuple[Claim, ...]:
        return (NeverBackprop("alike, but not equal, however small beta is"),)

    def nudging(self) -> Nudging | None:
        return Nudging(self.beta, growth=self.beta_growth)
