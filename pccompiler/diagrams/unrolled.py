"""The view of a network unrolled in time: a column of copies for each time step.

Only what is there is drawn: an edge of delay d that would read a copy before the first (a
feedback edge: after the last) has no term, and a node that passes its prediction through is
absent where nothing arrives.
"""

from __future__ import annotations

from collections.abc import Iterable

from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagrams.picture import Grid, Picture, PictureEdge, PictureNode
from pccompiler.diagrams.text import printable
from pccompiler.diagrams.words import (
    count,
    edge_facts,
    edge_kind,
    held_nodes,
    node_facts,
    node_look,
    node_title,
    summary,
)
from pccompiler.ir.copies import Copies
from pccompiler.ir.graph import Edge, Graph, Node


def unrolled(graph: Graph, clamped: Iterable[str] | None = None, description: str = "") -> Picture:
    """The copies of a graph in time; targets hold where the spec says.

    Raises SpecError (PC552) for a network without time.
    """
    if graph.time is None:
        raise SpecError(
            Diagnostic(
                "PC552",
                f"`{graph.name}` has no time, so there is nothing to unroll",
                help="add `time: {steps: ...}` to the spec, or choose another view",
            )
        )
    held = held_nodes(graph, clamped)
    copies = Copies(graph)
    cells = {
        _copy(node.name, t): (row, t)
        for row, node in enumerate(graph.nodes)
        for t in copies.times
        if copies.forward[node.name][t] or not node.passes_through
    }
    nodes = tuple(
        _node(graph, node, t, node.name in held and _holds(copies, node, t))
        for node in graph.nodes
        for t in copies.times
        if _copy(node.name, t) in cells
    )
    edges = tuple(
        _edge(graph, edge, read, t)
        for edge in graph.edges
        for t in copies.times
        if copies.terms[edge.name][t]
        and (read := copies.read_time(edge, t)) is not None
        and {_copy(edge.source, read), _copy(edge.target, t)} <= cells.keys()
    )
    return Picture(
        printable(graph.name),
        printable(description),
        f"{summary(graph)} · {count(len(nodes), 'copy', 'copies')}",
        nodes,
        edges,
        Grid(tuple(f"t = {t}" for t in copies.times), cells),
    )


def _copy(node: str, t: int) -> str:
    return f"{node}@{t}"


def _holds(copies: Copies, node: Node, t: int) -> bool:
    return copies.targets[t] if node.role is Role.OUTPUT else True


def _node(graph: Graph, node: Node, t: int, clamped: bool) -> PictureNode:
    name = _copy(node.name, t)
    return PictureNode(
        name,
        node_title(node, f"@{t}"),
        printable(name) if node.passes_through else "",
        node_look(node),
        clamped,
        node_facts(graph, node, clamped),
    )


def _edge(graph: Graph, edge: Edge, read: int, t: int) -> PictureEdge:
    """The edges into time t. They carry no labels: every column would repeat them."""
    name = f"{edge.name}@{t}"
    return PictureEdge(
        name,
        _copy(edge.source, read),
        _copy(edge.target, t),
        edge_kind(graph, edge),
        (),
        edge_facts(graph, edge),
        delayed=edge.delay > 0,
    )
