"""Every activation against the reference's formulas, and its derivative against differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.activations import ACTIVATIONS
from tests.reference.activations import KINKS, SLOPES, VALUES

POINTS = np.concatenate([np.linspace(-4, 4, 65), [-30.0, 30.0]])

every_activation = pytest.mark.parametrize("name", ACTIVATIONS)


def test_the_reference_knows_every_activation() -> None:
    assert set(ACTIVATIONS) == set(VALUES), "add the formula to tests/reference/activations.py"


@every_activation
def test_value_is_the_formula(name: str) -> None:
    np.testing.assert_allclose(
        ACTIVATIONS[name](jnp.asarray(POINTS)), VALUES[name](POINTS), rtol=1e-13, atol=1e-14
    )


@every_activation
def test_what_has_a_kink_is_not_called_smooth(name: str) -> None:
    assert ACTIVATIONS[name].smooth == (name not in KINKS)


@every_activation
def test_derivative_is_the_formula_also_at_kinks(name: str) -> None:
    x = np.concatenate([POINTS, KINKS.get(name, ())])
    slope = jax.vmap(jax.grad(ACTIVATIONS[name]))(jnp.asarray(x))
    np.testing.assert_allclose(slope, SLOPES[name](x), rtol=1e-12, atol=1e-13)


@every_activation
def test_derivative_is_the_finite_difference_away_from_kinks(name: str) -> None:
    step = 1e-6
    x = np.array([p for p in POINTS if all(abs(p - k) > 0.01 for k in KINKS.get(name, ()))])
    function = ACTIVATIONS[name]
    numeric = (function(jnp.asarray(x + step)) - function(jnp.asarray(x - step))) / (2 * step)
    np.testing.assert_allclose(
        jax.vmap(jax.grad(function))(jnp.asarray(x)), numeric, rtol=1e-6, atol=1e-8
    )


@every_activation
@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_shape_and_dtype_are_kept(name: str, dtype: str) -> None:
    y = ACTIVATIONS[name](jnp.ones((2, 3, 4), dtype))
    assert y.dtype == dtype
    assert y.shape == (2, 3, 4)


@every_activation
def test_value_and_derivative_are_finite_far_from_zero(name: str) -> None:
    x = jnp.asarray([-1e3, 1e3])
    assert jnp.all(jnp.isfinite(ACTIVATIONS[name](x)))
    assert jnp.all(jnp.isfinite(jax.vmap(jax.grad(ACTIVATIONS[name]))(x)))


@pytest.mark.parametrize("name", [n for n, a in ACTIVATIONS.items() if a.potential])
def test_the_slope_of_the_potential_is_the_inverse(name: str) -> None:
    """G'(a(f)) = f where a increases strictly, by central differences of G."""
    activation, step = ACTIVATIONS[name], 1e-6
    f = np.array([p for p in np.linspace(-3, 3, 49) if SLOPES[name](np.array(p)) > 1e-3])
    f = np.array([p for p in f if all(abs(p - k) > 0.01 for k in KINKS.get(name, ()))])
    assert activation.potential is not None
    x = activation(jnp.asarray(f))
    slope = (activation.potential(x + step) - activation.potential(x - step)) / (2 * step)
    np.testing.assert_allclose(slope, f, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [n for n, a in ACTIVATIONS.items() if a.potential])
def test_the_potential_is_finite_on_the_whole_range_and_the_range_holds_all_values(
    name: str,
) -> None:
    activation = ACTIVATIONS[name]
    assert activation.potential is not None
    values = activation(jnp.asarray([*POINTS, -1e3, 1e3]))
    assert jnp.all((values >= activation.low) & (values <= activation.high))
    bounds = (float(activation.low), float(activation.high))
    ends = jnp.asarray([end for end in bounds if np.isfinite(end)])
    assert jnp.all(jnp.isfinite(activation.potential(jnp.concatenate([values, ends]))))
    if activation.curvature is not None:
        inner = 0.5 * activation.curvature * values**2
        np.testing.assert_allclose(activation.potential(values), inner)
