"""Operators that rearrange a sample or multiply it by numbers."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field

from pccompiler.components.initializers import Constant
from pccompiler.components.operators.base import Operator, Parameter, ShapeError
from pccompiler.components.vocabulary import Array, Shape


class Reshape(Operator):
    """The same entries in another shape, in row-major order."""

    name: ClassVar[str] = "reshape"
    aliases: ClassVar[tuple[str, ...]] = ("view",)
    shorthand: ClassVar[str | None] = "shape"
    linear: ClassVar[bool] = True

    shape: tuple[Annotated[int, Field(ge=-1)], ...] = Field(
        min_length=1,
        description="the new shape of a sample, in which one -1 stands for what remains",
    )

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        if self.shape.count(-1) > 1 or 0 in self.shape:
            raise ShapeError(
                f"reshape cannot make a shape of {list(self.shape)}",
                "write sizes of at least 1, and -1 for at most one of them",
            )
        known = prod(size for size in self.shape if size != -1)
        result = tuple(prod(shape) // known if size == -1 else size for size in self.shape)
        if prod(result) != prod(shape):
            raise ShapeError(
                f"reshape cannot put {list(shape)} into {list(self.shape)}: it has {prod(shape)} "
                "entries",
                "the product of the sizes must stay the same; -1 stands for what remains",
            )
        return result

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        return x.reshape(x.shape[0], *self.shape)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 0


class Scale(Operator):
    """Multiplication by a number, y = factor x, or by a learned one for each channel.

    y = s x where `learned`, with s of shape (channels,), which starts at `factor`.
    """

    name: ClassVar[str] = "scale"
    aliases: ClassVar[tuple[str, ...]] = ("gain", "multiply")
    shorthand: ClassVar[str | None] = "factor"
    linear: ClassVar[bool] = True

    factor: float = Field(default=1.0, description="the number, or where the learned ones start")
    learned: bool = Field(default=False, description="learn a factor for each channel")

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        return shape

    def input_wanted(self, wanted: Shape | None) -> Shape | None:
        return wanted

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        if not self.learned:
            return {}
        return {"scale": Parameter(shape[-1:], Constant(value=self.factor))}

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        return x * (params["scale"] if self.learned else self.factor)

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(shape)
