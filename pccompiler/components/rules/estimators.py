"""Estimators that several rules share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pccompiler.components.rules.contract import Estimator, Evidence
from pccompiler.components.rules.network import Network
from pccompiler.components.vocabulary import Array, Params
from pccompiler.lazy import jax, jnp


@dataclass(frozen=True)
class EnergyGradient(Estimator):
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
class EnergyContrast(Estimator):
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
class FieldContrast(Estimator):
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
class ArrivalGradient(Estimator):
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
class LossGradient(Estimator):
    """g = dL/dparams, the loss of the prediction differentiated through its computation."""

    reads_targets: ClassVar[bool] = True
    through_prediction: ClassVar[bool] = True

    def describe(self) -> str:
        return "dL/dparams of the prediction"

    def gradient(self, evidence: Evidence) -> Params:
        return evidence.loss_gradient()


def summed(params: Params, parts: Sequence[Params]) -> dict[str, Any]:
    """Sums trees that hold some of the parameters' edges into one like the parameters, zero
    elsewhere."""
    total: dict[str, Any] = {}
    for part in parts:
        for edge, tree in part.items():
            before = total.get(edge)
            total[edge] = tree if before is None else jax.tree.map(jnp.add, before, tree)
    return {
        edge: total[edge] if edge in total else jax.tree.map(jnp.zeros_like, tree)
        for edge, tree in params.items()
    }


def mean_over_batch(gradient: Params, evidence: Evidence) -> dict[str, Any]:
    """Divides sums over the batch by the number of samples."""
    samples = next(iter(evidence.batch.values())).shape[0]
    return {edge: jax.tree.map(lambda g: g / samples, tree) for edge, tree in gradient.items()}


def local_parts(
    evidence: Evidence, network: Network, phase: str, node: str, cotangent: Array
) -> list[Params]:
    """Pulls a cotangent of a node's prediction back to the parameters behind it, as far as the
    states that its edges read (through nodes without a state)."""
    parts: list[Params] = []
    waiting = [(node, cotangent)]
    while waiting:
        name, error = waiting.pop()
        arriving = evidence.node_pullback(name, phase, error)
        for edge in network.forward_edges(name):
            back, part = evidence.pullback(edge.name, phase, arriving[edge.name])
            parts.append(part)
            if network.node[edge.source].passes_through:
                waiting.append((edge.source, back))
    return parts
