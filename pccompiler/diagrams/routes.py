"""Points, boxes and the curves of edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from pccompiler.diagrams.styles import Outline

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


Side = Literal["near", "far", "beside"]
"""Sides of a box: where edges along the reading direction enter, where they leave, and where loops
stand."""


def inset(outline: Outline, side: Side, offset: float, length: float, breadth: float) -> float:
    """The distance from the side of a box to its outline, `offset` from the middle of the side."""
    if outline is Outline.BOX:
        return 0.0
    span = length if side == "beside" else breadth
    if outline is Outline.ROUND:
        radius = min(length, breadth) / 2
        beyond = min(radius, max(0.0, abs(offset) - (span / 2 - radius)))
        return radius - (radius**2 - beyond**2) ** 0.5
    if side == "beside":  # the slanted side: `offset` counts towards the reading direction
        towards_tip = offset if outline is Outline.AHEAD else -offset
        return breadth / 2 * min(1.0, max(0.0, 0.5 + towards_tip / length))
    flat = "near" if outline is Outline.AHEAD else "far"
    return 0.0 if side == flat else length * min(1.0, abs(offset) / (breadth / 2))


def loop(
    direction: Direction,
    along: float,
    across: float,
    length: float,
    reach: float,
    insets: tuple[float, float] = (0.0, 0.0),
) -> tuple[Segment, ...]:
    """A loop on the side of a box, from `along` to `along + length`, `reach` out of it.

    Its ends reach into the box by `insets`.
    """
    far = across + reach * 4 / 3  # a cubic curve comes three quarters of the way
    places = [(along, across), (along, far), (along + length, far), (along + length, across)]
    curve = tuple(point(direction, *place) for place in places)
    segments: list[Segment] = [curve]
    if insets[0]:
        segments.insert(0, (point(direction, along, across - insets[0]), curve[0]))
    if insets[1]:
        segments.append((curve[-1], point(direction, along + length, across - insets[1])))
    return tuple(segments)
