"""The judge's activations are judged: slopes by finite differences, values at known points."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.activations import KINKS, SLOPES, VALUES

POINTS = np.linspace(-3.7, 3.9, 41)


@pytest.mark.parametrize("name", VALUES)
def test_slope_is_the_finite_difference_of_the_value_away_from_kinks(name: str) -> None:
    step = 1e-6
    distance = [np.abs(POINTS - kink) for kink in KINKS.get(name, ())]
    x = POINTS[np.min(distance, axis=0) > 0.01] if distance else POINTS
    numeric = (VALUES[name](x + step) - VALUES[name](x - step)) / (2 * step)
    np.testing.assert_allclose(SLOPES[name](x), numeric, atol=1e-8)


@pytest.mark.parametrize("name", KINKS)
def test_slope_at_a_kink_lies_between_the_two_one_sided_slopes(name: str) -> None:
    for kink in KINKS[name]:
        sides = SLOPES[name](np.array([kink - 1e-3, kink + 1e-3]))
        assert sides[0] != sides[1]
        assert sides.min() <= SLOPES[name](np.array([kink]))[0] <= sides.max()


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("tanh", 0.5 * np.log(3), 0.5),
        ("sigmoid", np.log(3), 0.75),
        ("relu", -2.0, 0.0),
        ("leaky_relu", -2.0, -0.02),
        ("hard_tanh", -2.0, -1.0),
        ("hard_sigmoid", 0.25, 0.25),
        ("softplus", 0.0, np.log(2)),
        ("silu", np.log(3), 0.75 * np.log(3)),
        ("gelu", 10.0, 10.0),
        ("identity", -1.5, -1.5),
    ],
)
def test_value_at_a_point_known_in_closed_form(name: str, x: float, value: float) -> None:
    np.testing.assert_allclose(VALUES[name](np.array(x)), value, atol=1e-15)


def test_gelu_is_within_a_thousandth_of_x_times_the_normal_distribution_function() -> None:
    from math import erf, sqrt

    exact = np.array([x * 0.5 * (1 + erf(x / sqrt(2))) for x in POINTS])
    assert np.abs(VALUES["gelu"](POINTS) - exact).max() < 1e-3
