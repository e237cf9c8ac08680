"""What every energy promises: a value per sample, its formula, and where it vanishes."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.energies import LOSSES, Energy, Gaussian

ENERGIES = tuple(dict.fromkeys((Gaussian, *LOSSES)))
SHAPES = ((4,), (2, 3), (2, 1, 3))


def _half_squared_distance(x: np.ndarray, mu: np.ndarray) -> float:
    return 0.5 * sum((a - b) ** 2 for a, b in zip(x.ravel(), mu.ravel(), strict=True))


def _categorical(x: np.ndarray, mu: np.ndarray) -> float:
    positions = zip(x.reshape(-1, x.shape[-1]), mu.reshape(-1, x.shape[-1]), strict=True)
    return sum(-(y * (logits - np.log(np.exp(logits).sum()))).sum() for y, logits in positions)


FORMULAS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "gaussian": _half_squared_distance,
    "squared_error": _half_squared_distance,
    "cross_entropy": _categorical,
}

every_energy = pytest.mark.parametrize("member", ENERGIES, ids=lambda member: member.name)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def draw(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """States that sum to one along the last axis, as targets of every loss may, and mu."""
    rng = np.random.default_rng(seed)
    x = rng.dirichlet(np.ones(shape[-1]), size=(3, *shape[:-1]))
    return x, rng.normal(size=(3, *shape))


@every_energy
def test_every_energy_has_a_formula_here(member: type[Energy]) -> None:
    assert member.name in FORMULAS, f"add the formula of `{member.name}` for one sample"


@every_energy
@every_shape
def test_value_is_the_formula_for_each_sample_alone(
    member: type[Energy], shape: tuple[int, ...]
) -> None:
    x, mu = draw(shape)
    value = member().value(jnp.asarray(x), jnp.asarray(mu))
    assert value.shape == (3,)
    expected = [FORMULAS[member.name](a, b) for a, b in zip(x, mu, strict=True)]
    np.testing.assert_allclose(value, expected, rtol=1e-13)


@every_energy
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(member: type[Energy], dtype: str) -> None:
    x, mu = (jnp.asarray(values, dtype) for values in draw((4,)))
    assert member().value(x, mu).dtype == dtype


@every_energy
@every_shape
def test_both_gradients_are_finite_differences(
    member: type[Energy], shape: tuple[int, ...]
) -> None:
    x, mu = (jnp.asarray(values) for values in draw(shape, seed=1))

    def total(a, b):
        return member().value(a, b).sum()

    step = 1e-6
    for argument, gradient in enumerate(jax.grad(total, argnums=(0, 1))(x, mu)):
        numeric = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            shift = np.zeros(x.shape)
            shift[index] = step
            above, below = [x, mu], [x, mu]
            above[argument] = above[argument] + shift
            below[argument] = below[argument] - shift
            numeric[index] = (total(*above) - total(*below)) / (2 * step)
        np.testing.assert_allclose(gradient, numeric, atol=1e-7)


@every_energy
def test_zero_at_prediction_is_claimed_exactly_where_value_and_gradients_vanish(
    member: type[Energy],
) -> None:
    x = jnp.asarray(draw((4,))[0])

    def total(a, b):
        return member().value(a, b).sum()

    value, gradients = total(x, x), jax.grad(total, argnums=(0, 1))(x, x)
    vanishes = value == 0 and all(jnp.all(gradient == 0) for gradient in gradients)
    assert bool(vanishes) == member.zero_at_prediction


@every_energy
def test_extreme_predictions_give_finite_values_and_gradients(member: type[Energy]) -> None:
    x = jnp.asarray([[0.0, 1.0, 0.0]])
    mu = jnp.asarray([[1e4, -1e4, 0.0]])
    assert jnp.all(jnp.isfinite(member().value(x, mu)))
    gradient = jax.grad(lambda b: member().value(x, b).sum())(mu)
    assert jnp.all(jnp.isfinite(gradient))


def test_gradient_of_cross_entropy_is_softmax_minus_target() -> None:
    [cross_entropy] = [member() for member in LOSSES if member.name == "cross_entropy"]
    y, mu = draw((3,))
    probability = np.exp(mu) / np.exp(mu).sum(axis=-1, keepdims=True)
    gradient = jax.grad(lambda b: cross_entropy.value(jnp.asarray(y), b).sum())(jnp.asarray(mu))
    np.testing.assert_allclose(gradient, probability - y, atol=1e-15)


def test_uniform_prediction_of_ten_classes_costs_the_logarithm_of_ten() -> None:
    [cross_entropy] = [member() for member in LOSSES if member.name == "cross_entropy"]
    value = cross_entropy.value(jnp.eye(10)[:1], jnp.full((1, 10), 2.5))
    np.testing.assert_allclose(value, [np.log(10)], rtol=1e-14)
