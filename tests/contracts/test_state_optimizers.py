"""Every optimiser that moves nodes one by one, against its formula and at rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.state_optimizers import (
    STATE_OPTIMIZERS,
    FixedPoint,
    NodeOptimizer,
    StateAdam,
    StateSGD,
)

NODE_OPTIMIZERS = [member for member in STATE_OPTIMIZERS if issubclass(member, NodeOptimizer)]

Array = np.ndarray
GRADIENTS = [
    np.array([[0.3, -1.0], [2.0, 0.0]]),
    np.array([[0.1, 0.5], [-2.5, 0.0]]),
    np.array([[-0.7, 1e-3], [1.0, 4.0]]),
]


@dataclass(frozen=True)
class Case:
    """An optimiser and the total change that it makes over a sequence of gradients."""

    optimizer: NodeOptimizer
    formula: Callable[[Sequence[Array]], Array]


def heavy_ball(rate: float, m: float):
    """-rate times the sum over steps t of sum_{s <= t} m^(t-s) g_s."""

    def change(gradients: Sequence[Array]) -> Array:
        return -rate * sum(
            m ** (t - s) * gradients[s] for t in range(len(gradients)) for s in range(t + 1)
        )

    return change


def nesterov(rate: float, m: float):
    """-rate times the sum over steps t of g_t + m sum_{s <= t} m^(t-s) g_s."""

    def change(gradients: Sequence[Array]) -> Array:
        return -rate * sum(gradients) + m * heavy_ball(rate, m)(gradients)

    return change


def adam(rate: float, b1: float, b2: float, eps: float):
    """Moments as weighted sums: (1-b) sum_{s <= t} b^(t-s) g_s over 1 - b^t."""

    def change(gradients: Sequence[Array]) -> Array:
        total = np.zeros_like(gradients[0])
        for t in range(1, len(gradients) + 1):

            def moment(b, power, t=t):
                weighted = sum(b ** (t - s) * gradients[s - 1] ** power for s in range(1, t + 1))
                return (1 - b) * weighted / (1 - b**t)

            total -= rate * moment(b1, 1) / (np.sqrt(moment(b2, 2)) + eps)
        return total

    return change


CASES: dict[str, tuple[Case, ...]] = {
    "sgd": (
        Case(StateSGD(), heavy_ball(0.1, 0.0)),
        Case(StateSGD(learning_rate=0.3, momentum=0.6), heavy_ball(0.3, 0.6)),
    ),
    "adam": (
        Case(StateAdam(), adam(0.05, 0.9, 0.999, 1e-8)),
        Case(StateAdam(learning_rate=0.2, b1=0.5, b2=0.7, eps=1e-2), adam(0.2, 0.5, 0.7, 1e-2)),
    ),
    "fixed_point": (
        Case(FixedPoint(), heavy_ball(1.0, 0.0)),
        Case(FixedPoint(damping=0.25), heavy_ball(0.75, 0.0)),
    ),
}

every_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{member.name}-{number}")
        for member in NODE_OPTIMIZERS
        for number, case in enumerate(CASES.get(member.name, ()))
    ],
)


@pytest.mark.parametrize("member", NODE_OPTIMIZERS, ids=lambda member: member.name)
def test_every_state_optimiser_has_cases_here(member: type[NodeOptimizer]) -> None:
    assert CASES.get(member.name), f"add an entry to CASES for the state optimiser `{member.name}`"


@every_case
def test_three_steps_are_the_formula(case: Case) -> None:
    x = jnp.zeros((2, 2))
    memory = case.optimizer.memory(x)
    for t, gradient in enumerate(GRADIENTS, start=1):
        update, memory = case.optimizer.update(jnp.asarray(gradient), memory, t)
        x = x + update
    np.testing.assert_allclose(x, case.formula(GRADIENTS), rtol=1e-13, atol=1e-15)


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_later_steps_neither_trace_again_nor_change_shapes_and_dtypes(
    case: Case, dtype: str
) -> None:
    traced = []

    @jax.jit
    def step(x, memory, g, t):
        traced.append(True)
        update, memory = case.optimizer.update(g, memory, t)
        return x + update, memory

    x = jnp.zeros((2, 2), dtype)
    memory = case.optimizer.memory(x)
    for t, gradient in enumerate(GRADIENTS, start=1):
        x, memory = step(x, memory, jnp.asarray(gradient, dtype), jnp.asarray(t, jnp.int32))
    assert len(traced) == 1
    assert {leaf.dtype for leaf in jax.tree.leaves((x, memory))} == {jnp.dtype(dtype)}
    assert {leaf.shape for leaf in jax.tree.leaves((x, memory))} == {(2, 2)}


@every_case
def test_the_step_counter_may_be_a_number_or_an_array(case: Case) -> None:
    g = jnp.asarray(GRADIENTS[0])
    memory = case.optimizer.memory(g)
    by_number, _ = case.optimizer.update(g, memory, 3)
    by_array, _ = case.optimizer.update(g, memory, jnp.asarray(3, jnp.int32))
    np.testing.assert_allclose(by_number, by_array, rtol=1e-15)


@every_case
@pytest.mark.parametrize("t", [1, 2, 7])
def test_still_at_zero_says_whether_a_state_without_gradient_and_past_stays(
    case: Case, t: int
) -> None:
    zero = jnp.zeros((2, 2))
    memory = case.optimizer.memory(zero)
    assert all(jnp.all(leaf == 0) for leaf in jax.tree.leaves(memory))
    update, memory = case.optimizer.update(zero, memory, t)
    stays = all(jnp.all(leaf == 0) for leaf in jax.tree.leaves((update, memory)))
    assert stays == case.optimizer.still_at_zero


@every_case
def test_a_first_step_is_minus_the_rate_times_the_gradient_exactly_if_there_is_a_rate(
    case: Case,
) -> None:
    g = jnp.asarray([[0.3, -1.0], [2.0, 0.5]])
    update, _ = case.optimizer.update(g, case.optimizer.memory(g), 1)
    ratios = np.asarray(-update / g)
    assert (np.ptp(ratios) < 1e-12) == (case.optimizer.rate is not None)
    if case.optimizer.rate is not None:
        np.testing.assert_allclose(ratios, case.optimizer.rate, rtol=1e-13)
