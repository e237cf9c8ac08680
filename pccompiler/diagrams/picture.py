"""The content of a diagram before layout: nodes, edges, and perhaps a grid.

A view turns a graph into a picture (`network`, `unrolled`, `circuit`); every format draws
every picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pccompiler.diagrams.styles import NODE_STYLES, EdgeStyle, edge_style, precedence
from pccompiler.diagrams.text import printable

Facts = tuple[tuple[str, str], ...]
"""Facts about a node or an edge, by key; a value may be empty."""

_BARE = frozenset({"role", "kind", "operators", "shapes", "what"})  # keys that tooltips leave out


def _tooltip(name: str, facts: Facts) -> str:
    words = [value if key in _BARE else f"{key} {value}".strip() for key, value in facts]
    return printable(f"{name}: {', '.join(words)}")


@dataclass(frozen=True)
class PictureNode:
    """`title` is the name broken into lines; `detail` its shape and activation, if anything,
    with `more` lines below.

    `look` is a line of the table of styles.
    """

    name: str
    title: tuple[str, ...]
    detail: str
    look: str
    clamped: bool
    facts: Facts
    more: tuple[str, ...] = ()

    @property
    def details(self) -> tuple[str, ...]:
        """The lines below the title."""
        return (*filter(None, [self.detail]), *self.more)

    @property
    def tooltip(self) -> str:
        """Everything about it, in a line."""
        return _tooltip(self.name, self.facts)


@dataclass(frozen=True)
class PictureEdge:
    """`label` is the pipeline broken into lines, after the edge's name where it has its own.

    A `delayed` edge yields to one that is not, where they disagree about what comes first.
    What is `subtracted` where it arrives ends in a bar.
    """

    name: str
    source: str
    target: str
    kind: str
    label: tuple[str, ...]
    facts: Facts
    delayed: bool = False
    subtracted: bool = False

    @property
    def style(self) -> EdgeStyle:
        """The name of its style."""
        return edge_style(self.kind, self.subtracted)

    @property
    def tooltip(self) -> str:
        """Everything about it, in a line."""
        return _tooltip(self.name, self.facts)


@dataclass(frozen=True)
class Grid:
    """Places for nodes: the row and column of each by name, and the titles of the columns."""

    columns: tuple[str, ...]
    cells: Mapping[str, tuple[int, int]] = field(hash=False)

    def column(self, number: int) -> tuple[str, ...]:
        """The nodes of a column, from the top."""
        return tuple(
            name
            for name, cell in sorted(self.cells.items(), key=lambda item: item[1])
            if cell[1] == number
        )


@dataclass(frozen=True)
class Picture:
    """Nodes and edges stand in the graph's canonical order. Without a grid, edges say where
    nodes stand."""

    title: str
    description: str
    summary: str
    nodes: tuple[PictureNode, ...]
    edges: tuple[PictureEdge, ...]
    grid: Grid | None = None

    def kinds(self) -> tuple[str, ...]:
        """The kinds of edge that occur, in the order of the table of styles."""
        return tuple(sorted({edge.kind for edge in self.edges}, key=lambda k: (precedence(k), k)))

    def styles(self) -> tuple[EdgeStyle, ...]:
        """The styles of edges that occur, those of one legend once, in the same order."""
        drawn = sorted(self.edges, key=lambda e: (precedence(e.kind), e.kind, e.subtracted))
        return tuple({edge.style.legend: edge.style for edge in drawn}.values())

    def looks(self) -> tuple[str, ...]:
        """The looks of nodes that occur, in the order of the table of styles."""
        present = {node.look for node in self.nodes}
        return tuple(look for look in NODE_STYLES if look in present)
