"""The coupling of a node to itself, in the graph of a Hopfield network.

In F it stands as -<x, y>, so that half of it counts every pair of units once:

    y = 1/2 x W0 + b,        W0 = W with a zero diagonal

Only the symmetric part of W0 is in F, whose gradient is symmetric; W is drawn symmetric and
so stays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pccompiler.components.initializers import Initializer, Sampler
from pccompiler.components.operators.base import Operator, Parameter
from pccompiler.components.operators.dense import Dense
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.lazy import jnp


class Lateral(Operator):
    """Dense from a node to itself: symmetric, with a zero diagonal, each pair counted once."""

    name: ClassVar[str] = "dense"
    linear: ClassVar[bool] = True

    inner: Dense

    def printed(self) -> str:
        return f"symmetric {self.inner.printed()}"

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        return self.inner.output_shape(shape, wanted)

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        own = dict(self.inner.parameters(shape, output))
        weight = own["weight"]
        own["weight"] = replace(weight, initializer=_Symmetric(inner=weight.initializer))
        return own

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        y = self.linear_part(params, x)
        return y + params["bias"] if self.inner.bias else y

    def linear_part(self, params: Mapping[str, Array], x: Array) -> Array:
        return 0.5 * (x @ _without_diagonal(params["weight"]))

    def flops(self, shape: Shape, output: Shape) -> int:
        return self.inner.flops(shape, output)


class _Symmetric(Initializer):
    """The symmetric part of another initialiser's draws, at the same variance, with a zero
    diagonal."""

    name: ClassVar[str] = "symmetric"

    inner: Initializer

    def sampler(self) -> Sampler:
        draw = self.inner.sampler()

        def symmetric(key: Array, shape: Shape, dtype: Any) -> Array:
            weight = draw(key, shape, dtype)
            return _without_diagonal((weight + weight.T) / jnp.sqrt(jnp.asarray(2, dtype)))

        return symmetric


def _without_diagonal(weight: Array) -> Array:
    return weight * (1 - jnp.eye(weight.shape[0], dtype=weight.dtype))
