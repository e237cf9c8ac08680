"""Undelayed cycles have no forward order and no feedforward prediction: they are errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import networkx as nx

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.ir.graph import Edge, Graph

_nx = cast(Any, nx)  # the stubs of shortest_path are partial


def reject_cycles(graph: Graph) -> Graph:
    """The same graph. Raises SpecError naming one cycle of each cyclic component, at the edge
    that, in the order of the file, closes it.

    Couplings that act both ways have no order and may form cycles.
    """
    if graph.form.undirected:
        return graph
    problems: list[Diagnostic] = []
    for component in nx.strongly_connected_components(graph.ordered):
        names = graph.ordered.subgraph(component).edges(keys=True)
        inside = [graph.edge[name] for _, _, name in names]
        if not inside:
            continue
        closing, walk = _closed(inside)
        problems.append(
            Diagnostic(
                "PC302",
                f"the edges {' -> '.join(walk)} form a cycle",
                closing.span,
                path=f"edges.{closing.name}",
                help=f"a prediction cannot depend on itself at the same time: {_advice(graph)}",
            )
        )
    if problems:
        raise SpecError(sorted(problems, key=lambda problem: problem.message))
    return graph


def _closed(edges: Iterable[Edge]) -> tuple[Edge, list[str]]:
    """The first edge, in the order of the file, that closes a cycle, and the cycle from its
    first name on."""
    so_far = cast(Any, nx.DiGraph())
    for edge in sorted(edges, key=_place):
        so_far.add_nodes_from([edge.source, edge.target])
        if edge.source != edge.target and _nx.has_path(so_far, edge.target, edge.source):
            walk: list[str] = _nx.shortest_path(so_far, edge.target, edge.source)
            start = walk.index(min(walk))
            walk = walk[start:] + walk[:start]
            return edge, [*walk, walk[0]]
        if edge.source == edge.target:
            return edge, [edge.source, edge.source]
        so_far.add_edge(edge.source, edge.target)
    raise AssertionError("a cyclic component has a cycle")


def _place(edge: Edge) -> tuple[str, int, int]:
    span = edge.span
    return (span.source.name, span.line, span.column) if span else ("", 0, 0)


def _advice(graph: Graph) -> str:
    """Advice that makes this edge legal: a delay needs time, and an edge without one a start that
    needs no order."""
    if graph.time is not None:
        return "remove this edge, or make it `kind: recurrent`, which reads the time step before"
    return (
        "remove this edge, or make it `kind: recurrent`, either with `time: {steps: 4}`, so that "
        "it reads the time step before, or with `delay: 0` and `inference: {init: zeros}`"
    )
