"""The dense operator: y = x W + b on the last axis."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
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


class Dense(Operator):
    """Fully connected: y = x W + b on the last axis, W of shape (in, out)."""

    name: ClassVar[str] = "dense"
    aliases: ClassVar[tuple[str, ...]] = ("linear", "fc", "fully_connected", "affine", "matmul")
    option_aliases: ClassVar[Mapping[str, str]] = {
        **Operator.option_aliases,
        **dict.fromkeys(("features", "out_features", "out", "size", "width"), "units"),
    }
    linear: ClassVar[bool] = True
    matrix: ClassVar[str | None] = "weight"

    units: int | None = Field(
        default=None,
        ge=1,
        description="size of the output; taken from the target node where left out",
    )
    bias: bool = Field(default=True, description="add a bias of shape (out,)")
    weight_init: Annotated[Initializer, OneOf(INITIALIZERS)] = Field(
        default=LecunNormal(), description="how W is drawn"
    )
    bias_init: Annotated[Initializer, OneOf(BIAS_INITIALIZERS)] = Field(
        default=Zeros(), description="how b is drawn"
    )

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        if self.units is not None:
            return (*shape[:-1], self.units)
        if wanted is None:
            raise ShapeError(
                "dense cannot tell its output size",
                "give the target node a `shape`, or the operator its size: {dense: {units: 64}}",
            )
        return (*shape[:-1], wanted[-1])

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        weight = Parameter((shape[-1], output[-1]), self.weight_init)
        if not self.bias:
            return {"weight": weight}
        return {"weight": weight, "bias": Parameter((output[-1],), self.bias_init)}

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        y = self.linear_part(params, x)
        return y + params["bias"] if self.bias else y

    def linear_part(self, params: Mapping[str, Array], x: Array) -> Array:
        return x @ params["weight"]

    def lateral(self) -> Operator:
        from pccompiler.components.operators.lateral import Lateral  # it is made of this one

        return Lateral(inner=self)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * shape[-1] * prod(output) + (prod(output) if self.bias else 0)
