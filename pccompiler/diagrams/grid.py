"""The layout of a picture whose nodes have places on a grid: columns of time steps.

Rows keep their height and columns their width, so edges have the space between for
themselves: within a column they run straight to the next node and bow out beside a farther
one; to the next column they cross the channel between the two; farther ones run along a
track in the gap above or below their target's row. So none passes through a node.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from pccompiler.diagrams.picture import Grid, Picture, PictureEdge
from pccompiler.diagrams.placed import BORDER, Layout, PlacedColumn, PlacedEdge, PlacedNode
from pccompiler.diagrams.routes import Box, Point, Segment, inset, route
from pccompiler.diagrams.sizes import text_size
from pccompiler.diagrams.styles import NODE_STYLES, Outline, precedence

_T = TypeVar("_T")

_TITLE = 26.0  # room for the title of a column
_GAP, _TRACK = 34.0, 9.0  # between rows: least, and more for each edge along it
_CHANNEL, _WIDEST, _SLOPE = 84.0, 190.0, 0.3  # between columns: least, most, per pixel down
_BOW, _NEXT_BOW = 30.0, 9.0  # how far edges bow out of a column, and the next one farther
_BAND = 9.0  # of a column's background beside its nodes
_PORT, _CORNER = 9.0, 7.0  # between edges on one side of a node, and from its corners
_STUB = 12.0  # the straight end of an edge, for its arrowhead


def on_grid(picture: Picture, grid: Grid) -> Layout:
    """Places every node in its cell and every edge between."""
    return _Placing(picture, grid).layout()


@dataclass(frozen=True)
class _Course:
    """The course of an edge: `straight`, `bow`, `near` or `far`; far ones along a gap's track."""

    edge: PictureEdge
    kind: str
    gap: int = 0


class _Placing:
    """The steps of the layout, each of which needs those before it."""

    def __init__(self, picture: Picture, grid: Grid) -> None:
        self.picture, self.grid = picture, grid
        self.outline: dict[str, Outline] = {
            n.name: NODE_STYLES[n.look].outline for n in picture.nodes
        }
        self.size = {node.name: text_size(node) for node in picture.nodes}
        self.row_count = 1 + max((row for row, _ in grid.cells.values()), default=-1)
        self.following: dict[str, str] = {}  # the next node below, in the same column
        for number in range(len(grid.columns)):
            self.following |= pairwise(grid.column(number))
        self.courses = [self._course(edge) for edge in picture.edges]
        self.tracks = self._tracks()
        self.rows = self._rows()
        self.columns = self._columns()
        self.boxes = {node.name: self._box(node.name) for node in picture.nodes}
        self.ports = self._ports()

    def layout(self) -> Layout:
        bottom = self.rows[-1][1] + self._gap(self.row_count) if self.rows else BORDER + _TITLE
        bands = tuple(
            PlacedColumn(title, Box(x - _BAND, BORDER, end - x + 2 * _BAND, bottom - BORDER))
            for title, (x, end) in zip(self.grid.columns, self.columns, strict=True)
        )
        right = self.columns[-1][1] if self.columns else BORDER
        return Layout(
            self.picture,
            "down",
            tuple(PlacedNode(node, self.boxes[node.name]) for node in self.picture.nodes),
            tuple(PlacedEdge(c.edge, self._route(c), None) for c in self.courses),
            right + self._margin(right=True) + BORDER,
            bottom + BORDER,
            bands,
        )

    # Where edges run ------------------------------------------------------------------------

    def _course(self, edge: PictureEdge) -> _Course:
        (row, column), (to_row, to_column) = self._cells(edge)
        if column == to_column:
            ends = (edge.source, edge.target)
            joined = any(self.following.get(a) == b for a, b in (ends, ends[::-1]))
            return _Course(edge, "straight" if joined else "bow")
        if abs(column - to_column) == 1:
            return _Course(edge, "near")
        above = to_row > row or (to_row == row and to_column > column)
        return _Course(edge, "far", to_row if above else to_row + 1)

    def _cells(self, edge: PictureEdge) -> tuple[tuple[int, int], tuple[int, int]]:
        return self.grid.cells[edge.source], self.grid.cells[edge.target]

    def _tracks(self) -> dict[str, tuple[int, int]]:
        """The track of each far edge in its gap, and how many tracks the gap has.

        Edges between the same rows, one time step apart, are drawn as continuing each other.
        """
        alike: dict[int, dict[tuple[object, ...], list[str]]] = defaultdict(dict)
        for course in self.courses:
            if course.kind == "far":
                (row, column), (to_row, to_column) = self._cells(course.edge)
                steps = to_column - column
                key = (precedence(course.edge.kind), row, to_row, steps, column % abs(steps))
                alike[course.gap].setdefault(key, []).append(course.edge.name)
        return {
            name: (number, len(groups))
            for groups in alike.values()
            for number, key in enumerate(sorted(groups))  # pyright: ignore[reportArgumentType]
            for name in groups[key]
        }

    def _gap(self, number: int) -> float:
        """The height of the gap above a row, or below the last one."""
        tracks = max(
            (
                self.tracks[course.edge.name][1]
                for course in self.courses
                if course.kind == "far" and course.gap == number
            ),
            default=0,
        )
        least = 12.0 if number in (0, self.row_count) else _GAP
        return least + tracks * _TRACK

    def _rows(self) -> list[tuple[float, float]]:
        """Top and bottom of every row."""
        heights = [0.0] * self.row_count
        for name, (row, _) in self.grid.cells.items():
            heights[row] = max(heights[row], self.size[name][1])
        rows: list[tuple[float, float]] = []
        y = BORDER + _TITLE
        for number, height in enumerate(heights):
            y += self._gap(number)
            rows.append((y, y + height))
            y += height
        return rows

    def _columns(self) -> list[tuple[float, float]]:
        """Left and right end of every column."""
        columns: list[tuple[float, float]] = []
        x = BORDER + self._margin(right=False)
        for number in range(len(self.grid.columns)):
            width = max((self.size[name][0] for name in self.grid.column(number)), default=40.0)
            columns.append((x, x + width))
            x += width + self._channel(number)
        return columns

    def _margin(self, right: bool) -> float:
        """Beside the first or last column: for the bows of its edges."""
        number = len(self.grid.columns) - 1 if right else 0
        return _BAND + self._bows(number, right)

    def _bows(self, number: int, right: bool) -> float:
        count = len(self._bowing(number, right))
        return _BOW + count * _NEXT_BOW if count else 0.0

    def _bowing(self, number: int, right: bool) -> list[str]:
        """The edges that bow out on one side of a column, the shortest first."""
        found: list[tuple[int, str]] = []
        for course in self.courses:
            (row, column), (to_row, _) = self._cells(course.edge)
            if course.kind == "bow" and column == number and (to_row >= row) == right:
                found.append((abs(to_row - row), course.edge.name))
        return [name for _, name in sorted(found)]

    def _channel(self, number: int) -> float:
        """The width of the channel after a column: wider where edges have farther to go."""
        middle = [(top + bottom) / 2 for top, bottom in self.rows]
        farthest = 0.0
        for course in self.courses:
            (row, column), (to_row, to_column) = self._cells(course.edge)
            if course.kind == "near" and min(column, to_column) == number:
                farthest = max(farthest, abs(middle[row] - middle[to_row]))
        width = max(_CHANNEL, min(_WIDEST, _SLOPE * farthest + _CHANNEL / 2))
        return width + self._bows(number, right=True) + self._bows(number + 1, right=False)

    def _box(self, name: str) -> Box:
        row, column = self.grid.cells[name]
        (top, bottom), (left, right) = self.rows[row], self.columns[column]
        width, height = self.size[name]
        return Box((left + right - width) / 2, (top + bottom - height) / 2, width, height)

    # Where edges meet nodes -----------------------------------------------------------------

    def _ports(self) -> dict[tuple[str, bool], Point]:
        """The points at which an edge leaves its source (False) and enters its target (True)."""
        sides: dict[tuple[str, str], list[tuple[float, str, bool]]] = defaultdict(list)
        joined: dict[frozenset[str], list[str]] = defaultdict(list)
        for course in self.courses:
            edge = course.edge
            if course.kind == "straight":
                joined[frozenset((edge.source, edge.target))].append(edge.name)
                continue
            (row, column), (to_row, to_column) = self._cells(edge)
            for end, other, enters in ((edge.source, edge.target, False),
                                       (edge.target, edge.source, True)):  # fmt: skip
                aim = self.boxes[other].centre.y
                if course.kind == "far":
                    aim = self._track(course)
                if course.kind == "bow":
                    side = "right" if to_row >= row else "left"
                else:
                    side = "right" if (to_column > column) != enters else "left"
                sides[end, side].append((aim, edge.name, enters))
        ports: dict[tuple[str, bool], Point] = {}
        for (end, side), edges in sides.items():
            box = self.boxes[end]
            for (_, name, enters), offset in _spread(sorted(edges), box.height):
                into = inset(self.outline[end], "far", offset, box.width, box.height)
                x = box.right - into if side == "right" else box.x + into
                ports[name, enters] = Point(x, box.centre.y + offset)
        for pair, names in joined.items():
            upper, lower = sorted(pair, key=lambda name: self.grid.cells[name])
            breadth = min(self.boxes[upper].width, self.boxes[lower].width)
            for name, offset in _spread(names, breadth):
                for end, enters in self._ends(name, upper):
                    ports[name, enters] = self._vertical(end, offset, below=end == upper)
        return ports

    def _ends(self, name: str, upper: str) -> tuple[tuple[str, bool], tuple[str, bool]]:
        edge = next(edge for edge in self.picture.edges if edge.name == name)
        return (edge.source, False), (edge.target, True)

    def _vertical(self, node: str, offset: float, below: bool) -> Point:
        box = self.boxes[node]
        into = inset(self.outline[node], "far", offset, box.height, box.width)
        return Point(box.centre.x + offset, box.bottom - into if below else box.y + into)

    def _track(self, course: _Course) -> float:
        """The height at which a far edge runs along its gap."""
        number, count = self.tracks[course.edge.name]
        if course.gap < self.row_count:
            bottom = self.rows[course.gap][0]
        else:
            bottom = self.rows[-1][1] + self._gap(self.row_count)
        middle = bottom - self._gap(course.gap) / 2
        return middle + (number - (count - 1) / 2) * _TRACK

    # Lines ----------------------------------------------------------------------------------

    def _route(self, course: _Course) -> tuple[Segment, ...]:
        leave, enter = self.ports[course.edge.name, False], self.ports[course.edge.name, True]
        if course.kind == "straight":
            return ((leave, enter),)
        (row, column), (to_row, to_column) = self._cells(course.edge)
        if course.kind == "bow":
            return self._bow(course.edge.name, column, to_row >= row, leave, enter)
        ahead = to_column > column
        start, end = self.columns[column][ahead], self.columns[to_column][not ahead]
        stub = _STUB if ahead else -_STUB
        stops = [tuple(leave), (start + stub / 2, leave.y)]
        if course.kind == "far":
            step = 1 if ahead else -1
            y = self._track(course)
            stops += [(self.columns[column + step][not ahead], y)]
            stops += [(self.columns[to_column - step][ahead], y)]
        stops += [(end - stub, enter.y), tuple(enter)]
        return route("right", [(x, y) for x, y in stops])

    def _bow(
        self, name: str, column: int, right: bool, leave: Point, enter: Point
    ) -> tuple[Segment, ...]:
        """Out of the column, beside it and back."""
        border = self.columns[column][1 if right else 0]
        number = self._bowing(column, right).index(name)
        reach = (_BOW + number * _NEXT_BOW) * 4 / 3  # a curve comes three quarters of the way
        far = border + reach if right else border - reach
        back = border + (_STUB if right else -_STUB) / 2
        curve = (Point(back, leave.y), Point(far, leave.y), Point(far, enter.y))
        return ((leave, curve[0]), (*curve, Point(back, enter.y)), (Point(back, enter.y), enter))


def _spread(items: list[_T], side: float) -> list[tuple[_T, float]]:
    """Items with their offsets from the middle of a side."""
    last = len(items) - 1
    spacing = min(_PORT, (side - 2 * _CORNER) / last) if last else 0.0
    return [(item, (number - last / 2) * spacing) for number, item in enumerate(items)]
