"""Elementwise activations, by the names that specs use.

A member here is one line: a name and a function on arrays of any shape. The table feeds
`nodes.*.activation`, the operators of the same names, and their contract tests.
"""

from __future__ import annotations

from collections.abc import Callable

from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jax, jnp

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "tanh": lambda x: jnp.tanh(x),
    "sigmoid": lambda x: jax.nn.sigmoid(x),
    "relu": lambda x: jax.nn.relu(x),
    "leaky_relu": lambda x: jax.nn.leaky_relu(x, negative_slope=0.01),
    "gelu": lambda x: jax.nn.gelu(x, approximate=True),  # the tanh form, as in the field's code
    "hard_tanh": lambda x: jax.nn.hard_tanh(x),  # clip(x, -1, 1)
    # clip(x, 0, 1), the one of Hopfield networks. Like hard_tanh, and unlike jnp.clip, it has
    # derivative 1 at both ends, where states saturate exactly.
    "hard_sigmoid": lambda x: jnp.where(x > 1, 1, jnp.where(x < 0, 0, x)),
    "softplus": lambda x: jax.nn.softplus(x),
    "silu": lambda x: jax.nn.silu(x),
}
