"""Estimators that several rules share."""

from __future__ import annotations

from dataclasses import dataclass

from pccompiler.components.vocabulary import Evidence, Params
from pccompiler.lazy import jax


@dataclass(frozen=True)
class EnergyContrast:
    """g = sum_k c_k dF_k/dparams, each phase k with its own final states and its own beta."""

    terms: tuple[tuple[float, str], ...]

    @property
    def energy_phases(self) -> tuple[str, ...]:
        return tuple(phase for _, phase in self.terms)

    def describe(self) -> str:
        return " ".join(f"{factor:+g} dF/dparams[{phase}]" for factor, phase in self.terms)

    def gradient(self, evidence: Evidence) -> Params:
        gradients = [evidence.energy_gradient(phase) for _, phase in self.terms]
        factors = [factor for factor, _ in self.terms]
        return jax.tree.map(
            lambda *leaves: sum(f * leaf for f, leaf in zip(factors, leaves, strict=True)),
            *gradients,
        )


@dataclass(frozen=True)
class LossGradient:
    """g = dL/dparams, the loss of the prediction differentiated through its computation."""

    energy_phases: tuple[str, ...] = ()

    def describe(self) -> str:
        return "dL/dparams of the prediction"

    def gradient(self, evidence: Evidence) -> Params:
        return evidence.loss_gradient()
