"""Embedding: every token becomes a row of a learned table.

    y = x E        x: (..., vocabulary), a token as one-hot or as probabilities (soft tokens)
    y = E[x]       x: (...), a token as its number, where `indices`

E: (vocabulary, units); y: (..., units). The first form is linear, and inference can change x;
the second has no gradient in x, for nodes that are clamped.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field

from pccompiler.components.initializers import INITIALIZERS, Initializer, Normal
from pccompiler.components.member import OneOf
from pccompiler.components.operators.base import Operator, Parameter, ShapeError
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.lazy import jnp


class Embedding(Operator):
    """A row of a learned table for every token: y = x E, or E[x] where `indices`."""

    name: ClassVar[str] = "embedding"
    aliases: ClassVar[tuple[str, ...]] = ("embed", "lookup")

    units: int | None = Field(
        default=None,
        ge=1,
        description="size of a row; taken from the target node where left out",
    )
    indices: bool = Field(
        default=False,
        description="the input holds numbers of tokens, not one-hot tokens; needs `vocabulary`",
    )
    vocabulary: int | None = Field(
        default=None,
        ge=1,
        description="number of rows; default: the last axis of a one-hot input. A number outside "
        "it gives NaN",
    )
    weight_init: Annotated[Initializer, OneOf(INITIALIZERS)] = Field(
        default=Normal(std=1.0), description="how E is drawn"
    )

    @property
    def linear(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return not self.indices

    @property
    def token_count(self) -> int | None:
        return self.vocabulary if self.indices else None

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        if self.indices and self.vocabulary is None:
            raise ShapeError(
                "embedding cannot tell the size of the vocabulary from indices",
                "give it: {embedding: {indices: true, vocabulary: 1000}}",
            )
        if not self.indices and self.vocabulary not in (None, shape[-1]):
            raise ShapeError(
                f"embedding has a vocabulary of {self.vocabulary}, but receives {list(shape)}, "
                f"tokens of size {shape[-1]}",
                "one-hot tokens have the size of the vocabulary; for numbers of tokens set "
                "`indices: true`",
            )
        units = self.units
        if units is None:
            if wanted is None:
                raise ShapeError(
                    "embedding cannot tell the size of its rows",
                    "give the target node a `shape`, or the operator its size: "
                    "{embedding: {units: 64}}",
                )
            units = wanted[-1]
        return (*shape, units) if self.indices else (*shape[:-1], units)

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        rows = self.vocabulary or shape[-1]
        return {"weight": Parameter((rows, output[-1]), self.weight_init)}

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        if not self.indices:
            return x @ params["weight"]
        numbers = jnp.where(x < 0, params["weight"].shape[0], x).astype(jnp.int32)
        return params["weight"].at[numbers].get(mode="fill")

    def transposed(self, shape: Shape, output: Shape) -> Operator | None:
        if self.indices:
            raise ShapeError(
                "embedding of indices has no transpose",
                "use one-hot tokens, or write the backward edge with operators of its own",
            )
        return super().transposed(shape, output)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 0 if self.indices else 2 * shape[-1] * prod(output)
