"""Activations as operators, so that a pipeline can write W f(x) as well as f(W x)."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from pydantic import create_model

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.operators.base import Operator
from pccompiler.components.vocabulary import Array, Shape


class Elementwise(Operator):
    """An activation applied to every unit; the shape stays as it is."""

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        return shape

    def input_wanted(self, wanted: Shape | None) -> Shape | None:
        return wanted

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        return ACTIVATIONS[self.name](x)

    def flops(self, shape: Shape, output: Shape) -> int:
        return 0 if ACTIVATIONS[self.name].is_identity else prod(shape)


def elementwise(name: str) -> type[Elementwise]:
    """The operator that applies the activation of this name."""
    title = name.title().replace("_", "")
    formula = f": {ACTIVATIONS[name].formula}" if ACTIVATIONS[name].formula else ""
    summary = f"The activation {name}{formula}."
    member = create_model(title, __base__=Elementwise, __doc__=summary)
    member.name, member.aliases = name, ACTIVATIONS[name].aliases
    member.linear = ACTIVATIONS[name].is_identity
    member.smooth = ACTIVATIONS[name].smooth
    return member


ELEMENTWISE: tuple[type[Operator], ...] = tuple(elementwise(name) for name in ACTIVATIONS)
