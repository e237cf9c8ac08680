"""Layers: which nodes stand at the same distance along the reading direction.

1. Every edge asks to point along the reading direction, or against it where its kind leads
   backwards (feedback, recurrence). Edges that point along it are heard before those that do
   not, of these those without a delay first, then kinds in the order of the style table; one
   that would close a cycle points the other way. Edges against the direction are turned
   round, for the layout only.
2. Layers l minimise  sum over edges of weight * (l(target) - l(source)),  every edge
   spanning at least one layer (Gansner et al., "A Technique for Drawing Directed Graphs",
   IEEE Trans. Softw. Eng. 1993). The dual of that linear program is a flow problem, whose
   residual network gives the layers.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace

import networkx as nx

from pccompiler.diagrams.picture import Picture, PictureEdge
from pccompiler.diagrams.styles import edge_style, precedence
from pccompiler.spec.names import natural_key


def turned_edges(picture: Picture) -> frozenset[str]:
    """Names of the edges to turn round so that the rest has no cycle. Loops are left out."""
    edges = [edge for edge in picture.edges if edge.source != edge.target]
    edges.sort(key=_rank)  # stable: canonical order within a kind
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(node.name for node in picture.nodes)
    graph.add_edges_from(map(_wanted, edges))
    cyclic = {
        name: number
        for number, members in enumerate(nx.strongly_connected_components(graph))
        for name in members
    }
    kept: nx.DiGraph[str] = nx.DiGraph()
    kept.add_nodes_from(graph)
    turned: set[str] = set()
    for edge in edges:
        low, high = _wanted(edge)
        if cyclic[low] == cyclic[high]:
            if nx.has_path(kept, high, low):
                low, high = high, low
            kept.add_edge(low, high)
        if low != edge.source:
            turned.add(edge.name)
    return frozenset(turned)


def _wanted(edge: PictureEdge) -> tuple[str, str]:
    """The ends of an edge in the order in which it asks to stand."""
    if edge_style(edge.kind).backwards:
        return edge.target, edge.source
    return edge.source, edge.target


def _rank(edge: PictureEdge) -> tuple[bool, bool, int]:
    backwards = edge_style(edge.kind).backwards
    return backwards, edge.delayed and not backwards, precedence(edge.kind)


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
    steps: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for source, target in weights:
        steps[source].append((target, 1))
        if (source, target) in tight:
            steps[target].append((source, -1))
    waiting = deque(names)
    while waiting:  # longest paths; the optimum leaves no positive cycle, so this ends
        name = waiting.popleft()
        for other, step in steps[name]:
            if layer[other] < layer[name] + step:
                layer[other] = layer[name] + step
                waiting.append(other)
    return layer


def in_reading_order(picture: Picture) -> Picture:
    """The same with nodes and edges layer by layer, h2 before h10, for tools that place them by
    the order in which they come."""
    if picture.grid is not None:
        return picture
    layer = layers(picture, turned_edges(picture))
    nodes = sorted(picture.nodes, key=lambda node: (layer[node.name], natural_key(node.name)))
    place = {node.name: i for i, node in enumerate(nodes)}

    def key(edge: PictureEdge) -> tuple[object, ...]:
        return place[edge.source], place[edge.target], natural_key(edge.name)

    return replace(picture, nodes=tuple(nodes), edges=tuple(sorted(picture.edges, key=key)))


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
