"""One layout for every format, without Graphviz: layers (Sugiyama, Tagawa and Toda 1981).

Cycles are broken and nodes put in layers (`layers`), edges cut into segments with room for
their labels (`hierarchy`), ranks ordered with few crossings (`ordering`), and items placed
so that chains are straight (`coordinates`). Edges run straight along their own track within
a rank and bend only in the gaps between ranks, where nothing else stands: so no edge passes
through a node or another edge's label, whatever the graph.

Direction: left to right while that fits a page of `PAGE` pixels, otherwise whichever
direction is narrower, for readers scroll down more gladly than sideways. A deep chain
therefore runs downwards at full size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from pccompiler.diagrams.coordinates import across
from pccompiler.diagrams.grid import on_grid
from pccompiler.diagrams.hierarchy import NODE, Hierarchy, hierarchy
from pccompiler.diagrams.ordering import ordered
from pccompiler.diagrams.picture import Picture, PictureEdge
from pccompiler.diagrams.placed import BORDER, Layout, PlacedEdge, PlacedNode
from pccompiler.diagrams.ports import Ports, ports
from pccompiler.diagrams.routes import Box, Direction, Side, box, inset, loop, route
from pccompiler.diagrams.sizes import (
    BEND,
    LABEL_ROOM,
    LOOP_REACH,
    LOOP_WIDTH,
    NodeSize,
    label_extent,
    label_size,
    node_sizes,
)
from pccompiler.diagrams.styles import Tip

PAGE = 1100.0
"""Width in pixels up to which a network runs from left to right."""

_GAP, _WIDEST_GAP, _SLOPE = 12.0, 100.0, 0.28  # between ranks: least, most, per pixel across
_STUB = 12.0  # the straight end of an edge, for its arrowhead
_AT_START = (Tip.START, Tip.ARROW_BAR, Tip.BAR_ARROW)


@dataclass(frozen=True)
class _Band:
    """The extent of a rank along the reading direction, and of the curves beside it."""

    start: float
    end: float
    curves_end_before: float
    curves_start_after: float


def lay_out(picture: Picture) -> Layout:
    """The layout of a picture: on its grid, or in layers in the direction that reads best."""
    if picture.grid is not None:
        return on_grid(picture, picture.grid)
    return in_best_direction(picture, laid_out)


def in_best_direction(picture: Picture, place: Callable[[Picture, Direction], Layout]) -> Layout:
    """The layout of the direction that reads best; one is enough where depth decides it."""
    least = _least_width(picture, "right")
    down = place(picture, "down") if least > PAGE else None
    if down and down.width < least:
        return down
    right = place(picture, "right")
    if right.width <= PAGE:
        return right
    down = down or place(picture, "down")
    return down if down.width < right.width else right


def unplaced(picture: Picture) -> Layout:
    """Only a direction, for formats that leave the places to who reads them."""
    right, down = _least_width(picture, "right"), _least_width(picture, "down")
    return Layout(picture, "right" if right <= max(PAGE, down) else "down", (), (), 0.0, 0.0)


def _least_width(picture: Picture, direction: Direction) -> float:
    """A width that no layout goes below, whatever the order of its items."""
    graph = _hierarchy(picture, node_sizes(picture, direction), direction)
    lengths, breadths = [0.0] * graph.ranks, [0.0] * graph.ranks
    for item in graph.items:
        lengths[item.rank] = max(lengths[item.rank], item.size.length)
        breadths[item.rank] += item.size.before + item.size.after
    if direction == "down":
        return 2 * BORDER + max(breadths, default=0.0)
    return 2 * BORDER + sum(lengths) + max(0, graph.ranks - 1) * (_GAP + _STUB / 2)


def _hierarchy(picture: Picture, sizes: Mapping[str, NodeSize], direction: Direction) -> Hierarchy:
    return hierarchy(
        picture,
        {name: size.item for name, size in sizes.items()},
        {edge.name: label_size(edge, direction) for edge in picture.edges if edge.label},
        BEND,
    )


def laid_out(picture: Picture, direction: Direction) -> Layout:
    """The layout in a given direction."""
    sizes = node_sizes(picture, direction)
    graph = _hierarchy(picture, sizes, direction)
    order = ordered(graph)
    place = across(graph, order, picture)
    top = min((p - i.size.before for p, i in zip(place, graph.items, strict=True)), default=0)
    place = [round(p - top + BORDER, 1) for p in place]
    meet = ports(graph, place, {name: size.breadth for name, size in sizes.items()})
    bands = _bands(picture, graph, order, place, meet)
    nodes, edges = _nodes(picture, graph, sizes, place, bands, direction)
    edges |= _edges(picture, graph, sizes, place, meet, bands, direction)
    length = max((band.end for band in bands), default=0) + BORDER
    bottom = max((p + i.size.after for p, i in zip(place, graph.items, strict=True)), default=0)
    width, height = length, bottom + BORDER
    if direction == "down":
        width, height = height, width
    return Layout(
        picture,
        direction,
        nodes,
        tuple(edges[edge.name] for edge in picture.edges),
        width,
        height,
    )


def _bands(
    picture: Picture,
    graph: Hierarchy,
    order: Sequence[Sequence[int]],
    place: Sequence[float],
    meet: Ports,
) -> list[_Band]:
    """The beginning and end of each rank: gaps are wider where edges have farther to go."""
    shift = [0.0] * graph.ranks  # the farthest that an edge goes across, after each rank
    two_tips = {edge.name for edge in picture.edges if edge.style.tip in _AT_START}
    arrows_after: set[int] = set()  # ranks at whose far side edges end, or bend behind a tip
    for name, chain in graph.chains.items():
        path = [meet[name][0], *(place[item] for item in chain[1:-1]), meet[name][1]]
        rank = graph.items[chain[0]].rank
        for offset, (one, other) in enumerate(pairwise(path)):
            shift[rank + offset] = max(shift[rank + offset], abs(other - one))
        if name in graph.turned or (name in two_tips and path[0] != path[1]):
            arrows_after.add(rank)
    lengths = [max((graph.items[i].size.length for i in rank), default=0) for rank in order]
    gaps = [max(_GAP, min(_WIDEST_GAP, _SLOPE * far)) for far in shift]
    before = [_STUB if rank and rank % 2 == 0 else 0.0 for rank in range(graph.ranks)]
    after = [_STUB if rank in arrows_after else 0.0 for rank in range(graph.ranks)]
    whole = [b + n + a + g for b, n, a, g in zip(before, lengths, after, gaps, strict=True)]
    starts = accumulate([BORDER, *whole[:-1]]) if whole else iter(())
    return [
        _Band(round(s + b, 1), round(s + b + n, 1), round(s, 1), round(s + b + n + a, 1))
        for s, b, n, a in zip(starts, before, lengths, after, strict=True)
    ]


def _nodes(
    picture: Picture,
    graph: Hierarchy,
    sizes: dict[str, NodeSize],
    place: Sequence[float],
    bands: list[_Band],
    direction: Direction,
) -> tuple[tuple[PlacedNode, ...], dict[str, PlacedEdge]]:
    """The nodes, each in the middle of its rank, and the loops on their sides."""
    boxes: dict[str, Box] = {}
    loops: dict[str, PlacedEdge] = {}
    for number, item in enumerate(graph.items):
        if item.kind != NODE:
            continue
        size, band = sizes[item.owner], bands[item.rank]
        start = (band.start + band.end - size.length) / 2
        boxes[item.owner] = box(
            direction, start, place[number] - size.breadth / 2, size.length, size.breadth
        )
        middle = (band.start + band.end) / 2
        loops |= loops_beside(size, direction, middle, place[number] + size.breadth / 2)
    return tuple(PlacedNode(node, boxes[node.name]) for node in picture.nodes), loops


def loops_beside(
    size: NodeSize, direction: Direction, middle: float, side: float
) -> dict[str, PlacedEdge]:
    """The loops of a node around its middle along the reading direction, on its side."""
    loops: dict[str, PlacedEdge] = {}
    start = middle - sum(slot for _, slot in size.slots) / 2
    half = LOOP_WIDTH / 2
    for edge, slot in size.slots:
        at = start + slot / 2
        offset = at - middle
        insets = (_inset(size, "beside", offset - half), _inset(size, "beside", offset + half))
        curve = loop(direction, at - half, side, LOOP_WIDTH, LOOP_REACH, insets)
        label = _label_box(edge, direction, at, side + LOOP_REACH + LABEL_ROOM)
        loops[edge.name] = PlacedEdge(edge, curve, label)
        start += slot
    return loops


def _edges(
    picture: Picture,
    graph: Hierarchy,
    sizes: dict[str, NodeSize],
    place: Sequence[float],
    meet: Ports,
    bands: list[_Band],
    direction: Direction,
) -> dict[str, PlacedEdge]:
    """The edges between different nodes."""
    placed: dict[str, PlacedEdge] = {}
    for edge in picture.edges:
        if edge.name not in graph.chains:
            continue
        chain = graph.chains[edge.name]
        first, *inner, last = (graph.items[number] for number in chain)
        leave, enter = meet[edge.name]
        band = bands[first.rank]
        border = (band.start + band.end + sizes[first.owner].length) / 2
        border -= _inset(sizes[first.owner], "far", leave - place[chain[0]])
        stops = [(border, leave), (band.curves_start_after, leave)]
        label = None
        for number, item in zip(chain[1:-1], inner, strict=True):
            band = bands[item.rank]
            stops += [(band.curves_end_before, place[number])]
            stops += [(band.curves_start_after, place[number])]
            if item.kind != NODE and item.size is not BEND:
                middle = (band.start + band.end) / 2
                label = _label_box(edge, direction, middle, place[number] - item.size.before)
        band = bands[last.rank]
        border = (band.start + band.end - sizes[last.owner].length) / 2
        border += _inset(sizes[last.owner], "near", enter - place[chain[-1]])
        stops += [(band.curves_end_before, enter), (border, enter)]
        if edge.name in graph.turned:
            stops.reverse()
        placed[edge.name] = PlacedEdge(edge, route(direction, stops), label)
    return placed


def _inset(size: NodeSize, side: Side, offset: float) -> float:
    return inset(size.outline, side, offset, size.length, size.breadth)


def _label_box(edge: PictureEdge, direction: Direction, middle: float, across: float) -> Box | None:
    """The box of a label around `middle` along the reading direction, from `across` on."""
    if not edge.label:
        return None
    width, height = label_extent(edge.label)
    if direction == "right":
        return Box(middle - width / 2, across, width, height)
    return Box(across + LABEL_ROOM, middle - height / 2, width, height)
