"""Multi-head self-attention over positions.

    q = x Wq + bq,  k = x Wk,  v = x Wv + bv,  each cut into `heads` parts of d = units / heads
    y = concat over heads of softmax(q k^T / sqrt(d)) v,  times Wo, plus bo

x and y: a sample of shape (positions, units); W: (units, units); b: (units,). The softmax runs
over the positions that a position may see: all of them, or where `causal` those up to itself.
The keys have no bias: it would add the same number to all that a softmax compares.

Vaswani et al. 2017, arXiv:1706.03762.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt
from typing import Annotated, ClassVar

from pydantic import Field

from pccompiler.components.initializers import (
    BIAS_INITIALIZERS,
    INITIALIZERS,
    Initializer,
    LecunNormal,
    Zeros,
)
from pccompiler.components.member import OneOf
from pccompiler.components.operators.base import Operator, Parameter, ShapeError
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.lazy import jax, jnp


class Attention(Operator):
    """Multi-head self-attention over (positions, units)."""

    name: ClassVar[str] = "attention"
    aliases: ClassVar[tuple[str, ...]] = (
        "mha",
        "self_attention",
        "multi_head_attention",
        "multihead_attention",
        "transformer",
    )

    heads: int = Field(default=1, ge=1, description="number of heads, a divisor of the units")
    causal: bool = Field(default=False, description="a position sees no later ones")
    bias: bool = Field(default=True, description="add biases to queries, values and output")
    weight_init: Annotated[Initializer, OneOf(INITIALIZERS)] = Field(
        default=LecunNormal(), description="how the four W are drawn"
    )
    bias_init: Annotated[Initializer, OneOf(BIAS_INITIALIZERS)] = Field(
        default=Zeros(), description="how the three b are drawn"
    )

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        if len(shape) != 2:
            raise ShapeError(
                f"attention maps (positions, units), but receives {list(shape)}",
                "give the source node such a shape, or reshape first: "
                "op: [{reshape: [49, 64]}, attention]",
            )
        if shape[-1] % self.heads:
            raise ShapeError(
                f"attention cannot cut {shape[-1]} units into {self.heads} heads",
                "choose `heads` so that it divides the units",
            )
        return shape

    def input_wanted(self, wanted: Shape | None) -> Shape | None:
        return wanted

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        units = shape[-1]
        names = ("query", "key", "value", "output")
        weights = {f"{name}_weight": Parameter((units, units), self.weight_init) for name in names}
        if not self.bias:
            return weights
        biased = ("query", "value", "output")
        return weights | {f"{name}_bias": Parameter((units,), self.bias_init) for name in biased}

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        def projected(name: str, x: Array) -> Array:
            y = x @ params[f"{name}_weight"]
            return y + params[f"{name}_bias"] if self.bias and name != "key" else y

        batch, positions, units = x.shape
        heads = (batch, positions, self.heads, units // self.heads)
        q, k, v = (projected(name, x).reshape(heads) for name in ("query", "key", "value"))
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / sqrt(heads[-1])
        if self.causal:
            seen = jnp.tril(jnp.ones((positions, positions), bool))
            scores = jnp.where(seen, scores, -jnp.inf)
        mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores, axis=-1), v)
        return projected("output", mixed.reshape(x.shape))

    def transposed(self, shape: Shape, output: Shape) -> Operator | None:
        raise ShapeError(
            "attention is not linear and has no transpose",
            "write the backward edge with operators of its own",
        )

    def flops(self, shape: Shape, output: Shape) -> int:
        positions, units = shape
        projections = 4 * 2 * positions * units * units
        pairs = 2 * 2 * positions * positions * units
        softmax = 5 * self.heads * positions * positions
        return projections + pairs + softmax + (3 * prod(shape) if self.bias else 0)
