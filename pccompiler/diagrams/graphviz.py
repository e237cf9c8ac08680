"""Places by Graphviz, where it is installed; what is drawn there stays ours.

Graphviz is told how large nodes and labels are and which edges run backwards, and says where
all of them go. Layouts therefore look alike in every format, whoever placed them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from pccompiler.diagrams.layers import turned_edges
from pccompiler.diagrams.layout import in_best_direction
from pccompiler.diagrams.picture import Picture, PictureEdge
from pccompiler.diagrams.placed import BORDER, Layout, PlacedEdge, PlacedNode
from pccompiler.diagrams.routes import Box, Direction, Point, Segment, Side, inset
from pccompiler.diagrams.sizes import LABEL_ROOM, NodeSize, label_extent, node_size
from pccompiler.diagrams.styles import edge_style

_PATIENCE = 60.0
"""Seconds after which Graphviz is given up."""


class GraphvizError(Exception):
    """Graphviz is not there, or could not place a picture; the message says why."""


def installed() -> bool:
    """Whether there is a program `dot`."""
    return shutil.which("dot") is not None


def lay_out(picture: Picture) -> Layout:
    """The layout of a picture without a grid, in the direction that reads best."""
    return in_best_direction(picture, _laid_out)


def _laid_out(picture: Picture, direction: Direction) -> Layout:
    sizes = {node.name: node_size(node, picture, direction) for node in picture.nodes}
    boxes = [_outer(sizes[node.name], direction) for node in picture.nodes]
    turned = turned_edges(picture)
    placed = _placed("\n".join(_program(picture, boxes, turned, direction)))
    left, low, right, high = map(float, placed["bb"].split(","))

    def point(text: str) -> Point:
        x, y = text.split(",")[-2:]
        return Point(round(float(x) - left + BORDER, 1), round(high - float(y) + BORDER, 1))

    nodes: list[PlacedNode] = []
    by_name = {told["name"]: told for told in placed.get("objects", ())}
    for i, (node, (wide, tall)) in enumerate(zip(picture.nodes, boxes, strict=True)):
        x, y = point(by_name[f"n{i}"]["pos"])
        nodes.append(PlacedNode(node, Box(x - wide / 2, y - tall / 2, wide, tall)))
    where = {one.node.name: one for one in nodes}
    edges: list[PlacedEdge] = []
    told_edges = {told["id"]: told for told in placed.get("edges", ())}
    for i, edge in enumerate(picture.edges):
        told = told_edges[f"e{i}"]
        route = _route([point(text) for text in told["pos"].split()])
        if edge.name in turned:
            route = tuple(segment[::-1] for segment in reversed(route))
        route = _meeting(route, where[edge.source], where[edge.target], sizes, direction)
        edges.append(PlacedEdge(edge, route, _label(edge, told, point)))
    width, height = right - left + 2 * BORDER, high - low + 2 * BORDER
    return Layout(picture, direction, tuple(nodes), tuple(edges), width, height)


def _outer(size: NodeSize, direction: Direction) -> tuple[float, float]:
    """Width and height of a node's box."""
    if direction == "right":
        return size.length, size.breadth
    return size.breadth, size.length


def _program(
    picture: Picture,
    boxes: list[tuple[float, float]],
    turned: frozenset[str],
    direction: Direction,
) -> Iterator[str]:
    """What Graphviz is to place, a pixel of ours being one of its points."""
    yield "digraph {"
    yield f"  rankdir={'LR' if direction == 'right' else 'TB'}; nodesep=0.35; ranksep=0.45;"
    yield '  node [shape=box, fixedsize=true, label=""]; edge [dir=none];'
    number = {node.name: i for i, node in enumerate(picture.nodes)}
    for i, (wide, tall) in enumerate(boxes):
        yield f"  n{i} [width={wide / 72:.4f}, height={tall / 72:.4f}];"
    for i, edge in enumerate(picture.edges):
        ends = [number[edge.source], number[edge.target]]
        if edge.name in turned:
            ends.reverse()
        label = ""
        if edge.label:
            wide, tall = (round(length + 2 * LABEL_ROOM) for length in label_extent(edge.label))
            cell = f'<TD FIXEDSIZE="TRUE" WIDTH="{wide}" HEIGHT="{tall}"></TD>'
            label = f', label=<<TABLE BORDER="0" CELLBORDER="0"><TR>{cell}</TR></TABLE>>'
        weight = edge_style(edge.kind).weight
        yield f'  n{ends[0]} -> n{ends[1]} [id="e{i}", weight={weight}{label}];'
    yield "}"


def _placed(program: str) -> Mapping[str, Any]:
    try:
        done = subprocess.run(
            ["dot", "-Tjson0"],
            input=program,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
    except OSError as error:
        raise GraphvizError(f"cannot start `dot`: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise GraphvizError(f"`dot` found no layout in {_PATIENCE:.0f} seconds") from None
    except subprocess.CalledProcessError as error:
        told = (error.stderr or "").strip().splitlines()
        why = told[0] if told else f"exit code {error.returncode}"
        raise GraphvizError(f"`dot` failed: {why}") from None
    return json.loads(done.stdout)


def _route(points: list[Point]) -> tuple[Segment, ...]:
    """A spline of 3n + 1 points as cubic curves."""
    return tuple(tuple(points[i : i + 4]) for i in range(0, len(points) - 1, 3))


def _label(edge: PictureEdge, told: Mapping[str, Any], point: Any) -> Box | None:
    if not edge.label:
        return None
    (x, y), (wide, tall) = point(told["lp"]), label_extent(edge.label)
    return Box(x - wide / 2, y - tall / 2, wide, tall)


def _meeting(
    route: tuple[Segment, ...],
    source: PlacedNode,
    target: PlacedNode,
    sizes: Mapping[str, NodeSize],
    direction: Direction,
) -> tuple[Segment, ...]:
    """The route from outline to outline, where these lie inside the boxes that it joins."""
    start = _outline(route[0][0], source, sizes[source.node.name], direction)
    end = _outline(route[-1][-1], target, sizes[target.node.name], direction)
    before = ((start, route[0][0]),) if start != route[0][0] else ()
    after = ((route[-1][-1], end),) if end != route[-1][-1] else ()
    return (*before, *route, *after)


def _outline(place: Point, node: PlacedNode, size: NodeSize, direction: Direction) -> Point:
    """The point of a node's outline behind one on the border of its box."""
    box, (x, y) = node.box, node.box.centre
    sides: list[tuple[float, Side, float, Point]] = []
    near_far: list[tuple[Side, float]] = [("near", 1.0), ("far", -1.0)]
    for side, inwards in near_far:
        if direction == "right":
            edge = box.x if side == "near" else box.right
            sides.append((abs(place.x - edge), side, place.y - y, Point(inwards, 0)))
        else:
            edge = box.y if side == "near" else box.bottom
            sides.append((abs(place.y - edge), side, place.x - x, Point(0, inwards)))
    for first in (True, False):
        inwards = 1.0 if first else -1.0
        if direction == "right":
            edge = box.y if first else box.bottom
            sides.append((abs(place.y - edge), "beside", place.x - x, Point(0, inwards)))
        else:
            edge = box.x if first else box.right
            sides.append((abs(place.x - edge), "beside", place.y - y, Point(inwards, 0)))
    _, side, offset, into = min(sides, key=lambda found: found[0])
    far = inset(size.form, side, offset, size.length, size.breadth)
    return Point(place.x + into.x * far, place.y + into.y * far)
