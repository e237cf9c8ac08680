"""The flatten operator: all axes of a sample become one."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import ClassVar

from pccompiler.components.operators.base import Operator
from pccompiler.components.vocabulary import Array, Shape


class Flatten(Operator):
    """All axes of a sample become one, in row-major order."""

    name: ClassVar[str] = "flatten"
    aliases: ClassVar[tuple[str, ...]] = ("ravel",)
    linear: ClassVar[bool] = True

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        return (prod(shape),)

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        return x.reshape(x.shape[0], -1)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 0
