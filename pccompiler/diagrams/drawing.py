"""From a layout to marks: header, network, legend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pccompiler.diagrams.marks import Drawing, Group, Mark, Rectangle, Words
from pccompiler.diagrams.placed import BORDER, Layout, PlacedColumn, PlacedEdge, PlacedNode
from pccompiler.diagrams.routes import Box, Direction, Point
from pccompiler.diagrams.shapes import INK, PAPER, QUIET, SHADE, arrow, centre, outline, pin
from pccompiler.diagrams.sizes import DETAIL_SIZE, LABEL_SIZE, NAME_SIZE, PIN
from pccompiler.diagrams.styles import NODE_STYLES, Outline
from pccompiler.diagrams.text import LINE_HEIGHT, printable, width, wrapped_words
from pccompiler.diagrams.words import JOIN

_TITLE_SIZE, _WORDS_SIZE = 17.0, 12.0
_LEAST_WIDTH = 300.0
_HEADER_WIDTH = 700.0
"""Width that the header's words may take, in a narrower drawing too, before they are broken."""
_LEGEND_BOX = {
    Outline.BOX: Box(0, -10, 26, 14),
    Outline.ROUND: Box(5, -11, 16, 16),
    Outline.AHEAD: Box(5, -11, 15, 16),
    Outline.BACK: Box(5, -11, 15, 16),
}
_LEGEND_STACK = Box(0, -15, 30, 20)


def drawing(layout: Layout, header: bool = True, legend: bool = True) -> Drawing:
    """The whole document; without a header or a legend where these stand elsewhere."""
    lines = _header(layout) if header else []
    top = BORDER + sum(size * 1.4 for _, size in lines)
    wide = max(layout.width, _LEAST_WIDTH, *(width(t, s, True) + 2 * BORDER for t, s in lines))
    bottom = top + layout.height
    below: list[Mark] = []
    if legend:
        group, bottom = _legend(layout, bottom, wide)
        below = [group]
    parts = [
        *map(_column, layout.columns),
        *(_edge(edge, f"e{i}") for i, edge in enumerate(layout.edges)),
        *(_node(node, layout.direction, f"n{i}") for i, node in enumerate(layout.nodes)),
        *(_label(edge, f"e{i}") for i, edge in enumerate(layout.edges) if edge.label),
    ]
    network = Group("network", tuple(parts), shift=Point((wide - layout.width) / 2, top))
    marks = (
        Rectangle(Box(0, 0, wide, bottom), 0, PAPER),
        *_header_words(lines),
        network,
        *below,
    )
    return Drawing(wide, bottom, layout.picture.title, _describe(layout), marks)


def legend(layout: Layout, wide: float = 240.0) -> Drawing:
    """The legend alone."""
    group, bottom = _legend(layout, 0, wide)
    background = Rectangle(Box(0, 0, wide, bottom), 0, PAPER)
    return Drawing(wide, bottom, "legend", "What kinds and looks mean", (background, group))


def _describe(layout: Layout) -> str:
    picture = layout.picture
    names = ", ".join(
        printable(node.name) + (f" ({node.detail})" if node.detail else "")
        for node in picture.nodes
    )
    return f"{picture.description or 'A network'}: {picture.summary}; nodes {names}"


def _header(layout: Layout) -> list[tuple[str, float]]:
    """The lines above the network with their sizes."""
    picture = layout.picture
    lines = [(picture.title, _TITLE_SIZE)]
    room = max(layout.width - 2 * BORDER, _HEADER_WIDTH)
    for words in (picture.description, picture.summary):
        lines += [(line, _WORDS_SIZE) for line in wrapped_words(words, _WORDS_SIZE, room)]
    return lines


def _header_words(lines: Iterable[tuple[str, float]]) -> Iterator[Mark]:
    y = BORDER
    for text, size in lines:
        y += size
        title = size == _TITLE_SIZE
        yield Words(text, BORDER, y, size, INK if title else QUIET, title, centred=False)
        y += size * 0.4


def _column(placed: PlacedColumn) -> Group:
    title = Words(placed.title, placed.box.centre.x, placed.box.y + 18, _WORDS_SIZE, QUIET)
    return Group("column", (Rectangle(placed.box, 6, SHADE), title))


def _node(placed: PlacedNode, direction: Direction, key: str) -> Group:
    node, box, style = placed.node, placed.box, NODE_STYLES[placed.node.look]
    marks = list(outline(box, style, direction))
    x, y = centre(box, style, direction)
    step, small = NAME_SIZE * LINE_HEIGHT, DETAIL_SIZE * LINE_HEIGHT
    y -= (len(node.title) * step + len(node.details) * small) / 2
    for line in node.title:
        marks.append(Words(line, x, y + NAME_SIZE, NAME_SIZE, INK, bold=True))
        y += step
    for line in node.details:
        marks.append(Words(line, x, y + DETAIL_SIZE, DETAIL_SIZE, QUIET))
        y += small
    if node.clamped:
        radius = min(box.width, box.height) / 2
        corner = 4 if style.outline is Outline.BOX else 1 + radius * (1 - 0.5**0.5)
        marks.append(pin(box.right - PIN - corner, box.y + PIN + corner + 1, style.stroke))
    return Group(f"node {node.look}", tuple(marks), node.tooltip, key=key)


def _edge(placed: PlacedEdge, key: str) -> Group:
    marks = tuple(arrow(placed.route, placed.edge.style))
    return Group(f"edge {placed.edge.kind}", marks, placed.edge.tooltip, key=key)


def _label(placed: PlacedEdge, key: str) -> Group:
    """The pipeline beside its line, or on it where the line runs down."""
    assert placed.label is not None
    marks: list[Mark] = [Rectangle(placed.label, 0, PAPER)]
    colour = placed.edge.style.colour
    y = placed.label.y
    for line in placed.edge.label:
        marks.append(Words(line, placed.label.centre.x, y + LABEL_SIZE, LABEL_SIZE, colour))
        y += LABEL_SIZE * LINE_HEIGHT
    return Group("label", tuple(marks), key=key)


def _legend(layout: Layout, top: float, wide: float) -> tuple[Group, float]:
    """The kinds and looks that occur, in rows, and where the document ends."""
    entries: list[tuple[str, list[Mark], float]] = []
    for look in layout.picture.looks():
        style = NODE_STYLES[look]
        box = _LEGEND_STACK if style.stack else _LEGEND_BOX[style.outline]
        entries.append((style.legend, list(outline(box, style, "right")), max(26, box.width)))
    if any(JOIN in node.detail for node in layout.picture.nodes):
        entries.append(("joins its edges", [Words(JOIN, 13, 1, _WORDS_SIZE, QUIET)], 26))
    if any(node.clamped for node in layout.picture.nodes):
        entries.append(("clamped", [pin(13, 0, QUIET)], 26))
    for style in layout.picture.styles():
        line = ((Point(0, -3.5), Point(34, -3.5)),)
        entries.append((style.legend, list(arrow(line, style)), 34))
    groups: list[Mark] = []
    x, y = BORDER, top + 16
    for word, marks, long in entries:
        room = long + 8 + width(word, _WORDS_SIZE)
        if x > BORDER and x + room > wide - BORDER:
            x, y = BORDER, y + 22
        words = Words(word, long + 8, 0, _WORDS_SIZE, INK, centred=False)
        groups.append(Group("", (*marks, words), shift=Point(x, y)))
        x += room + 18
    return Group("legend", tuple(groups)), y + BORDER + 4
