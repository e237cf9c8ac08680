"""Activations of Hopfield networks, with the integrals of their inverses by hand.

A node with activation s and state x has G(x) with G'(s(z)) = z wherever s is increasing; where
s is flat, x stands at an end of its range and z lies in the subdifferential of G there. Outside
the range of s, G is infinite. The state that minimises G(x) - f x is s(f).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.reference import activations
from tests.reference.activations import Array, Function, sigmoid

INFINITY = float("inf")


def _shifted_slope(x: Array) -> Array:
    s = sigmoid(4 * (x - 0.5))
    return 4 * s * (1 - s)


VALUES: dict[str, Function] = activations.VALUES | {
    "shifted_sigmoid": lambda x: sigmoid(4 * (x - 0.5)),
    "half_hard_sigmoid": lambda x: np.clip(x / 2, 0, 1),
}

SLOPES: dict[str, Function] = activations.SLOPES | {
    "shifted_sigmoid": _shifted_slope,
    "half_hard_sigmoid": lambda x: np.where((x >= 0) & (x <= 2), 0.5, 0.0),
}


def _x_log_x(x: Array) -> Array:
    """x log x, zero at zero and infinite below."""
    safe = np.where(x > 0, x, 1.0)
    return np.where(x >= 0, x * np.log(safe), INFINITY)


def _binary(x: Array) -> Array:
    """x log x + (1 - x) log(1 - x), minus the entropy."""
    return _x_log_x(x) + _x_log_x(1 - x)


INTEGRALS: dict[str, Function] = {
    "identity": lambda x: x**2 / 2,
    "hard_sigmoid": lambda x: x**2 / 2,
    "hard_tanh": lambda x: x**2 / 2,
    "relu": lambda x: x**2 / 2,
    "half_hard_sigmoid": lambda x: x**2,
    "leaky_relu": lambda x: np.where(x >= 0, x**2 / 2, x**2 / 0.02),
    # x artanh x + log(1 - x^2)/2 = [(1 + x) log(1 + x) + (1 - x) log(1 - x)]/2
    "tanh": lambda x: (_x_log_x(1 + x) + _x_log_x(1 - x)) / 2,
    "sigmoid": _binary,
    "shifted_sigmoid": lambda x: x / 2 + _binary(x) / 4,
}
"""G of an increasing activation, per unit. The other activations have no inverse."""

INVERSES: dict[str, Function] = {
    "identity": lambda x: x,
    "hard_sigmoid": lambda x: x,
    "hard_tanh": lambda x: x,
    "relu": lambda x: x,
    "half_hard_sigmoid": lambda x: 2 * x,
    "leaky_relu": lambda x: np.where(x >= 0, x, x / 0.01),
    "tanh": np.arctanh,
    "sigmoid": lambda x: np.log(x / (1 - x)),
    "shifted_sigmoid": lambda x: 0.5 + np.log(x / (1 - x)) / 4,
}
"""G', inside the range of the activation."""

QUADRATIC: dict[str, float] = {
    "identity": 1.0,
    "hard_sigmoid": 1.0,
    "hard_tanh": 1.0,
    "relu": 1.0,
    "half_hard_sigmoid": 2.0,
}
"""c of the activations with G = c/2 x^2 on their range."""

RANGES: dict[str, tuple[float, float]] = {
    "hard_sigmoid": (0.0, 1.0),
    "half_hard_sigmoid": (0.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "relu": (0.0, INFINITY),
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "shifted_sigmoid": (0.0, 1.0),
}
"""The values of the activations; without an entry all numbers."""

INCREASING: dict[str, tuple[float, float]] = {
    "hard_sigmoid": (0.0, 1.0),
    "half_hard_sigmoid": (0.0, 2.0),
    "hard_tanh": (-1.0, 1.0),
    "relu": (0.0, INFINITY),
}
"""Between which arguments an activation that clips is not flat."""


def clip(x: Array, *bounds: Any) -> Array:
    """x inside every range that is given as (low, high), either of which may be None."""
    for low, high in bounds:
        x = np.clip(x, -INFINITY if low is None else low, INFINITY if high is None else high)
    return x
