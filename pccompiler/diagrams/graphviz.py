"""Layout by Graphviz, where it is installed; the drawing stays that of this package.

Graphviz is told how large nodes and labels are and which edges run backwards, and says where
all of them go. Layouts therefore look alike in every format, whoever placed them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pccompiler.diagrams.layers import in_reading_order, layers, turned_edges
from pccompiler.diagrams.layout import in_best_direction, loops_beside
from pccompiler.diagrams.picture import Picture, PictureEdge
from pccompiler.diagrams.placed import BORDER, Layout, PlacedEdge, PlacedNode
from pccompiler.diagrams.ports import spread
from pccompiler.diagrams.routes import Box, Direction, Point, Segment, Side, inset
from pccompiler.diagrams.sizes import LABEL_ROOM, NodeSize, label_extent, node_sizes
from pccompiler.diagrams.styles import NODE_STYLES, Outline, edge_style

_PATIENCE = 20.0
"""Time limit for Graphviz, in seconds."""

_SPARSE = 1.5
"""Edges for each node up to which Graphviz keeps the ends and labels of edges apart well."""

_DENSE = 600
"""Layers that all edges together may span, above which they are drawn as straight lines: to
lead more of them around nodes takes Graphviz minutes."""


class GraphvizError(Exception):
    """Graphviz is not there, or could not place a picture; the message says why."""


def installed() -> bool:
    """Whether there is a program `dot`."""
    return shutil.which("dot") is not None


def suits(picture: Picture) -> bool:
    """Whether Graphviz draws a picture as well as the own layout, or better: boxes alone, that
    few edges join, in one direction and once.

    It takes round nodes and triangles for boxes, and edges that lead back for long detours.
    """
    ends = {frozenset((edge.source, edge.target)) for edge in picture.edges}
    return (
        picture.grid is None
        and all(NODE_STYLES[node.look].outline is Outline.BOX for node in picture.nodes)
        and len(ends) == len(picture.edges)
        and all(len(two) == 2 for two in ends)
        and not turned_edges(picture)
        and len(picture.edges) <= _SPARSE * len(picture.nodes)
    )


def _dense(picture: Picture) -> bool:
    layer = layers(picture, turned_edges(picture))
    return sum(abs(layer[edge.source] - layer[edge.target]) for edge in picture.edges) > _DENSE


def lay_out(picture: Picture) -> Layout:
    """The layout of a picture without a grid, in the direction that reads best."""
    return in_best_direction(picture, _laid_out)


def _laid_out(picture: Picture, direction: Direction) -> Layout:
    sizes = node_sizes(picture, direction)
    turned, in_order = turned_edges(picture), in_reading_order(picture)
    placed = _placed("\n".join(_program(in_order, sizes, turned, direction)))
    left, low, right, high = map(float, placed["bb"].split(","))

    def point(text: str) -> Point:
        x, y = text.split(",")[-2:]
        return Point(round(float(x) - left + BORDER, 1), round(high - float(y) + BORDER, 1))

    names = [node.name for node in in_order.nodes]
    told_nodes = {told["name"]: told for told in placed.get("objects", ())}
    middle = {name: point(told_nodes[f"n{i}"]["pos"]) for i, name in enumerate(names)}
    nodes = tuple(
        PlacedNode(node, _box(middle[node.name], sizes[node.name], direction))
        for node in picture.nodes
    )
    edges: dict[str, PlacedEdge] = {}
    for name, size in sizes.items():
        x, y = middle[name] if direction == "right" else middle[name][::-1]
        edges |= loops_beside(size, direction, x, y + size.breadth / 2)
    told_edges = {told["id"]: told for told in placed.get("edges", ())}
    courses: dict[str, _Course] = {}
    for i, edge in enumerate(in_order.edges):
        if edge.name not in edges:
            points = [point(text) for text in told_edges[f"e{i}"]["pos"].split()]
            low_end, high_end = _ends(edge, turned)
            courses[edge.name] = _Course(low_end, high_end, points)
    _spread(courses, middle, sizes, direction)
    for i, edge in enumerate(in_order.edges):
        if edge.name in courses:
            route = _route(courses[edge.name].points)
            if edge.name in turned:
                route = tuple(segment[::-1] for segment in reversed(route))
            edges[edge.name] = PlacedEdge(edge, route, _label(edge, told_edges[f"e{i}"], point))
    width, height = right - left + 2 * BORDER, high - low + 2 * BORDER
    ordered = tuple(edges[edge.name] for edge in picture.edges)
    return Layout(picture, direction, nodes, ordered, width, height)


@dataclass
class _Course:
    """The points of an edge's spline from its lower node to its higher one."""

    low: str
    high: str
    points: list[Point]


def _ends(edge: PictureEdge, turned: frozenset[str]) -> tuple[str, str]:
    return (edge.target, edge.source) if edge.name in turned else (edge.source, edge.target)


def _box(middle: Point, size: NodeSize, direction: Direction) -> Box:
    wide, tall = size.length, size.breadth
    if direction == "down":
        wide, tall = tall, wide
    return Box(middle.x - wide / 2, middle.y - tall / 2, wide, tall)


def _spread(
    courses: Mapping[str, _Course],
    middle: Mapping[str, Point],
    sizes: Mapping[str, NodeSize],
    direction: Direction,
) -> None:
    """Moves the ends of edges, which meet in the middle of a side, apart and to the outline.

    Splines leave and arrive along the reading direction, so an end and its handle move across
    together.
    """
    across = 1 if direction == "right" else 0
    sides: dict[tuple[str, bool], list[_Course]] = defaultdict(list)
    for course in courses.values():
        sides[course.low, True].append(course)
        sides[course.high, False].append(course)
    for (name, leaves), found in sides.items():
        size, centre = sizes[name], middle[name]

        def aim(course: _Course, leaves: bool = leaves) -> tuple[float, float]:
            half_way = course.points[len(course.points) // 2]
            other = middle[course.high if leaves else course.low]
            return half_way[across], other[across]

        found.sort(key=aim)
        offsets = spread([aim(course)[0] - centre[across] for course in found], size.breadth)
        for course, offset in zip(found, offsets, strict=True):
            side: Side = "far" if leaves else "near"
            into = inset(size.outline, side, offset, size.length, size.breadth)
            half = size.length / 2 - into
            end = centre[1 - across] + (half if leaves else -half)
            at = round(centre[across] + offset, 1)
            along = course.points[1 if leaves else -2][1 - across]
            place, handle = (
                Point(x, at) if direction == "right" else Point(at, x) for x in (end, along)
            )
            if leaves:
                course.points[:2] = [place, handle]
            else:
                course.points[-2:] = [handle, place]


def _program(
    picture: Picture,
    sizes: Mapping[str, NodeSize],
    turned: frozenset[str],
    direction: Direction,
) -> Iterator[str]:
    """The picture as input of Graphviz, a pixel being one of its points.

    Boxes are as tall as with a loop on both sides, so that edges run beside the loops. Limits
    are those of Graphviz's searches, in rounds, so the result is the same on any machine.
    """
    dense = _dense(picture)
    lines = "line" if dense else "spline"
    yield "digraph {"
    yield f"  rankdir={'LR' if direction == 'right' else 'TB'}; nodesep=0.35; ranksep=0.7;"
    yield f"  splines={lines}; nslimit=4; nslimit1=4; mclimit={0.2 if dense else 1};"
    yield '  node [shape=box, fixedsize=true, label=""];'
    out, into = ("e", "w") if direction == "right" else ("s", "n")
    yield f"  edge [dir=none, tailport={out}, headport={into}];"
    number = {node.name: i for i, node in enumerate(picture.nodes)}
    for i, node in enumerate(picture.nodes):
        size = sizes[node.name]
        wide, tall = size.item.length, 2 * size.item.after
        if direction == "down":
            wide, tall = tall, wide
        yield f"  n{i} [width={wide / 72:.4f}, height={tall / 72:.4f}];"
    for i, edge in enumerate(picture.edges):
        if edge.source == edge.target:
            continue
        low, high = (number[end] for end in _ends(edge, turned))
        label = ""
        if edge.label:
            wide, tall = (round(length + 2 * LABEL_ROOM) for length in label_extent(edge.label))
            cell = f'<TD FIXEDSIZE="TRUE" WIDTH="{wide}" HEIGHT="{tall}"></TD>'
            label = f', label=<<TABLE BORDER="0" CELLBORDER="0"><TR>{cell}</TR></TABLE>>'
        weight = edge_style(edge.kind).weight
        yield f'  n{low} -> n{high} [id="e{i}", weight={weight}{label}];'
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
