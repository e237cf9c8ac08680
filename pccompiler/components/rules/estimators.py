"""Estimators that several rules share."""

from __future__ import annotations

from dataclasses import dataclass

from pccompiler.components.vocabulary import Evidence, Params
from pccompiler.lazy import jax


@dataclass(frozen=True)
class EnergyGradient:
    """g = dF/dparams at the end of one phase."""

    phase: str

    @property
    def energy_phases(self) -> tuple[str, ...]:
        return (self.phase,)

    def describe(self) -> str:
        return f"dF/dparams[{self.phase}]"

    def gradient(self, evidence: Evidence) -> Params:
        return evidence.energy_gradient(self.phase)


@dataclass(frozen=True)
class EnergyContrast:
    """g = [dF/dparams(second) - dF/dparams(first)], by default over the difference of betas.

    Each phase with its own final states and its own beta.
    """

    first: str
    second: str
    over_beta: bool = True

    @property
    def energy_phases(self) -> tuple[str, ...]:
        return (self.second, self.first)

    def describe(self) -> str:
        contrast = f"dF/dparams[{self.second}] - dF/dparams[{self.first}]"
        if not self.over_beta:
            return contrast
        return f"({contrast}) / (beta[{self.second}] - beta[{self.first}])"

    def gradient(self, evidence: Evidence) -> Params:
        difference = evidence.energy_contrast(self.second, self.first)
        if not self.over_beta:
            return difference
        width = evidence.beta(self.second) - evidence.beta(self.first)
        return jax.tree.map(lambda leaf: leaf / width, difference)


@dataclass(frozen=True)
class FieldContrast:
    """g = -<(x_second - x_first) / (beta_second - beta_first), d field/dparams at x_free>.

    Where the states follow a field without an energy. A forward edge from s to t gets
    -(x_t^second - x_t^first) x_s^free / (difference of betas), an edge backwards the mirror
    image of it (Scellier et al. 2018, vector fields). The weights of `averaged` pairs of edges,
    there and back, both take the mean of the two.
    """

    free: str
    first: str
    second: str
    averaged: tuple[tuple[str, str], ...] = ()

    @property
    def energy_phases(self) -> tuple[str, ...]:
        return (self.free,)

    def describe(self) -> str:
        motion = f"(x[{self.second}] - x[{self.first}])"
        return f"-{motion} / (beta difference) . d field/dparams[{self.free}]"

    def gradient(self, evidence: Evidence) -> Params:
        width = evidence.beta(self.second) - evidence.beta(self.first)
        ends = evidence.states(self.second), evidence.states(self.first)
        motion = {name: (ends[0][name] - ends[1][name]) / width for name in ends[0]}
        gradient = dict(evidence.field_gradient(self.free, motion))
        for forward, back in self.averaged:
            mean = (gradient[forward]["weight"] + gradient[back]["weight"].T) / 2
            gradient[forward] = {**gradient[forward], "weight": mean}
            gradient[back] = {**gradient[back], "weight": mean.T}
        return gradient


@dataclass(frozen=True)
class ArrivalGradient:
    """g = sum_n dE_n/dparams, each energy at the step at which its error first arrives."""

    phase: str

    @property
    def energy_phases(self) -> tuple[str, ...]:
        return (self.phase,)

    def describe(self) -> str:
        return f"dE_n/dparams[{self.phase}], each when its error first arrives"

    def gradient(self, evidence: Evidence) -> Params:
        return evidence.arrival_gradient(self.phase)


@dataclass(frozen=True)
class LossGradient:
    """g = dL/dparams, the loss of the prediction differentiated through its computation."""

    energy_phases: tuple[str, ...] = ()

    def describe(self) -> str:
        return "dL/dparams of the prediction"

    def gradient(self, evidence: Evidence) -> Params:
        return evidence.loss_gradient()
