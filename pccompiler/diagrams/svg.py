"""SVG: a picture for browsers, papers and README files; text stays text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from pccompiler.diagrams.placed import BORDER, Layout, PlacedColumn, PlacedEdge, PlacedNode
from pccompiler.diagrams.routes import Box, Direction, Point
from pccompiler.diagrams.shapes import INK, QUIET, arrow, centre, n, outline, pin
from pccompiler.diagrams.sizes import DETAIL_SIZE, LABEL_SIZE, NAME_SIZE, PIN
from pccompiler.diagrams.styles import NODE_STYLES, Form, edge_style
from pccompiler.diagrams.text import LINE_HEIGHT, printable, width
from pccompiler.diagrams.words import JOIN

_FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_TITLE_SIZE, _WORDS_SIZE = 17.0, 12.0
_LEAST_WIDTH = 300.0
_LEGEND_BOX = {
    Form.BOX: Box(0, -10, 26, 14),
    Form.ROUND: Box(5, -11, 16, 16),
    Form.AHEAD: Box(5, -11, 15, 16),
    Form.BACK: Box(5, -11, 15, 16),
}


def render(layout: Layout) -> str:
    """The whole document: header, network, legend."""
    header, top = _header(layout)
    legend_top = top + layout.height
    wide = max(layout.width, _LEAST_WIDTH, *(width(t, s, True) + 2 * BORDER for t, s in header))
    legend, bottom = _legend(layout, legend_top, wide)
    left = (wide - layout.width) / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{n(wide)}" height="{n(bottom)}"'
        f' viewBox="0 0 {n(wide)} {n(bottom)}" role="img"'
        f" aria-label={quoteattr(f'Diagram of the network {layout.picture.title}')}"
        f' font-family="{_FONT}">',
        f"<title>{escape(layout.picture.title)}</title>",
        f"<desc>{escape(_describe(layout))}</desc>",
        f'<rect width="{n(wide)}" height="{n(bottom)}" fill="#ffffff"/>',
        *_header_text(header),
        f'<g transform="translate({n(left)} {n(top)})">',
        *(part for column in layout.columns for part in _column(column)),
        *(part for edge in layout.edges for part in _edge(edge)),
        *(part for node in layout.nodes for part in _node(node, layout.direction)),
        *(part for edge in layout.edges for part in _label(edge, layout.direction)),
        "</g>",
        *legend,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _describe(layout: Layout) -> str:
    picture = layout.picture
    names = ", ".join(
        printable(node.name) + (f" ({node.detail})" if node.detail else "")
        for node in picture.nodes
    )
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
        style = f'fill="{INK}" font-weight="bold"' if size == _TITLE_SIZE else f'fill="{QUIET}"'
        place = f'x="{n(BORDER)}" y="{n(y)}" font-size="{n(size)}"'
        yield f"<text {place} {style}>{escape(text)}</text>"
        y += size * 0.4


def _column(placed: PlacedColumn) -> Iterator[str]:
    x, y, wide, high = map(n, placed.box)
    yield '<g class="column">'
    yield f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" rx="6" fill="#f5f6f8"/>'
    centre = placed.box.centre.x
    yield _text(placed.title, centre, placed.box.y + 18, _WORDS_SIZE, QUIET)
    yield "</g>"


def _node(placed: PlacedNode, direction: Direction) -> Iterator[str]:
    node, box, style = placed.node, placed.box, NODE_STYLES[placed.node.look]
    yield f"<g class={quoteattr(f'node {node.look}')}>"
    yield f"<title>{escape(node.tooltip)}</title>"
    yield from outline(box, style, direction)
    x, y = centre(box, style, direction)
    step = NAME_SIZE * LINE_HEIGHT
    y -= (len(node.title) * step + (DETAIL_SIZE * LINE_HEIGHT if node.detail else 0)) / 2
    for line in node.title:
        yield _text(line, x, y + NAME_SIZE, NAME_SIZE, INK, ' font-weight="bold"')
        y += step
    if node.detail:
        yield _text(node.detail, x, y + DETAIL_SIZE, DETAIL_SIZE, QUIET)
    if node.clamped:
        corner = 4 if style.form is Form.BOX else 7
        yield pin(box.right - PIN - corner, box.y + PIN + corner + 1, style.stroke)
    yield "</g>"


def _edge(placed: PlacedEdge) -> Iterator[str]:
    style = edge_style(placed.edge.kind)
    yield f"<g class={quoteattr(f'edge {placed.edge.kind}')}>"
    yield f"<title>{escape(placed.edge.tooltip)}</title>"
    yield from arrow(placed.route, style)
    yield "</g>"


def _label(placed: PlacedEdge, direction: Direction) -> Iterator[str]:
    """The pipeline beside its line, or on it where the line runs down; it has a halo."""
    if placed.label is None:
        return
    if direction == "down":
        x, y, wide, high = map(n, placed.label)
        yield f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" fill="#ffffff"/>'
    colour = edge_style(placed.edge.kind).colour
    halo = ' stroke="#ffffff" stroke-width="4" stroke-linejoin="round" paint-order="stroke"'
    y = placed.label.y
    for line in placed.edge.label:
        yield _text(line, placed.label.centre.x, y + LABEL_SIZE, LABEL_SIZE, colour, halo)
        y += LABEL_SIZE * LINE_HEIGHT


def _legend(layout: Layout, top: float, wide: float) -> tuple[list[str], float]:
    """The kinds and looks that occur, in rows, and where the document ends."""
    entries: list[tuple[str, list[str]]] = []
    for look in layout.picture.looks():
        style = NODE_STYLES[look]
        entries.append((style.legend, list(outline(_LEGEND_BOX[style.form], style, "right"))))
    if any(JOIN in node.detail for node in layout.picture.nodes):
        entries.append(("joins its edges", [_text(JOIN, 13, 1, _WORDS_SIZE, QUIET)]))
    if any(node.clamped for node in layout.picture.nodes):
        entries.append(("clamped", [pin(13, 0, QUIET)]))
    for kind in layout.picture.kinds():
        style = edge_style(kind)
        entries.append((style.legend, list(arrow(((Point(0, -3.5), Point(34, -3.5)),), style))))
    lines = [f'<g class="legend" font-size="{n(_WORDS_SIZE)}" fill="{INK}">']
    x, y = BORDER, top + 16
    for word, drawing in entries:
        room = 34 + 8 + width(word, _WORDS_SIZE) + 18
        if x > BORDER and x + room - 18 > wide - BORDER:
            x, y = BORDER, y + 22
        lines += [f'<g transform="translate({n(x)} {n(y)})">', *drawing]
        shift = 34 if drawing[0].startswith("<path") else 26
        lines += [f'<text x="{shift + 8}" y="0">{escape(word)}</text>', "</g>"]
        x += room - (34 - shift)
    return [*lines, "</g>"], y + BORDER + 4


def _text(text: str, x: float, y: float, size: float, colour: str, more: str = "") -> str:
    return (
        f'<text x="{n(x)}" y="{n(y)}" font-size="{n(size)}" fill="{colour}"'
        f' text-anchor="middle"{more}>{escape(text)}</text>'
    )
