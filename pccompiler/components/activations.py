"""Elementwise activations, by the names that specs use.

A member here is an entry: a function on arrays of any shape and, where a Hopfield network may
use it, its potential. The table feeds `nodes.*.activation`, the operators of the same names,
and their contract tests.

The potential G of a monotone activation a is the integral of its inverse, so that the state
x = a(f) is the minimum of G(x) - f x; on the range of the activation,

    identity, relu, hard_tanh, hard_sigmoid    x^2 / 2
    half_hard_sigmoid                          x^2
    leaky_relu                                 x^2 / 2 above zero, x^2 / (2 * 0.01) below
    tanh                  x artanh x + log(1 - x^2) / 2
    sigmoid               x log x + (1 - x) log(1 - x)
    shifted_sigmoid       x / 2 + [x log x + (1 - x) log(1 - x)] / 4
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jax, jnp


@dataclass(frozen=True)
class Activation:
    """An elementwise function, and what the energy of a Hopfield network needs of it.

    `potential` is the integral of its inverse, elementwise, or None where there is none to
    use; where it is c/2 x^2 on the range `low` to `high`, `curvature` is c. `smooth`: without
    kinks. `is_identity`: it returns its argument. `formula`: what it computes, in words for
    tables. `aliases`: what other libraries call it, or something like it that is not here.
    """

    function: Callable[[Array], Array]
    potential: Callable[[Array], Array] | None = None
    curvature: float | None = None
    low: float = -inf
    high: float = inf
    smooth: bool = True
    aliases: tuple[str, ...] = ()
    is_identity: bool = False
    formula: str = ""

    def __call__(self, x: Array) -> Array:
        return self.function(x)


def _quadratic(
    function: Callable[[Array], Array],
    curvature: float = 1.0,
    low: float = -inf,
    high: float = inf,
    smooth: bool = False,
    aliases: tuple[str, ...] = (),
    formula: str = "",
) -> Activation:
    return Activation(
        function,
        lambda x: curvature / 2 * x * x,
        curvature,
        low,
        high,
        smooth,
        aliases,
        formula=formula,
    )


def _clip(x: Array, low: float, high: float) -> Array:
    """Like `jax.nn.hard_tanh`, and unlike `jnp.clip`, with derivative 1 at both ends, where
    states saturate exactly."""
    return jnp.where(x > high, high, jnp.where(x < low, low, x))


def _plogp(p: Array) -> Array:
    """p log p, zero at p = 0."""
    return jax.scipy.special.xlogy(p, p)


def _sigmoid_potential(x: Array) -> Array:
    return _plogp(x) + _plogp(1 - x)


ACTIVATIONS: dict[str, Activation] = {
    "identity": replace(
        _quadratic(lambda x: x, smooth=True, aliases=("linear", "none", "id")),
        is_identity=True,
        formula="x",
    ),
    "tanh": Activation(
        lambda x: jnp.tanh(x),
        lambda x: (_plogp(1 + x) + _plogp(1 - x)) / 2,
        low=-1,
        high=1,
        formula="tanh(x)",
    ),
    "sigmoid": Activation(
        lambda x: jax.nn.sigmoid(x),
        _sigmoid_potential,
        low=0,
        high=1,
        aliases=("logistic", "expit"),
        formula="1 / (1 + e^-x)",
    ),
    "relu": _quadratic(
        lambda x: jax.nn.relu(x), low=0, aliases=("rectifier", "relu6"), formula="max(x, 0)"
    ),
    "leaky_relu": Activation(
        lambda x: jax.nn.leaky_relu(x, negative_slope=0.01),
        lambda x: jnp.where(x > 0, 0.5, 50) * x * x,
        smooth=False,
        aliases=("lrelu", "elu", "selu", "prelu"),
        formula="x above zero, 0.01 x below",
    ),
    # the tanh form, as in the field's code
    "gelu": Activation(
        lambda x: jax.nn.gelu(x, approximate=True),
        formula="x Phi(x), with Phi the normal distribution, in the form with tanh",
    ),
    "hard_tanh": _quadratic(
        lambda x: _clip(x, -1, 1),
        low=-1,
        high=1,
        aliases=("hardtanh",),
        formula="x, clipped to [-1, 1]",
    ),
    "hard_sigmoid": _quadratic(
        lambda x: _clip(x, 0, 1),
        low=0,
        high=1,
        aliases=("hardsigmoid", "clip", "rho"),
        formula="x, clipped to [0, 1]",
    ),
    "half_hard_sigmoid": _quadratic(
        lambda x: _clip(x / 2, 0, 1), 2.0, low=0, high=1, formula="x / 2, clipped to [0, 1]"
    ),
    "shifted_sigmoid": Activation(
        lambda x: jax.nn.sigmoid(4 * x - 2),
        lambda x: x / 2 + _sigmoid_potential(x) / 4,
        low=0,
        high=1,
        formula="1 / (1 + e^(2 - 4x))",
    ),
    "softplus": Activation(lambda x: jax.nn.softplus(x), formula="log(1 + e^x)"),
    "silu": Activation(
        lambda x: jax.nn.silu(x), aliases=("swish", "mish"), formula="x / (1 + e^-x)"
    ),
}

ACTIVATION_ALIASES: dict[str, str] = {
    alias: name for name, activation in ACTIVATIONS.items() for alias in activation.aliases
}
