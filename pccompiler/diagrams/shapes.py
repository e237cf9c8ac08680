"""SVG of single marks: outlines of nodes, lines with tips, pins."""

from __future__ import annotations

from collections.abc import Iterator

from pccompiler.diagrams.routes import Box, Direction, Point, Segment
from pccompiler.diagrams.styles import EdgeStyle, Form, NodeStyle

INK, QUIET = "#1a1a1a", "#555555"

_ARROW_LENGTH, _ARROW_HALF = 9.0, 4.0
_BAR_HALF = 4.5


def outline(box: Box, style: NodeStyle, direction: Direction) -> Iterator[str]:
    """The outline of a node, filled."""
    if style.form in (Form.AHEAD, Form.BACK):
        corners = " ".join(map(xy, _triangle(box, style.form, direction)))
        yield (
            f'<polygon points="{corners}" fill="{style.fill}" stroke="{style.stroke}"'
            f' stroke-width="1.5" stroke-linejoin="round"/>'
        )
        return
    yield _rectangle(box, _radius(box, style), style.fill, style.stroke, 1.5)
    if style.double:
        inner = Box(box.x + 3, box.y + 3, box.width - 6, box.height - 6)
        yield _rectangle(inner, max(_radius(box, style) - 2, 0), "none", style.stroke, 0.8)


def centre(box: Box, style: NodeStyle, direction: Direction) -> Point:
    """Where the text of a node stands: a triangle's lies nearer to its flat side."""
    x, y = box.centre
    if style.form not in (Form.AHEAD, Form.BACK):
        return Point(x, y)
    back = -1 if style.form is Form.AHEAD else 1
    if direction == "right":
        return Point(x + back * box.width / 6, y)
    return Point(x, y + back * box.height / 6)


def _triangle(box: Box, form: Form, direction: Direction) -> tuple[Point, Point, Point]:
    x, y = box.centre
    left, right = (box.x, box.right) if form is Form.AHEAD else (box.right, box.x)
    top, bottom = (box.y, box.bottom) if form is Form.AHEAD else (box.bottom, box.y)
    if direction == "right":
        return Point(left, box.y), Point(right, y), Point(left, box.bottom)
    return Point(box.x, top), Point(x, bottom), Point(box.right, top)


def _radius(box: Box, style: NodeStyle) -> float:
    most = min(box.width, box.height) / 2
    return most if style.form is Form.ROUND else min(style.radius, most)


def _rectangle(box: Box, radius: float, fill: str, stroke: str, width: float) -> str:
    x, y, wide, high = map(n, box)
    return (
        f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" rx="{n(radius)}"'
        f' stroke="{stroke}" fill="{fill}" stroke-width="{n(width)}"/>'
    )


def pin(x: float, y: float, colour: str) -> str:
    """A pin stuck in at (x, y) from the upper right."""
    return (
        f'<g transform="translate({n(x)} {n(y)}) rotate(35)" class="clamped">'
        f'<path d="M0 4V-2" stroke="{INK}" stroke-width="1.2" fill="none"/>'
        f'<path d="M-4 -2H4L2.5 -4.5V-8H3.5V-9.5H-3.5V-8H-2.5V-4.5Z" fill="{colour}"'
        f' stroke="#ffffff" stroke-width="0.6"/></g>'
    )


def arrow(route: tuple[Segment, ...], style: EdgeStyle) -> Iterator[str]:
    """A line with its tips; it stops inside an arrow, so that the point stays sharp."""
    tips: list[str] = []
    if style.bar:
        tips.append(_bar(route[-1][-1], _unit(route[-1][-2], route[-1][-1]), style))
    else:
        route = _shortened(route, tips, style)
    if style.both:
        route = _reversed(_shortened(_reversed(route), tips, style))
    dash = f' stroke-dasharray="{style.dash}"' if style.dash else ""
    yield (
        f'<path d="{_path(route)}" fill="none" stroke="{style.colour}"'
        f' stroke-width="{n(style.width)}"{dash}/>'
    )
    yield from tips


def _shortened(
    route: tuple[Segment, ...], tips: list[str], style: EdgeStyle
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
    tips.append(f'<polygon points="{" ".join(map(xy, corners))}" fill="{style.colour}"/>')
    return (*route[:-1], (*route[-1][:-1], end))


def _reversed(route: tuple[Segment, ...]) -> tuple[Segment, ...]:
    return tuple(segment[::-1] for segment in reversed(route))


def _bar(tip: Point, along: Point, style: EdgeStyle) -> str:
    """A bar across the end of a line, just before what it ends at."""
    x, y = tip.x - along.x * 1.8, tip.y - along.y * 1.8
    side = Point(-along.y * _BAR_HALF, along.x * _BAR_HALF)
    ends = f"M{xy(Point(x + side.x, y + side.y))}L{xy(Point(x - side.x, y - side.y))}"
    return f'<path d="{ends}" stroke="{style.colour}" stroke-width="2.4"/>'


def _unit(start: Point, end: Point) -> Point:
    x, y = end.x - start.x, end.y - start.y
    length = (x * x + y * y) ** 0.5 or 1.0
    return Point(x / length, y / length)


def _path(route: tuple[Segment, ...]) -> str:
    parts = [f"M{xy(route[0][0])}"]
    for segment in route:
        letter = "L" if len(segment) == 2 else "C"
        parts.append(letter + " ".join(map(xy, segment[1:])))
    return "".join(parts)


def xy(place: Point) -> str:
    return f"{n(place.x)} {n(place.y)}"


def n(number: float) -> str:
    """A number with one decimal where it needs one; never `-0`."""
    return f"{round(number, 1) + 0.0:g}" if abs(number) < 1e5 else f"{number:.0f}"
