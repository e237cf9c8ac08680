"""Layers: which nodes stand at the same distance along the reading direction.

1. Cycles are broken by turning edges round (for the layout only): kinds are added in the
   order of the style table, and an edge that would close a cycle is turned.
2. Layers l minimise  sum over edges of weight * (l(target) - l(source)),  every edge
   spanning at least one layer (Gansner et al., "A Technique for Drawing Directed Graphs",
   IEEE Trans. Softw. Eng. 1993). The dual of that linear program is a flow problem, whose
   residual network gives the layers.
"""

from __future__ import annotations

from collections import defaultdict

import networkx as nx

from pccompiler.diagrams.picture import Picture
from pccompiler.diagrams.styles import edge_style, precedence


def turned_edges(picture: Picture) -> frozenset[str]:
    """Names of the edges to turn round so that the rest has no cycle. Loops are left out."""
    edges = [edge for edge in picture.edges if edge.source != edge.target]
    edges.sort(key=lambda edge: precedence(edge.kind))  # stable: canonical order within a kind
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(node.name for node in picture.nodes)
    graph.add_edges_from((edge.source, edge.target) for edge in edges)
    cyclic = {
        name: number
        for number, members in enumerate(nx.strongly_connected_components(graph))
        for name in members
    }
    kept: nx.DiGraph[str] = nx.DiGraph()
    kept.add_nodes_from(graph)
    turned: set[str] = set()
    for edge in edges:
        within = cyclic[edge.source] == cyclic[edge.target]
        if within and nx.has_path(kept, edge.target, edge.source):
            turned.add(edge.name)
        elif within:
            kept.add_edge(edge.source, edge.target)
    return frozenset(turned)


def layers(picture: Picture, turned: frozenset[str]) -> dict[str, int]:
    """The layer of every node, from 0 on; each edge (turned or not) spans at least one."""
    weights: dict[tuple[str, str], int] = defaultdict(int)
    for edge in picture.edges:
        if edge.source == edge.target:
            continue
        low, high = edge.source, edge.target
        if edge.name in turned:
            low, high = high, low
        weights[low, high] += edge_style(edge.kind).weight
    names = [node.name for node in picture.nodes]
    tight = _tight(names, weights)
    layer = dict.fromkeys(names, 0)
    for _ in names:  # longest paths by Bellman and Ford; the optimum leaves no positive cycle
        changed = False
        for source, target in weights:
            if layer[target] < layer[source] + 1:
                layer[target], changed = layer[source] + 1, True
            if (source, target) in tight and layer[source] < layer[target] - 1:
                layer[source], changed = layer[target] - 1, True
        if not changed:
            break
    return layer


def _tight(names: list[str], weights: dict[tuple[str, str], int]) -> set[tuple[str, str]]:
    """The edges that carry flow in the dual problem: they span exactly one layer."""
    flow: nx.DiGraph[str] = nx.DiGraph()
    for name in names:
        flow.add_node(name, demand=0)
    for (source, target), weight in weights.items():
        flow.add_edge(source, target, weight=-1)
        flow.nodes[target]["demand"] += weight
        flow.nodes[source]["demand"] -= weight
    if not weights:
        return set()
    _, amounts = nx.network_simplex(flow)
    return {(s, t) for s, targets in amounts.items() for t, amount in targets.items() if amount}
