"""`transpose_of`: in the language an operator, in the graph the transposes of another edge's.

The linear operators of the named edge are transposed, in reverse order, on the same weights;
pooling becomes upsampling; elementwise functions and normalisations are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NoReturn

from pydantic import Field

from pccompiler.components.operators.base import Operator
from pccompiler.components.vocabulary import Array, Shape


class TransposeOf(Operator):
    """The transpose of a forward edge's pipeline, sharing its weights."""

    name: ClassVar[str] = "transpose_of"
    aliases: ClassVar[tuple[str, ...]] = ("transpose", "transposed", "tied")
    shorthand: ClassVar[str | None] = "edge"
    linear: ClassVar[bool] = True

    edge: str = Field(description="the edge to transpose, such as `h1->h2`; ranges pair up")

    @property
    def transposes(self) -> str:
        return self.edge

    def output_shape(self, shape: Shape, wanted: Shape | None) -> NoReturn:
        raise AssertionError(_REPLACED)

    def apply(self, params: Mapping[str, Array], x: Array) -> NoReturn:
        raise AssertionError(_REPLACED)

    def flops(self, shape: Shape, output: Shape) -> NoReturn:
        raise AssertionError(_REPLACED)


_REPLACED = "the transposes of the other edge's operators replace it while shapes are inferred"
