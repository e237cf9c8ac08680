"""What an operator is: shapes, parameters, cost and the map itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pccompiler.components.initializers import Initializer
from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Array, Shape


@dataclass(frozen=True)
class Parameter:
    """The shape of one parameter array and how it is drawn."""

    shape: Shape
    initializer: Initializer


class ShapeError(Exception):
    """An operator cannot map the shape it is given. `help` says what to do about it."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class Operator(Member):
    """One map on an edge's pipeline, from (batch, *shape) to (batch, *output_shape).

    `linear` operators are linear in the state up to a bias. Subclasses give the shape rule
    by hand; a contract test compares it with what JAX computes.
    """

    linear: ClassVar[bool] = False

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        """The shape of the output for an input of `shape`.

        `wanted` is the shape that the rest of the pipeline and the target node ask for,
        where that is known; operators whose size is free (dense) take theirs from it.
        Raises ShapeError where `shape` cannot be mapped.
        """
        raise NotImplementedError

    def input_wanted(self, wanted: Shape | None) -> Shape | None:
        """The input shape that would give the `wanted` output, where only one can."""
        return None

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        """The operator's own parameters for these shapes, by name."""
        return {}

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        """The map: x of shape (batch, *shape) to (batch, *output_shape)."""
        raise NotImplementedError

    def flops(self, shape: Shape, output: Shape) -> int:
        """Floating-point operations for one sample; a multiply-add counts as two."""
        raise NotImplementedError
