"""The judge's integrals are judged: by their derivatives, and by the minima that define them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.inverse_activations import (
    INCREASING,
    INTEGRALS,
    INVERSES,
    QUADRATIC,
    RANGES,
    SLOPES,
    VALUES,
    clip,
)

every_integral = pytest.mark.parametrize("name", INTEGRALS)
INNER = {"relu": 0.1, "half_hard_sigmoid": 0.1, "hard_sigmoid": 0.1}
POINTS = np.linspace(-0.93, 0.94, 24)


def inner_points(name: str) -> np.ndarray:
    """Arguments z at which the activation is increasing, away from its kinks."""
    return np.abs(POINTS) if name in INNER else POINTS


@every_integral
def test_the_inverse_undoes_the_activation(name: str) -> None:
    z = inner_points(name)
    np.testing.assert_allclose(INVERSES[name](VALUES[name](z)), z, atol=1e-12)


@every_integral
def test_the_inverse_is_the_derivative_of_the_integral(name: str) -> None:
    x, h = VALUES[name](inner_points(name)), 1e-6
    numeric = (INTEGRALS[name](x + h) - INTEGRALS[name](x - h)) / (2 * h)
    np.testing.assert_allclose(numeric, INVERSES[name](x), atol=1e-7)


@every_integral
def test_the_activation_of_a_field_minimises_the_integral_minus_field_times_state(
    name: str,
) -> None:
    grid = np.linspace(-3, 3, 6001)
    low, high = RANGES.get(name, (None, None))
    grid = np.unique(clip(grid, (low, high)))
    for field in np.linspace(-2.4, 2.4, 13):
        best = grid[np.argmin(INTEGRALS[name](grid) - field * grid)]
        np.testing.assert_allclose(best, VALUES[name](field), atol=2e-3)


@every_integral
def test_the_integral_is_finite_at_the_ends_of_the_range_and_nothing_is_beyond(name: str) -> None:
    ends = np.array([x for x in RANGES.get(name, ()) if np.isfinite(x)])
    assert np.isfinite(INTEGRALS[name](ends)).all()
    if name not in QUADRATIC and len(ends):
        assert np.isposinf(INTEGRALS[name](ends + np.array([-0.1, 0.1]))).all()


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("tanh", 0.5, 0.5 * np.arctanh(0.5) + np.log(0.75) / 2),
        ("tanh", 1.0, np.log(2)),
        ("sigmoid", 0.5, -np.log(2)),
        ("shifted_sigmoid", 0.5, 0.25 - np.log(2) / 4),
        ("half_hard_sigmoid", 0.5, 0.25),
        ("leaky_relu", -0.1, 0.5),
    ],
)
def test_values_known_in_closed_form(name: str, x: float, value: float) -> None:
    np.testing.assert_allclose(INTEGRALS[name](np.array(x)), value, atol=1e-15)


@pytest.mark.parametrize("name", INCREASING)
def test_a_clipping_activation_is_flat_exactly_beyond_its_bounds(name: str) -> None:
    low, high = INCREASING[name]
    z = np.linspace(-3.05, 3.15, 63)
    inside = (z > low) & (z < high)
    np.testing.assert_array_equal(SLOPES[name](z) > 0, inside)
    ends = VALUES[name](np.array([low, min(high, 1e9)]))
    assert tuple(ends) == (RANGES[name][0], min(RANGES[name][1], 1e9))


@pytest.mark.parametrize("name", ["shifted_sigmoid", "half_hard_sigmoid"])
def test_the_slope_of_the_activation_is_its_finite_difference(name: str) -> None:
    z, h = np.linspace(-2.95, 3.05, 21), 1e-6
    numeric = (VALUES[name](z + h) - VALUES[name](z - h)) / (2 * h)
    np.testing.assert_allclose(SLOPES[name](z), numeric, atol=1e-8)
