"""Couplings of nodes by shared terms of the energy, and the depth of a network.

Two states that share a term must not move at once in coordinate descent. In a Hopfield network
a term joins the ends of an edge; where edges predict, a term joins a node with all that
predicts it, so that its parents are joined too (the moral graph). Pass-through nodes are
looked through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, cast

import networkx as nx

from pccompiler.components.updates import Coupling
from pccompiler.ir.copies import Copies
from pccompiler.ir.graph import Graph

_nx = cast(Any, nx)  # the stubs of some algorithms are partial


def coupling_graph(graph: Graph, copies: Copies) -> nx.Graph[Any]:
    """The variables, joined where they share a term of F (the external energy included)."""
    joined: nx.Graph[Any] = nx.Graph()
    joined.add_nodes_from(node.name for node in graph.variables)
    for group in _terms(graph, copies):
        joined.add_edges_from(combinations(sorted(set(group)), 2))
    return joined


def coupling(graph: Graph, copies: Copies, inputs: Iterable[str], free: Iterable[str]) -> Coupling:
    """The couplings of the free nodes of a phase; distances count from the inputs, or without one
    from the first variable."""
    names = frozenset(free)

    def measured() -> tuple[dict[str, frozenset[str]], dict[str, int]]:
        joined = coupling_graph(graph, copies)
        near = [name for name in inputs if name in joined] or [graph.variables[0].name]
        distance: dict[str, int] = _nx.multi_source_dijkstra_path_length(joined, set(near))
        return (
            {name: names & set(joined[name]) for name in names},
            {name: distance.get(name, 0) for name in names},
        )

    return Coupling(tuple(node.name for node in graph.nodes if node.name in names), measured)


def are_apart(graph: Graph, copies: Copies, groups: Iterable[Iterable[str]]) -> bool:
    """Whether no two nodes of a group share a term of F, so that each group moves as one block
    of coordinate descent."""
    joined = coupling_graph(graph, copies)
    return not any(joined.has_edge(a, b) for group in groups for a, b in combinations(group, 2))


def levels(graph: Graph, copies: Copies) -> int | None:
    """The number of levels of nodes that have a prediction, if all paths from a node to an output
    that learns have the same number of variables on them; else None. Of a network without time."""
    level: dict[str, int] = {}
    for name in reversed([name for group in graph.sweep for name in group]):
        above = {
            level[reader] + (not graph.node[reader].passes_through)
            for reader, _ in copies.readers[name, 0]
            if reader in level
        }
        if name in graph.outputs and not graph.node[name].passes_through:
            above.add(1)
        if len(above) > 1:
            return None
        if above:
            [level[name]] = above
    predicted = [
        count
        for name, count in level.items()
        if not graph.is_root(name) and not graph.node[name].passes_through
    ]
    return max(predicted, default=1)


def _terms(graph: Graph, copies: Copies) -> Iterator[list[str]]:
    if not graph.form.undirected:
        for copy in copies.variables:
            yield [copy[0], *(source for source, _ in copies.across([copy], copies.read))]
        return
    for edge in graph.edges:
        if graph.node[edge.target].passes_through:
            continue
        sources = _variables(copies, edge.source)
        for source in sources:
            yield [edge.target, source]
        if graph.node[edge.source].passes_through:
            yield [edge.target, *sources]
    for node in graph.nodes:
        if node.passes_through:  # a readout outside the system, in the external energy
            yield _variables(copies, node.name)


def _variables(copies: Copies, name: str) -> list[str]:
    """The node, or what its prediction reads where it passes through."""
    if not copies.graph.node[name].passes_through:
        return [name]
    return [source for source, _ in copies.across([(name, 0)], copies.read)]
