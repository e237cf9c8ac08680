"""The energy of one copy of a node and its derivatives by its state and its predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tests.reference.activations import Array
from tests.reference.network import softmax
from tests.reference.unrolled_graph import Edge


@dataclass(frozen=True)
class Term:
    """What an edge contributes: `factor` times the pipeline of `x`, at `span` of the last axis."""

    edge: Edge
    time: int
    x: Array
    factor: float
    span: slice


@dataclass(frozen=True)
class Prediction:
    """mu or nu of one copy, and act' at its pre-activation."""

    value: Array
    slope: Array
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Local:
    """The energy of one copy, per sample, and its derivatives by x, mu and nu."""

    value: Array
    by_x: Array
    by_mu: Array | None = None
    by_nu: Array | None = None


def energy_of(
    energy: tuple[str, Mapping[str, Any]], x: Array, mu: Array
) -> tuple[Array, Array, Array]:
    """E(x, mu) per sample, dE/dx and dE/dmu. Targets of cross-entropy need not sum to one."""
    kind, options = energy
    axes = tuple(range(1, x.ndim))
    if kind == "cross_entropy":
        shifted = mu - mu.max(axis=-1, keepdims=True)
        log_softmax = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        by_mu = softmax(mu) * x.sum(axis=-1, keepdims=True) - x
        return -(x * log_softmax).sum(axis=axes), -log_softmax, by_mu
    error = x - mu
    if kind == "laplace":
        return np.abs(error).sum(axis=axes), np.sign(error), -np.sign(error)
    if kind == "huber":
        delta = options.get("delta", 1.0)
        size, slope = np.abs(error), np.clip(error, -delta, delta)
        cost = np.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta))
        return cost.sum(axis=axes), slope, -slope
    assert kind in ("gaussian", "squared_error"), kind
    return 0.5 * (error**2).sum(axis=axes), error, -error


def term_of(
    weight: float,
    energy: tuple[str, Mapping[str, Any]],
    x: Array,
    prediction: Array | float,
    by: Literal["by_mu", "by_nu"] | None,
) -> Local:
    """weight E(x, prediction), the prediction being mu, nu, or a constant."""
    value, by_x, by_prediction = energy_of(energy, x, np.broadcast_to(prediction, x.shape))
    derivative = {} if by is None else {by: weight * by_prediction}
    return Local(weight * value, weight * by_x, **derivative)


def summed_term(weight: float, x: Array, mu: Prediction | None, nu: Prediction | None) -> Local:
    """p/2 ||e||^2, e the sum of the k = 1 or 2 present errors: de/dx = k, de/dmu = de/dnu = -1."""
    present = [prediction for prediction in (mu, nu) if prediction is not None]
    error = len(present) * x - sum(prediction.value for prediction in present)
    value = 0.5 * (error**2).sum(axis=tuple(range(1, x.ndim)))
    by_prediction = -weight * error
    return Local(
        weight * value,
        weight * len(present) * error,
        None if mu is None else by_prediction,
        None if nu is None else by_prediction,
    )


def total(terms: list[Local]) -> Local | None:
    """The sum; at most one term has a derivative by each prediction."""
    if not terms:
        return None
    by_mu = [term.by_mu for term in terms if term.by_mu is not None]
    by_nu = [term.by_nu for term in terms if term.by_nu is not None]
    return Local(
        sum(term.value for term in terms),
        sum(term.by_x for term in terms),
        by_mu[0] if by_mu else None,
        by_nu[0] if by_nu else None,
    )
