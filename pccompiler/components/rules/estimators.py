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
        total: Params | None = None
        for factor, phase in self.terms:
            term = evidence.energy_gradient(phase)
            if factor != 1:
                term = jax.tree.map(lambda leaf, factor=factor: factor * leaf, term)
            total = term if total is None else jax.tree.map(lambda a, b: a + b, total, term)
        assert total is not None, "a contrast has at least one term"
        return total


@dataclass(frozen=True)
class LossGradient:
    """g = dL/dparams, the loss of the prediction differentiated through its computation."""

    energy_phases: tuple[str, ...] = ()

    def describe(self) -> str:
        return "dL/dparams of the prediction"

    def gradient(self, evidence: Evidence) -> Params:
        return evidence.loss_gradient()
