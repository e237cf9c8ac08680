"""SVG: a picture for browsers, papers and README files; text stays text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from pccompiler.components.vocabulary import Role
from pccompiler.diagrams.layout import BORDER, Layout, PlacedEdge, PlacedNode
from pccompiler.diagrams.routes import Direction, Point, Segment
from pccompiler.diagrams.sizes import DETAIL_SIZE, LABEL_SIZE, NAME_SIZE, PIN
from pccompiler.diagrams.styles import ROLE_STYLES, EdgeStyle, edge_style
from pccompiler.diagrams.text import LINE_HEIGHT, printable, width

_FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_INK, _QUIET = "#1a1a1a", "#555555"
_TITLE_SIZE, _WORDS_SIZE = 17.0, 12.0
_ARROW_LENGTH, _ARROW_HALF = 9.0, 4.0
_LEAST_WIDTH = 300.0


def render(layout: Layout) -> str:
    """The whole document: header, network, legend."""
    header, top = _header(layout)
    legend_top = top + layout.height
    wide = max(layout.width, _LEAST_WIDTH, *(width(t, s, True) + 2 * BORDER for t, s in header))
    legend, bottom = _legend(layout, legend_top, wide)
    left = (wide - layout.width) / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(wide)}" height="{_n(bottom)}"'
        f' viewBox="0 0 {_n(wide)} {_n(bottom)}" role="img"'
        f" aria-label={quoteattr(f'Diagram of the network {layout.picture.title}')}"
        f' font-family="{_FONT}">',
        f"<title>{escape(layout.picture.title)}</title>",
        f"<desc>{escape(_describe(layout))}</desc>",
        f'<rect width="{_n(wide)}" height="{_n(bottom)}" fill="#ffffff"/>',
        *_header_text(header),
        f'<g transform="translate({_n(left)} {_n(top)})">',
        *(line for edge in layout.edges for line in _edge(edge)),
        *(line for node in layout.nodes for line in _node(node)),
        *(line for edge in layout.edges for line in _label(edge, layout.direction)),
        "</g>",
        *legend,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _describe(layout: Layout) -> str:
    picture = layout.picture
    names = ", ".join(f"{printable(node.name)} ({node.detail})" for node in picture.nodes)
    return f"{picture.description or 'A network'}: {picture.summary}; nodes {names}"


def _header(layout: Layout) -> tuple[list[tuple[str, float]], float]:
    """The lines above the network with their sizes, and where the network begins."""
    picture = layout.picture
    lines = [(picture.title, _TITLE_SIZE)]
    lines += [(line, _WORDS_SIZE) for line in (picture.description, picture.summary) if line]
    return lines, BORDER + sum(size * 1.4 for _, size in lines)


def _header_text(lines: Iterable[tuple[str, float]]) -> Iterator[str]:
    y = BORDER
    for text, size in lines:
        y += size
        style = f'fill="{_INK}" font-weight="bold"' if size == _TITLE_SIZE else f'fill="{_QUIET}"'
        place = f'x="{_n(BORDER)}" y="{_n(y)}" font-size="{_n(size)}"'
        yield f"<text {place} {style}>{escape(text)}</text>"
        y += size * 0.4


def _node(placed: PlacedNode) -> Iterator[str]:
    node, box, style = placed.node, placed.box, ROLE_STYLES[placed.node.role]
    yield f"<g class={quoteattr(f'node {node.role}')}>"
    yield f"<title>{escape(node.tooltip)}</title>"
    yield from _box(*box, node.role)
    x = box.centre.x
    step = NAME_SIZE * LINE_HEIGHT
    y = box.centre.y - (len(node.title) * step + DETAIL_SIZE * LINE_HEIGHT) / 2
    for line in node.title:
        yield _text(line, x, y + NAME_SIZE, NAME_SIZE, _INK, ' font-weight="bold"')
        y += step
    yield _text(node.detail, x, y + DETAIL_SIZE, DETAIL_SIZE, _QUIET)
    if node.clamped:
        yield _pin(box.right - PIN - 4, box.y + PIN + 5, style.stroke)
    yield "</g>"


def _box(x: float, y: float, wide: float, high: float, role: Role) -> Iterator[str]:
    style = ROLE_STYLES[role]
    shape = f'rx="{_n(min(style.radius, high / 2))}" stroke="{style.stroke}"'
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(high)}"'
    yield f'<rect {place} {shape} fill="{style.fill}" stroke-width="1.5"/>'
    if style.double:
        place = f'x="{_n(x + 3)}" y="{_n(y + 3)}" width="{_n(wide - 6)}" height="{_n(high - 6)}"'
        shape = f'rx="{_n(max(style.radius - 2, 0))}" stroke="{style.stroke}"'
        yield f'<rect {place} {shape} fill="none" stroke-width="0.8"/>'


def _pin(x: float, y: float, colour: str) -> str:
    """A pin stuck in at (x, y) from the upper right."""
    return (
        f'<g transform="translate({_n(x)} {_n(y)}) rotate(35)" class="clamped">'
        f'<path d="M0 4V-2" stroke="{_INK}" stroke-width="1.2" fill="none"/>'
        f'<path d="M-4 -2H4L2.5 -4.5V-8H3.5V-9.5H-3.5V-8H-2.5V-4.5Z" fill="{colour}"'
        f' stroke="#ffffff" stroke-width="0.6"/></g>'
    )


def _edge(placed: PlacedEdge) -> Iterator[str]:
    style = edge_style(placed.edge.kind)
    yield f"<g class={quoteattr(f'edge {placed.edge.kind}')}>"
    yield f"<title>{escape(placed.edge.tooltip)}</title>"
    yield from _arrow(placed.route, style)
    yield "</g>"


def _arrow(route: tuple[Segment, ...], style: EdgeStyle) -> Iterator[str]:
    """A line with a head; the line stops inside the head, so that the tip stays sharp."""
    tip, before = route[-1][-1], route[-1][-2]
    along = _unit(before, tip)
    end = Point(tip.x - along.x * _ARROW_LENGTH * 0.8, tip.y - along.y * _ARROW_LENGTH * 0.8)
    path = _path((*route[:-1], (*route[-1][:-1], end)))
    dash = f' stroke-dasharray="{style.dash}"' if style.dash else ""
    yield (
        f'<path d="{path}" fill="none" stroke="{style.colour}"'
        f' stroke-width="{_n(style.width)}"{dash}/>'
    )
    base = Point(tip.x - along.x * _ARROW_LENGTH, tip.y - along.y * _ARROW_LENGTH)
    side = Point(-along.y * _ARROW_HALF, along.x * _ARROW_HALF)
    corners = (
        tip,
        Point(base.x + side.x, base.y + side.y),
        Point(base.x - side.x, base.y - side.y),
    )
    yield f'<polygon points="{" ".join(map(_xy, corners))}" fill="{style.colour}"/>'


def _unit(start: Point, end: Point) -> Point:
    x, y = end.x - start.x, end.y - start.y
    length = (x * x + y * y) ** 0.5 or 1.0
    return Point(x / length, y / length)


def _path(route: tuple[Segment, ...]) -> str:
    parts = [f"M{_xy(route[0][0])}"]
    for segment in route:
        letter = "L" if len(segment) == 2 else "C"
        parts.append(letter + " ".join(map(_xy, segment[1:])))
    return "".join(parts)


def _label(placed: PlacedEdge, direction: Direction) -> Iterator[str]:
    """The pipeline beside its line, or on it where the line runs down; it has a halo."""
    if placed.label is None:
        return
    if direction == "down":
        x, y, wide, high = map(_n, placed.label)
        yield f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" fill="#ffffff"/>'
    colour = edge_style(placed.edge.kind).colour
    halo = ' stroke="#ffffff" stroke-width="4" stroke-linejoin="round" paint-order="stroke"'
    y = placed.label.y
    for line in placed.edge.label:
        yield _text(line, placed.label.centre.x, y + LABEL_SIZE, LABEL_SIZE, colour, halo)
        y += LABEL_SIZE * LINE_HEIGHT


def _legend(layout: Layout, top: float, wide: float) -> tuple[list[str], float]:
    """The kinds and roles that occur, in rows, and where the document ends."""
    entries: list[tuple[str, list[str]]] = []
    for role in layout.picture.roles():
        entries.append((ROLE_STYLES[role].legend, list(_box(0, -10, 26, 14, role))))
    if any(node.clamped for node in layout.picture.nodes):
        entries.append(("clamped", [_pin(13, 0, _QUIET)]))
    for kind in layout.picture.kinds():
        style = edge_style(kind)
        entries.append((style.legend, list(_arrow(((Point(0, -3.5), Point(34, -3.5)),), style))))
    lines = [f'<g class="legend" font-size="{_n(_WORDS_SIZE)}" fill="{_INK}">']
    x, y = BORDER, top + 16
    for word, drawing in entries:
        room = 34 + 8 + width(word, _WORDS_SIZE) + 18
        if x > BORDER and x + room - 18 > wide - BORDER:
            x, y = BORDER, y + 22
        lines += [f'<g transform="translate({_n(x)} {_n(y)})">', *drawing]
        shift = 34 if drawing[0].startswith("<path") else 26
        lines += [f'<text x="{shift + 8}" y="0">{escape(word)}</text>', "</g>"]
        x += room - (34 - shift)
    return [*lines, "</g>"], y + BORDER + 4


def _text(text: str, x: float, y: float, size: float, colour: str, more: str = "") -> str:
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{colour}"'
        f' text-anchor="middle"{more}>{escape(text)}</text>'
    )


def _xy(place: Point) -> str:
    return f"{_n(place.x)} {_n(place.y)}"


def _n(number: float) -> str:
    """A number with one decimal where it needs one; never `-0`."""
    return f"{round(number, 1) + 0.0:g}" if abs(number) < 1e5 else f"{number:.0f}"
