"""Every optimiser of the parameters against its formula, written out for one array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Momentum, Optimizer

Array = np.ndarray
START = np.array([1.0, -2.0, 0.5])
GRADIENTS = [np.array([0.3, -1.0, 2.0]), np.array([0.1, 0.5, -2.5]), np.array([-0.7, 0.0, 1e-3])]


@dataclass(frozen=True)
class Case:
    """An optimiser and the parameters that it gives after a sequence of gradients."""

    optimizer: Optimizer
    formula: Callable[[Array, Sequence[Array]], Array]


def momentum(rate: float, m: float = 0.0, decay: float = 0.0, nesterov: bool = False):
    """v <- m v + g; step v, or g + m v with the new v under Nesterov."""

    def run(w: Array, gradients: Sequence[Array]) -> Array:
        v = np.zeros_like(w)
        for g in gradients:
            g = g + decay * w
            v = m * v + g
            w = w - rate * (g + m * v if nesterov else v)
        return w

    return run


def adam(rate: float, b1: float, b2: float, eps: float, l2: float = 0.0, decoupled: float = 0.0):
    """Kingma & Ba 2015, algorithm 1; decay in the gradient, or decoupled and times the rate."""

    def run(w: Array, gradients: Sequence[Array]) -> Array:
        first, second = np.zeros_like(w), np.zeros_like(w)
        for t, g in enumerate(gradients, start=1):
            g = g + l2 * w
            first = b1 * first + (1 - b1) * g
            second = b2 * second + (1 - b2) * g**2
            step = (first / (1 - b1**t)) / (np.sqrt(second / (1 - b2**t)) + eps)
            w = w - rate * (step + decoupled * w)
        return w

    return run


CASES: dict[str, tuple[Case, ...]] = {
    "sgd": (
        Case(SGD(), momentum(0.01)),
        Case(SGD(learning_rate=0.2, weight_decay=0.1), momentum(0.2, decay=0.1)),
    ),
    "momentum": (
        Case(Momentum(), momentum(0.01, 0.9)),
        Case(Momentum(learning_rate=0.1, momentum=0.5, weight_decay=0.2), momentum(0.1, 0.5, 0.2)),
        Case(
            Momentum(learning_rate=0.1, momentum=0.7, nesterov=True),
            momentum(0.1, 0.7, nesterov=True),
        ),
    ),
    "adam": (
        Case(Adam(), adam(1e-3, 0.9, 0.999, 1e-8)),
        Case(
            Adam(learning_rate=0.1, b1=0.5, b2=0.7, eps=1e-2, weight_decay=0.3),
            adam(0.1, 0.5, 0.7, 1e-2, l2=0.3),
        ),
    ),
    "adamw": (
        Case(AdamW(), adam(1e-3, 0.9, 0.999, 1e-8, decoupled=1e-4)),
        Case(
            AdamW(learning_rate=0.1, b1=0.5, b2=0.7, eps=1e-2, weight_decay=0.3),
            adam(0.1, 0.5, 0.7, 1e-2, decoupled=0.3),
        ),
    ),
}

every_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{member.name}-{number}")
        for member in OPTIMIZERS
        for number, case in enumerate(CASES.get(member.name, ()))
    ],
)


def steps(case: Case, dtype: str) -> tuple[jax.Array, int]:
    """The parameters after all gradients, and how often the step was traced."""
    transformation = case.optimizer.transformation()
    traced = []

    @jax.jit
    def step(w, state, g):
        traced.append(True)
        update, state = transformation.update({"w": g}, state, {"w": w})
        return w + update["w"], state

    w = jnp.asarray(START, dtype)
    state = transformation.init({"w": w})
    for gradient in GRADIENTS:
        with jax.numpy_dtype_promotion("standard"):  # optax computes decay**step
            w, state = step(w, state, jnp.asarray(gradient, dtype))
    return w, len(traced)


@pytest.mark.parametrize("member", OPTIMIZERS, ids=lambda member: member.name)
def test_every_optimiser_has_cases_here(member: type[Optimizer]) -> None:
    assert CASES.get(member.name), f"add an entry to CASES for the optimiser `{member.name}`"


@every_case
def test_three_steps_are_the_formula(case: Case) -> None:
    w, _ = steps(case, "float64")
    np.testing.assert_allclose(w, case.formula(START, GRADIENTS), rtol=1e-12)


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_later_steps_neither_trace_again_nor_change_the_dtype(case: Case, dtype: str) -> None:
    w, traces = steps(case, dtype)
    assert traces == 1
    assert w.dtype == dtype
