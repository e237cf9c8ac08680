"""The activations and their derivatives, by hand.

At a kink the derivative is one element of the subdifferential, always the same one: relu
takes the left slope, leaky_relu, hard_tanh and hard_sigmoid the inner one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
Function = Callable[[Array], Array]

GELU_SCALE = np.sqrt(2 / np.pi)
GELU_CUBIC = 0.044715


def sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _sigmoid_slope(x: Array) -> Array:
    s = sigmoid(x)
    return s * (1 - s)


def _gelu(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(GELU_SCALE * (x + GELU_CUBIC * x**3)))


def _gelu_slope(x: Array) -> Array:
    t = np.tanh(GELU_SCALE * (x + GELU_CUBIC * x**3))
    inner = GELU_SCALE * (1 + 3 * GELU_CUBIC * x**2)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner


def _silu_slope(x: Array) -> Array:
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


def _hard_sigmoid_slope(x: Array) -> Array:
    return np.where((x >= 0) & (x <= 1), 1.0, 0.0)


VALUES: dict[str, Function] = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x >= 0, x, 0.01 * x),
    "gelu": _gelu,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_sigmoid": lambda x: np.clip(x, 0, 1),
    "half_hard_sigmoid": lambda x: np.clip(x / 2, 0, 1),
    "shifted_sigmoid": lambda x: sigmoid(4 * (x - 0.5)),
    "softplus": lambda x: np.logaddexp(0, x),
    "silu": lambda x: x * sigmoid(x),
}

SLOPES: dict[str, Function] = {
    "identity": np.ones_like,
    "tanh": lambda x: 1 - np.tanh(x) ** 2,
    "sigmoid": _sigmoid_slope,
    "relu": lambda x: np.where(x > 0, 1.0, 0.0),
    "leaky_relu": lambda x: np.where(x >= 0, 1.0, 0.01),
    "gelu": _gelu_slope,
    "hard_tanh": lambda x: np.where(np.abs(x) <= 1, 1.0, 0.0),
    "hard_sigmoid": _hard_sigmoid_slope,
    "half_hard_sigmoid": lambda x: np.where((x >= 0) & (x <= 2), 0.5, 0.0),
    "shifted_sigmoid": lambda x: 4 * _sigmoid_slope(4 * (x - 0.5)),
    "softplus": sigmoid,
    "silu": _silu_slope,
}

KINKS: dict[str, tuple[float, ...]] = {
    "relu": (0.0,),
    "leaky_relu": (0.0,),
    "hard_tanh": (-1.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "half_hard_sigmoid": (0.0, 2.0),
}
"""Where the derivative jumps; the other activations are smooth."""

SMOOTH: tuple[str, ...] = tuple(name for name in VALUES if name not in KINKS)
