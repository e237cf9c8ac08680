"""Points, boxes and the curves of edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

Direction = Literal["right", "down"]


class Point(NamedTuple):
    """In pixels, x to the right and y downwards."""

    x: float
    y: float


class Box(NamedTuple):
    """`x` and `y` are its left upper corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def centre(self) -> Point:
        return Point(self.x + self.width / 2, self.y + self.height / 2)


Segment = tuple[Point, ...]
"""Two points: a straight line. Four points: a cubic Bézier curve."""


def point(direction: Direction, along: float, across: float) -> Point:
    """The point at a distance along the reading direction and one across it."""
    return Point(along, across) if direction == "right" else Point(across, along)


def box(direction: Direction, along: float, across: float, length: float, breadth: float) -> Box:
    """The box that starts at (along, across), `length` long and `breadth` broad."""
    if direction == "right":
        return Box(along, across, length, breadth)
    return Box(across, along, breadth, length)


def route(direction: Direction, stops: Sequence[tuple[float, float]]) -> tuple[Segment, ...]:
    """A smooth line through stops (along, across): straight where two agree across.

    Every bend is a curve that leaves and arrives along the reading direction and stays
    between its two stops along it.
    """
    straightened = [stops[0]]
    for before, stop, after in zip(stops, stops[1:], stops[2:], strict=False):
        if not before[1] == stop[1] == after[1]:
            straightened.append(stop)
    straightened.append(stops[-1])
    segments: list[Segment] = []
    for (a, c), (a2, c2) in pairwise(straightened):
        if c == c2:
            bend = [(a, c), (a2, c2)]
        else:
            middle = (a + a2) / 2
            bend = [(a, c), (middle, c), (middle, c2), (a2, c2)]
        segments.append(tuple(point(direction, *place) for place in bend))
    return tuple(segments)


def loop(
    direction: Direction, along: float, across: float, length: float, reach: float
) -> tuple[Segment, ...]:
    """A loop on the side of a box, from `along` to `along + length`, `reach` out of it."""
    far = across + reach * 4 / 3  # a cubic curve comes three quarters of the way
    places = [(along, across), (along, far), (along + length, far), (along + length, across)]
    return (tuple(point(direction, *place) for place in places),)
