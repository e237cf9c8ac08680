"""The graph as a rule sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import networkx as nx

from pccompiler.components.rules.network import EdgeView, Network, NodeView, OperatorView
from pccompiler.ir.copies import Copies
from pccompiler.ir.coupling import levels
from pccompiler.ir.elements import Edge, Node
from pccompiler.ir.graph import Graph
from pccompiler.ir.parameters import parameter_slots

_nx = cast(Any, nx)  # the stubs of some algorithms are partial


def network_of(graph: Graph, copies: Copies, held: frozenset[str] = frozenset()) -> Network:
    """The view of the graph for a rule. Nodes that the caller holds in part count neither as inputs
    nor as outputs."""
    inputs, outputs = graph.inputs, graph.outputs
    feedforward = graph.feedforward_is_equilibrium(inputs)
    distance = _distances(graph)
    losses = [graph.target_energy(graph.node[name]) for name in outputs]
    network = Network(
        inputs,
        outputs,
        feedforward,
        nodes=tuple(_node(graph, node, distance.get(node.name)) for node in graph.nodes),
        edges=tuple(_edge(graph, edge) for edge in graph.edges),
        form=graph.form,
        loss=losses[0] if losses and losses.count(losses[0]) == len(losses) else None,
        has_energy=not graph.one_way,
        answers=graph.answers,
        cyclic=not _nx.is_directed_acyclic_graph(graph.forward),
        times=graph.copies,
        levels=levels(graph, copies) if feedforward and graph.time is None else None,
    )
    if not held:
        return network
    return replace(
        network,
        inputs=tuple(name for name in inputs if name not in held),
        outputs=tuple(name for name in outputs if name not in held),
        feedforward_is_equilibrium=False,
    )


def _node(graph: Graph, node: Node, distance: int | None) -> NodeView:
    return NodeView(
        node.name,
        node.shape or (),
        node.role,
        graph.activation(node.name),
        graph.free_energy(node),
        node.precision,
        bounded=graph.bounds(node.name) is not None,
        passes_through=node.passes_through,
        concatenates=node.concatenates,
        distance=distance,
    )


def _edge(graph: Graph, edge: Edge) -> EdgeView:
    return EdgeView(
        edge.name,
        edge.source,
        edge.target,
        edge.kind,
        edge.delay,
        trainable=bool(edge.update_scale),
        pipeline=tuple(_operator(graph, edge, position) for position in range(len(edge.operators))),
    )


def _operator(graph: Graph, edge: Edge, position: int) -> OperatorView:
    """An operator, and the parameters that it reads, perhaps another edge's."""
    operator, shape, output = edge.pipeline[position]
    owner, place = dict(edge.owners).get(position, (edge.name, position))
    slots = parameter_slots(graph.edge[owner])
    key, table = slots.get(place, (None, {}))
    return OperatorView(operator, shape, output, table, owner, key if len(slots) > 1 else None)


def _distances(graph: Graph) -> dict[str, int]:
    """The edges on the shortest forward path from each node to an output."""
    backwards = graph.forward.reverse(copy=False)
    return (
        _nx.multi_source_dijkstra_path_length(backwards, set(graph.outputs), weight=None)
        if (graph.outputs)
        else {}
    )
