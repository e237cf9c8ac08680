"""Single marks: outlines of nodes, lines with tips, pins."""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, radians, sin

from pccompiler.diagrams.marks import NOTHING, Group, Line, Mark, Polygon, Rectangle
from pccompiler.diagrams.routes import Box, Direction, Point, Segment
from pccompiler.diagrams.sizes import SHEETS
from pccompiler.diagrams.styles import EdgeStyle, NodeStyle, Outline, Tip

INK, QUIET, PAPER, SHADE = "#1a1a1a", "#555555", "#ffffff", "#f5f6f8"
"""Colours of text, of less important text, of the background, and of bands on it."""

_ARROW_LENGTH, _ARROW_HALF = 9.0, 4.0
_BAR_HALF = 4.5
_PIN_TURN = radians(35)
_PIN_HEAD = ((-4, -2), (4, -2), (2.5, -4.5), (2.5, -8), (3.5, -8), (3.5, -9.5),
             (-3.5, -9.5), (-3.5, -8), (-2.5, -8), (-2.5, -4.5))  # fmt: skip


def outline(box: Box, style: NodeStyle, direction: Direction) -> Iterator[Mark]:
    """The outline of a node, filled."""
    if style.outline in (Outline.AHEAD, Outline.BACK):
        corners = _triangle(box, style.outline, direction)
        yield Polygon(corners, style.fill, style.stroke, 1.5)
        return
    radius = _radius(box, style)
    if style.stack:
        for sheet in (2, 1):
            yield Rectangle(_sheet(box, sheet), radius, style.fill, style.stroke, 1.1)
        box = front(box, style)
    yield Rectangle(box, radius, style.fill, style.stroke, 1.5)
    if style.double:
        inner = Box(box.x + 3, box.y + 3, box.width - 6, box.height - 6)
        yield Rectangle(inner, max(radius - 3, 0), NOTHING, style.stroke, 0.8)


def front(box: Box, style: NodeStyle) -> Box:
    """The part of a node's box on which its text stands: of a stack, the sheet in front."""
    return _sheet(box, 0) if style.stack else box


def centre(box: Box, style: NodeStyle, direction: Direction) -> Point:
    """The centre of a node's text: a triangle's lies nearer to its flat side."""
    x, y = front(box, style).centre
    if style.outline not in (Outline.AHEAD, Outline.BACK):
        return Point(x, y)
    back = -1 if style.outline is Outline.AHEAD else 1
    if direction == "right":
        return Point(x + back * box.width / 6, y)
    return Point(x, y + back * box.height / 6)


def _sheet(box: Box, number: int) -> Box:
    """A sheet of a stack, the front one first, which lies at the lower left."""
    shift = number * SHEETS / 2
    return Box(box.x + shift, box.y + SHEETS - shift, box.width - SHEETS, box.height - SHEETS)


def _triangle(box: Box, outline: Outline, direction: Direction) -> tuple[Point, Point, Point]:
    x, y = box.centre
    left, right = (box.x, box.right) if outline is Outline.AHEAD else (box.right, box.x)
    top, bottom = (box.y, box.bottom) if outline is Outline.AHEAD else (box.bottom, box.y)
    if direction == "right":
        return Point(left, box.y), Point(right, y), Point(left, box.bottom)
    return Point(box.x, top), Point(x, bottom), Point(box.right, top)


def _radius(box: Box, style: NodeStyle) -> float:
    most = min(box.width, box.height) / 2
    return most if style.outline is Outline.ROUND else min(style.radius, most)


def pin(x: float, y: float, colour: str) -> Group:
    """A pin stuck in at (x, y) from the upper right."""

    def turned(across: float, down: float) -> Point:
        return Point(
            x + across * cos(_PIN_TURN) - down * sin(_PIN_TURN),
            y + across * sin(_PIN_TURN) + down * cos(_PIN_TURN),
        )

    needle = Line(((turned(0, 4), turned(0, -2)),), INK, 1.2)
    head = Polygon(tuple(turned(*corner) for corner in _PIN_HEAD), colour, PAPER, 0.6)
    return Group("clamped", (needle, head))


def arrow(route: tuple[Segment, ...], style: EdgeStyle) -> Iterator[Mark]:
    """A line with its tips; it stops inside an arrow, so that the point stays sharp."""
    tips: list[Mark] = []
    if style.tip in (Tip.BAR, Tip.ARROW_BAR):
        tips.append(_bar(route[-1][-1], _unit(route[-1][-2], route[-1][-1]), style))
    if style.tip is Tip.BAR_ARROW:
        tips.append(_bar(route[0][0], _unit(route[0][1], route[0][0]), style))
    if style.tip in (Tip.ARROW, Tip.BAR_ARROW):
        route = _shortened(route, tips, style)
    if style.tip in (Tip.START, Tip.ARROW_BAR):
        route = _reversed(_shortened(_reversed(route), tips, style))
    dash = tuple(float(length) for length in style.dash.split())
    yield Line(route, style.colour, style.width, dash)
    yield from tips


def _shortened(
    route: tuple[Segment, ...], tips: list[Mark], style: EdgeStyle
) -> tuple[Segment, ...]:
    """The route up to inside the arrow at its end, which is added to the tips."""
    tip, before = route[-1][-1], route[-1][-2]
    along = _unit(before, tip)
    end = Point(tip.x - along.x * _ARROW_LENGTH * 0.8, tip.y - along.y * _ARROW_LENGTH * 0.8)
    base = Point(tip.x - along.x * _ARROW_LENGTH, tip.y - along.y * _ARROW_LENGTH)
    side = Point(-along.y * _ARROW_HALF, along.x * _ARROW_HALF)
    corners = (
        tip,
        Point(base.x + side.x, base.y + side.y),
        Point(base.x - side.x, base.y - side.y),
    )
    tips.append(Polygon(corners, style.colour))
    return (*route[:-1], (*route[-1][:-1], end))


def _reversed(route: tuple[Segment, ...]) -> tuple[Segment, ...]:
    return tuple(segment[::-1] for segment in reversed(route))


def _bar(tip: Point, along: Point, style: EdgeStyle) -> Line:
    """A bar across the end of a line, just before what it ends at."""
    x, y = tip.x - along.x * 1.8, tip.y - along.y * 1.8
    side = Point(-along.y * _BAR_HALF, along.x * _BAR_HALF)
    ends = (Point(x + side.x, y + side.y), Point(x - side.x, y - side.y))
    return Line((ends,), style.colour, 2.4)


def _unit(start: Point, end: Point) -> Point:
    x, y = end.x - start.x, end.y - start.y
    length = (x * x + y * y) ** 0.5 or 1.0
    return Point(x / length, y / length)
