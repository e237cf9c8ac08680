"""Sizes of boxes and labels: large enough for their text, edges and loops."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from pccompiler.diagrams.hierarchy import Size
from pccompiler.diagrams.picture import Picture, PictureEdge, PictureNode
from pccompiler.diagrams.routes import Direction
from pccompiler.diagrams.styles import NODE_STYLES, Outline
from pccompiler.diagrams.text import LINE_HEIGHT, extent, width

NAME_SIZE, DETAIL_SIZE, LABEL_SIZE = 14.0, 11.5, 11.0
"""Font sizes of a node's name, its detail, and an edge's label."""

PIN = 10.0
"""Room for the pin of a clamped node, at the upper right of its box."""

LOOP_REACH, LOOP_WIDTH = 18.0, 18.0
"""The reach of a loop out of its box, and the distance of its ends."""

SHEETS = 8.0
"""The reach of the sheets of a stack behind the one in front."""

LABEL_ROOM = 4.0
"""Between a label and the line that it stands on, and around it."""

BEND = Size(length=0.0, before=2.0, after=2.0, margin=10.0)

_PADDING = 13.0  # inside a box, left and right of its text
_NODE_MARGIN, _LABEL_MARGIN = 24.0, 8.0
_LEAST_ROUND, _ROUND_PADDING = 36.0, 9.0  # of a round node: its height, and beside its text
_TRIANGLE = (35.0, 38.0)  # along the reading direction, and across
_PER_EDGE, _PER_ROUND_EDGE = 7.0, 13.0  # the least side that an edge needs


@dataclass(frozen=True)
class NodeSize:
    """The size of a box: `length` along and `breadth` across the reading direction.

    `outline` is what the box is drawn as. `slots` are the loops with the stretch of
    the box's side that each has, `item` the room that box and loops need together.
    """

    length: float
    breadth: float
    outline: Outline
    slots: tuple[tuple[PictureEdge, float], ...]
    item: Size


def label_extent(label: tuple[str, ...]) -> tuple[float, float]:
    """Width and height of an edge's label; nothing for an edge without one."""
    return extent(label, LABEL_SIZE) if label else (0.0, 0.0)


def node_sizes(picture: Picture, direction: Direction) -> dict[str, NodeSize]:
    """The sizes of all boxes by their nodes' names; they grow with their edges and loops."""
    leaving = Counter(edge.source for edge in picture.edges)
    entering = Counter(edge.target for edge in picture.edges)
    loops: dict[str, list[PictureEdge]] = defaultdict(list)
    for edge in picture.edges:
        if edge.source == edge.target:
            loops[edge.source].append(edge)
    return {
        node.name: _node_size(
            node, max(leaving[node.name], entering[node.name]), loops[node.name], direction
        )
        for node in picture.nodes
    }


def _node_size(
    node: PictureNode, edges: int, loops: list[PictureEdge], direction: Direction
) -> NodeSize:
    """The size of a box with so many edges on one side."""
    outline = NODE_STYLES[node.look].outline
    across, down = text_size(node)
    length, breadth = (across, down) if direction == "right" else (down, across)
    if outline in (Outline.AHEAD, Outline.BACK):
        length, breadth = _TRIANGLE
    per_edge = _PER_ROUND_EDGE if outline is Outline.ROUND else _PER_EDGE
    breadth = max(breadth, 14 + per_edge * edges)
    slots, reach = _slots(loops, direction)
    room = sum(slot for _, slot in slots)
    if outline is Outline.BOX or len(slots) > 1:
        length = max(length, room)
    item = Size(max(length, room), breadth / 2, breadth / 2 + reach, _NODE_MARGIN)
    return NodeSize(length, breadth, outline, slots, item)


def text_size(node: PictureNode) -> tuple[float, float]:
    """The width and height of a box around a node's text."""
    outline = NODE_STYLES[node.look].outline
    text, high = extent(node.title, NAME_SIZE)
    details = (width(line, DETAIL_SIZE) for line in node.details)
    text = max(text * 1.1, *details, 0)  # 1.1: the name is bold
    high += 14 + len(node.details) * DETAIL_SIZE * LINE_HEIGHT
    pin = PIN * (2.0 if outline is Outline.ROUND else 0.9) if node.clamped else 0
    if outline is Outline.ROUND:
        high = max(high, _LEAST_ROUND)
        return max(text + 2 * (_ROUND_PADDING + pin), high), high
    sheets = SHEETS if NODE_STYLES[node.look].stack else 0.0
    return max(text, 44.0) + 2 * (_PADDING + pin) + sheets, high + sheets


def label_size(edge: PictureEdge, direction: Direction) -> Size:
    """A label stands above a line that runs right, and on a line that runs down."""
    across, down = label_extent(edge.label)
    if direction == "right":
        return Size(across + 2 * LABEL_ROOM, down + LABEL_ROOM, LABEL_ROOM, _LABEL_MARGIN)
    half = across / 2 + LABEL_ROOM
    return Size(down + LABEL_ROOM, half, half, _LABEL_MARGIN)


def _slots(
    loops: list[PictureEdge], direction: Direction
) -> tuple[tuple[tuple[PictureEdge, float], ...], float]:
    """The loops of a node, each with its stretch of the side, and how far they reach out."""
    slots: list[tuple[PictureEdge, float]] = []
    farthest = 0.0
    for edge in loops:
        across, down = label_extent(edge.label)
        length, reach = (across, down) if direction == "right" else (down, across)
        slots.append((edge, max(length, LOOP_WIDTH) + 2 * LABEL_ROOM))
        farthest = max(farthest, LOOP_REACH + reach + 2 * LABEL_ROOM)
    return tuple(slots), farthest
