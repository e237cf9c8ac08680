"""Derivatives through a relaxation that has no fixed number of steps."""

from __future__ import annotations

from typing import Any

import jax

from pccompiler.components.vocabulary import Array


@jax.custom_jvp
def _forward_mode_only(array: Array) -> Array:
    return array


@_forward_mode_only.defjvp
def _forward_mode_only_jvp(primals: tuple[Array], tangents: tuple[Array]) -> Any:
    def refuse(_: Any, __: Any) -> Any:
        raise ValueError(
            "reverse-mode differentiation through a relaxation needs a fixed number of steps: "
            "remove `inference.stop` from the spec, or differentiate in forward mode (jax.jvp)"
        )

    call = jax.custom_derivatives.linear_call
    return primals[0], call(lambda _, same: same, refuse, (), tangents[0])


def without_reverse_mode(result: Any) -> Any:
    """The same arrays; differentiating them in reverse mode raises ValueError.

    A relaxation that stops by its residual has no fixed number of steps, so JAX cannot run it
    backwards; without this its message would speak of a while loop that the user never wrote.
    """
    return jax.tree.map(_forward_mode_only, result)
