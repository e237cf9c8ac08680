"""The view of a network as it is written: its nodes and edges."""

from __future__ import annotations

from collections.abc import Iterable

from pccompiler.diagrams.picture import Picture, PictureEdge, PictureNode
from pccompiler.diagrams.text import printable
from pccompiler.diagrams.words import (
    edge_facts,
    edge_kind,
    edge_label,
    held_nodes,
    node_detail,
    node_facts,
    node_look,
    node_title,
    summary,
)
from pccompiler.ir.graph import Edge, Graph, Node


def picture(graph: Graph, clamped: Iterable[str] | None = None, description: str = "") -> Picture:
    """The words of a graph's diagram; inputs and outputs are `clamped` unless said otherwise."""
    held = held_nodes(graph, clamped)
    return Picture(
        printable(graph.name),
        printable(description),
        summary(graph),
        tuple(_node(graph, node, node.name in held) for node in graph.nodes),
        tuple(_edge(graph, edge) for edge in graph.edges),
    )


def _node(graph: Graph, node: Node, clamped: bool) -> PictureNode:
    return PictureNode(
        node.name,
        node_title(node),
        node_detail(graph, node),
        node_look(node),
        clamped,
        node_facts(graph, node, clamped),
    )


def _edge(graph: Graph, edge: Edge) -> PictureEdge:
    return PictureEdge(
        edge.name,
        edge.source,
        edge.target,
        edge_kind(graph, edge),
        edge_label(edge),
        edge_facts(graph, edge),
        delayed=edge.delay > 0,
    )
