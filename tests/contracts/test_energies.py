"""What every energy promises: a value per sample, its formula, and where it vanishes."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.energies import (
    LOSSES,
    NODE_ENERGIES,
    PRIORS,
    Bernoulli,
    Categorical,
    Energy,
    Huber,
    PassThrough,
)
from pccompiler.components.vocabulary import Support

MEMBERS = tuple(dict.fromkeys((*NODE_ENERGIES, *LOSSES)))
ENERGIES: dict[str, Energy] = {m.name: m() for m in MEMBERS if m is not PassThrough} | {
    "huber at 0.3": Huber(delta=0.3),
    "bernoulli of logits": Bernoulli(state="logits"),
    "categorical of logits": Categorical(state="logits"),
}
SHAPES = ((4,), (2, 3), (2, 1, 3))


def _half_squared_distance(x: np.ndarray, mu: np.ndarray) -> float:
    return 0.5 * sum((a - b) ** 2 for a, b in zip(x.ravel(), mu.ravel(), strict=True))


def _categorical(x: np.ndarray, mu: np.ndarray) -> float:
    positions = zip(x.reshape(-1, x.shape[-1]), mu.reshape(-1, x.shape[-1]), strict=True)
    return sum(-(y * (logits - np.log(np.exp(logits).sum()))).sum() for y, logits in positions)


def _huber(delta: float) -> Callable[[np.ndarray, np.ndarray], float]:
    def total(x: np.ndarray, mu: np.ndarray) -> float:
        errors = np.abs(x - mu).ravel()
        return sum(e * e / 2 if e <= delta else delta * (e - delta / 2) for e in errors)

    return total


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _binary(x: np.ndarray, mu: np.ndarray) -> float:
    p = _logistic(mu)
    return float(-(x * np.log(p) + (1 - x) * np.log(1 - p)).sum())


def _binary_divergence(x: np.ndarray, mu: np.ndarray) -> float:
    p, q = _logistic(x), _logistic(mu)
    return float((p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum())


def _divergence(x: np.ndarray, mu: np.ndarray) -> float:
    p = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    q = np.exp(mu) / np.exp(mu).sum(-1, keepdims=True)
    return float((p * np.log(p / q)).sum())


FORMULAS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "gaussian": _half_squared_distance,
    "squared_error": _half_squared_distance,
    "cross_entropy": _categorical,
    "laplace": lambda x, mu: float(np.abs(x - mu).sum()),
    "huber": _huber(1.0),
    "huber at 0.3": _huber(0.3),
    "bernoulli": _binary,
    "bernoulli of logits": _binary_divergence,
    "categorical": _categorical,
    "categorical of logits": _divergence,
}

every_energy = pytest.mark.parametrize("name", ENERGIES)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def draw(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """States that sum to one along the last axis, as targets of every loss may, and mu."""
    rng = np.random.default_rng(seed)
    x = rng.dirichlet(np.ones(shape[-1]), size=(3, *shape[:-1]))
    return x, rng.normal(size=(3, *shape))


@every_energy
def test_every_energy_has_a_formula_here(name: str) -> None:
    assert name in FORMULAS, f"add the formula of `{name}` for one sample"


@every_energy
@every_shape
def test_value_is_the_formula_for_each_sample_alone(name: str, shape: tuple[int, ...]) -> None:
    x, mu = draw(shape)
    value = ENERGIES[name].value(jnp.asarray(x), jnp.asarray(mu))
    assert value.shape == (3,)
    expected = [FORMULAS[name](a, b) for a, b in zip(x, mu, strict=True)]
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@every_energy
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(name: str, dtype: str) -> None:
    x, mu = (jnp.asarray(values, dtype) for values in draw((4,)))
    assert ENERGIES[name].value(x, mu).dtype == dtype


@every_energy
@every_shape
def test_both_gradients_are_finite_differences(name: str, shape: tuple[int, ...]) -> None:
    x, mu = (jnp.asarray(values) for values in draw(shape, seed=1))

    def total(a, b):
        return ENERGIES[name].value(a, b).sum()

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
def test_zero_at_prediction_is_claimed_exactly_where_value_and_gradients_vanish(name: str) -> None:
    x = jnp.asarray(draw((4,))[0])

    def total(a, b):
        return ENERGIES[name].value(a, b).sum()

    value, gradients = total(x, x), jax.grad(total, argnums=(0, 1))(x, x)
    vanishes = abs(value) < 1e-15 and all(jnp.all(abs(g) < 1e-15) for g in gradients)
    assert bool(vanishes) == ENERGIES[name].zero_at_prediction


@every_energy
def test_an_energy_suits_free_states_exactly_if_it_is_bounded_below_in_them(name: str) -> None:
    energy, mu = ENERGIES[name], jnp.asarray(draw((4,))[1])
    far = [float(energy.value(jnp.full((3, 4), x), mu).min()) for x in (-1e6, 1e6)]
    if name not in {m.name for m in LOSSES}:  # a loss never is the energy of a free state
        assert (min(far) >= -1e-3) == energy.suits_free_states()


@every_energy
def test_an_energy_is_bounded_below_over_predictions_at_the_data_it_is_made_for(name: str) -> None:
    energy = ENERGIES[name]
    predictions = jnp.asarray([[far, 0.0, 0.0, 0.0] for far in (-1e6, 1e6)])

    def least(*units: float) -> float:
        return float(energy.value(jnp.tile(jnp.asarray(units), (2, 1)), predictions).min())

    assert least(0.0, 1.0, 0.0, 0.0) >= 0
    bounded = all(least(*[x] * 4) >= 0 for x in (-3.0, 3.0))
    assert bounded == (energy.support() is Support.NUMBERS)


@every_energy
def test_extreme_predictions_give_finite_values_and_gradients(name: str) -> None:
    x = jnp.asarray([[0.0, 1.0, 0.0]])
    mu = jnp.asarray([[1e4, -1e4, 0.0]])
    assert jnp.all(jnp.isfinite(ENERGIES[name].value(x, mu)))
    gradient = jax.grad(lambda b: ENERGIES[name].value(x, b).sum())(mu)
    assert jnp.all(jnp.isfinite(gradient))


@pytest.mark.parametrize("member", PRIORS, ids=lambda member: member.name)
def test_a_prior_is_an_energy_around_its_mean(member: type) -> None:
    prior = member(mean=0.5, precision=3.0)
    x = draw((4,))[1]
    mean = np.full_like(x, 0.5)
    expected = [FORMULAS[member.name](a, b) for a, b in zip(x, mean, strict=True)]
    value = prior.energy.value(jnp.asarray(x), jnp.asarray(mean))
    np.testing.assert_allclose(value, expected, rtol=1e-13)


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


@every_energy
def test_a_curvature_is_claimed_exactly_where_the_energy_is_that_multiple_of_half_the_square(
    name: str,
) -> None:
    x, mu = draw((4,), seed=2)
    value = np.asarray(ENERGIES[name].value(jnp.asarray(x), jnp.asarray(mu)))
    ratios = value / (0.5 * ((x - mu) ** 2).sum(1))
    curvature = ENERGIES[name].curvature
    assert (np.ptp(ratios) < 1e-12) == (curvature is not None)
    if curvature is not None:
        np.testing.assert_allclose(ratios, curvature, rtol=1e-12)


@every_energy
def test_a_prediction_is_best_for_the_state_that_it_expects(name: str) -> None:
    """dE/dmu vanishes at x = expected(mu)."""
    energy, mu = ENERGIES[name], jnp.asarray(draw((2, 3), seed=3)[1])
    x = energy.expected(mu)
    assert x.shape == mu.shape
    slope = jax.grad(lambda m: energy.value(x, m).sum())(mu)
    np.testing.assert_allclose(slope, 0, atol=1e-12)


@every_energy
def test_an_energy_is_over_classes_exactly_if_a_shift_of_all_logits_changes_nothing(
    name: str,
) -> None:
    x, mu = (jnp.asarray(values) for values in draw((4,), seed=4))
    same = jnp.allclose(ENERGIES[name].value(x, mu), ENERGIES[name].value(x, mu + 0.7))
    assert bool(same) == ENERGIES[name].over_classes
