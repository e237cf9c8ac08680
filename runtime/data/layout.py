"""Whether numbers may pass from one shape to another without changing places."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import numpy as np

from pccompiler.components.vocabulary import Shape

COLOURS = (1, 3)
"""Sizes of an axis of channels."""


def sample_shape(values: Any) -> Shape:
    """The shape of one sample of an array, whose first axis counts them."""
    return tuple(int(size) for size in np.shape(values)[1:])


def same_layout(given: Shape, shape: Shape) -> bool:
    """Whether numbers in one shape keep their places in the other: the shapes are equal but for
    axes of length 1, or one of them is flat."""
    if math.prod(given) != math.prod(shape):
        return False
    given, shape = _squeezed(given), _squeezed(shape)
    return given == shape or min(len(given), len(shape)) <= 1


def transposition(given: Shape, shape: Shape) -> tuple[int, ...] | None:
    """The order of the axes of `given` that makes `shape`; None where no order does, or several
    do, unless one of them moves the channels of a picture alone."""
    if len(given) == 3:
        for order, channels in (((1, 2, 0), given[0]), ((2, 0, 1), given[2])):
            if channels in COLOURS and tuple(given[axis] for axis in order) == shape:
                return order
    found = [
        order
        for order in permutations(range(len(given)))
        if len(given) <= 4 and tuple(given[axis] for axis in order) == shape
    ]
    return found[0] if len(found) == 1 else None


def advice_on_axes(name: str, given: Shape, shape: Shape) -> str:
    """Advice for an array of samples whose axes differ from those wanted."""
    order = transposition(given, shape)
    if order is None:
        return f"store it with samples of shape {list(shape)}, each number in its place"
    axes = ", ".join(str(axis + 1) for axis in order)
    return f"store `{name}.transpose(0, {axes})`"


def _squeezed(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)
