"""What every initialiser draws: shape, dtype, and the mean and variance that it states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, exp, pi, sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.initializers import (
    INITIALIZERS,
    Constant,
    Initializer,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
)

FAN_IN, FAN_OUT = 500, 300

CUT = 1 - 4 * exp(-2) / sqrt(2 * pi) / erf(sqrt(2))
"""The variance of a standard normal cut off at two: 1 - 2 a phi(a) / (2 Phi(a) - 1), a = 2."""


@dataclass(frozen=True)
class Case:
    """An initialiser, the mean and variance of its entries, and the largest entry it can draw."""

    initializer: Initializer
    mean: float = 0.0
    variance: float = 0.0
    largest: float = np.inf


def named(name: str) -> type[Initializer]:
    return next(member for member in INITIALIZERS if member.name == name)


def scaled(name: str) -> Callable[[float, float], Case]:
    """A case of an initialiser whose variance is given and whose entries have a bound."""
    return lambda variance, deviations: Case(
        named(name)(), 0.0, variance, deviations * sqrt(variance)
    )


UNIFORM = sqrt(3)
"""How many standard deviations the ends of a centred uniform distribution are away."""
TRUNCATED = 2 / sqrt(CUT)
"""The same for a normal cut off at two standard deviations."""

CASES: dict[str, tuple[Case, ...]] = {
    "lecun_normal": (scaled("lecun_normal")(1 / FAN_IN, TRUNCATED),),
    "lecun_uniform": (scaled("lecun_uniform")(1 / FAN_IN, UNIFORM),),
    "glorot_normal": (scaled("glorot_normal")(2 / (FAN_IN + FAN_OUT), TRUNCATED),),
    "glorot_uniform": (scaled("glorot_uniform")(2 / (FAN_IN + FAN_OUT), UNIFORM),),
    "he_normal": (scaled("he_normal")(2 / FAN_IN, TRUNCATED),),
    "he_uniform": (scaled("he_uniform")(2 / FAN_IN, UNIFORM),),
    "variance_scaling": (
        Case(VarianceScaling(scale=3.0), 0.0, 3 / FAN_IN),
        Case(
            VarianceScaling(scale=2.0, fan="fan_out", distribution="uniform"),
            0.0,
            2 / FAN_OUT,
            sqrt(3 * 2 / FAN_OUT),
        ),
        Case(
            VarianceScaling(fan="fan_avg", distribution="truncated_normal"),
            0.0,
            2 / (FAN_IN + FAN_OUT),
            TRUNCATED * sqrt(2 / (FAN_IN + FAN_OUT)),
        ),
    ),
    "normal": (Case(Normal(std=0.3), 0.0, 0.09), Case(Normal(std=0.0))),
    "truncated_normal": (Case(TruncatedNormal(std=0.5), 0.0, 0.25 * CUT, 1.0),),
    "uniform": (Case(Uniform(scale=0.6), 0.0, 0.36 / 3, 0.6),),
    "orthogonal": (Case(Orthogonal(gain=2.0), 0.0, 4 / FAN_IN),),
    "constant": (Case(Constant(value=-1.5), -1.5, 0.0, 1.5),),
    "zeros": (Case(named("zeros")(), 0.0, 0.0, 0.0),),
    "ones": (Case(named("ones")(), 1.0, 0.0, 1.0),),
}

every_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{member.name}-{number}")
        for member in INITIALIZERS
        for number, case in enumerate(CASES.get(member.name, ()))
    ],
)


@pytest.mark.parametrize("member", INITIALIZERS, ids=lambda member: member.name)
def test_every_initialiser_has_cases_here(member: type[Initializer]) -> None:
    assert CASES.get(member.name), f"add an entry to CASES for the initialiser `{member.name}`"


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shape_and_dtype_are_those_asked_for(case: Case, dtype: str) -> None:
    values = case.initializer.sampler()(jax.random.key(0), (4, 3), jnp.dtype(dtype))
    assert values.shape == (4, 3)
    assert values.dtype == dtype


@every_case
def test_a_large_sample_has_the_stated_mean_and_variance(case: Case) -> None:
    sample = case.initializer.sampler()
    values = np.asarray(sample(jax.random.key(1), (FAN_IN, FAN_OUT), jnp.dtype("float64")))
    deviation = sqrt(case.variance)
    # Six standard errors of the mean; the variance of 150,000 entries is known to 2 per cent.
    np.testing.assert_allclose(values.mean(), case.mean, atol=6 * deviation / sqrt(values.size))
    np.testing.assert_allclose(values.var(), case.variance, rtol=0.02, atol=1e-30)
    assert np.abs(values).max() <= case.largest * (1 + 1e-9)


@every_case
def test_the_same_key_draws_the_same_and_another_key_another_sample(case: Case) -> None:
    sample = case.initializer.sampler()
    first, again, other = (
        np.asarray(sample(jax.random.key(seed), (4, 3), jnp.dtype("float64"))) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert (first == other).all() == (case.variance == 0)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8)])
def test_orthogonal_has_orthonormal_rows_or_columns_times_the_gain(
    shape: tuple[int, int],
) -> None:
    w = np.asarray(Orthogonal(gain=2.0).sampler()(jax.random.key(0), shape, jnp.float64))
    gram = w.T @ w if shape[0] >= shape[1] else w @ w.T
    np.testing.assert_allclose(gram, 4 * np.eye(min(shape)), atol=1e-12)
