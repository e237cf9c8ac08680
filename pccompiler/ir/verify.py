"""Invariants of the graph at each stage, checked after every pass.

A failure is a bug of the compiler, never of the user: it names the pass, the invariant and
the node, and shows the graph.
"""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from pccompiler.diagnostics.diagnostic import Diagnostic, PccError
from pccompiler.diagnostics.source import Span
from pccompiler.ir.graph import Edge, Graph, Stage
from pccompiler.ir.print import print_graph


class CompilerBugError(PccError):
    """An invariant does not hold after a pass."""

    def __init__(self, after: str, invariant: str, span: Span | None, printed: str) -> None:
        message = f"after the pass `{after}`: {invariant}"
        help = "this is a bug in pcc, not in the spec; please report it with the spec and this:"
        super().__init__(Diagnostic("PC901", message, span, help=f"{help}\n{printed}"))


def verify(graph: Graph, after: str) -> None:
    """Raises CompilerBugError if the graph breaks an invariant of its stage."""
    for invariant, name, span in _broken(graph):
        raise CompilerBugError(
            after, f"{invariant} (`{name}`)", span, print_graph(graph, mark=name)
        )


def _broken(graph: Graph) -> Iterator[tuple[str, str, Span | None]]:
    if len(graph.node) != len(graph.nodes) or len(graph.edge) != len(graph.edges):
        yield "names are unique", graph.name, None
    for edge in graph.edges:
        if edge.source not in graph.node or edge.target not in graph.node:
            yield "every edge joins two nodes of the graph", edge.name, edge.span
    for node in graph.nodes:
        if node.passes_through and graph.is_root(node.name):
            yield "a pass-through node is predicted", node.name, node.span
    again = Graph.of(graph.name, graph.stage, graph.nodes, graph.edges)
    if (again.nodes, again.edges) != (graph.nodes, graph.edges):
        yield "nodes and edges stand in canonical order", graph.name, None
    if graph.stage is Stage.TYPED:
        yield from _broken_types(graph)


def _broken_types(graph: Graph) -> Iterator[tuple[str, str, Span | None]]:
    if not graph.form.undirected and not nx.is_directed_acyclic_graph(graph.ordered):
        yield "undelayed edges are acyclic", graph.name, None
    for node in graph.nodes:
        if node.shape is None:
            yield "every node has a shape", node.name, node.span
    for edge in graph.edges:
        if not _is_typed(graph, edge):
            yield "an edge's shapes lead from its source to its target", edge.name, edge.span


def _is_typed(graph: Graph, edge: Edge) -> bool:
    return (
        len(edge.shapes) == len(edge.operators) + 1
        and edge.shapes[0] == graph.node[edge.source].shape
        and (
            edge.shapes[-1] == graph.node[edge.target].shape or graph.node[edge.target].concatenates
        )
    )
