"""The graph that passes work on: typed nodes and edges over a networkx MultiDiGraph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from math import prod
from typing import Any

import networkx as nx

from pccompiler.components.energies import Energy, SquaredError
from pccompiler.components.operators import Operator
from pccompiler.components.vocabulary import Network, Role, Shape
from pccompiler.diagnostics.source import Span


class Stage(StrEnum):
    """How far a graph has come; each stage promises more (see `ir.verify`)."""

    BUILT = "built"
    TYPED = "typed"


class EdgeKind(StrEnum):
    """What an edge is to a reader; a skip computes what a feedforward edge does."""

    FEEDFORWARD = "feedforward"
    SKIP = "skip"


@dataclass(frozen=True)
class Node:
    """A population of units. `shape` is None until shapes are inferred.

    `energy` is the energy of its state given its prediction, times `precision`; None for a
    root, which has no prediction.
    """

    name: str
    shape: Shape | None
    role: Role
    activation: str
    precision: float
    energy: Energy | None = None
    span: Span | None = field(default=None, compare=False)

    def replace(self, **changes: Any) -> Node:
        return replace(self, **changes)


@dataclass(frozen=True)
class Edge:
    """A pipeline of operators from `source` into the prediction of `target`.

    Once typed, `shapes[i]` is what operator i receives and `shapes[-1]` what leaves the last.
    """

    name: str
    source: str
    target: str
    kind: EdgeKind
    operators: tuple[Operator, ...]
    shapes: tuple[Shape, ...] = ()
    span: Span | None = field(default=None, compare=False)
    operator_span: Span | None = field(default=None, compare=False)

    @property
    def parameter_count(self) -> int:
        """How many numbers the operators of a typed edge learn."""
        stages = zip(self.operators, self.shapes[:-1], self.shapes[1:], strict=True)
        return sum(
            prod(parameter.shape)
            for operator, given, result in stages
            for parameter in operator.parameters(given, result).values()
        )

    def replace(self, **changes: Any) -> Edge:
        return replace(self, **changes)


@dataclass(frozen=True)
class Graph:
    """An immutable network. Nodes and edges stand in an order that ignores declaration order.

    `nodes` are in forward order (ties by name; cyclic parts, if any, by name) and `edges` by
    the forward order of target and source, then name. Every sum over them is therefore the
    same for every way of writing the same network. `loss` is the energy of an output that is
    held at its target, and C of an output that is nudged towards it.
    """

    name: str
    stage: Stage
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    loss: Energy = field(default_factory=SquaredError)

    @classmethod
    def of(
        cls,
        name: str,
        stage: Stage,
        nodes: Iterable[Node],
        edges: Iterable[Edge],
        loss: Energy | None = None,
    ) -> Graph:
        """Builds a graph with nodes and edges in canonical order."""
        nodes, edges = tuple(nodes), tuple(edges)
        position = {node: i for i, node in enumerate(_forward_order(nodes, edges))}
        return cls(
            name,
            stage,
            tuple(sorted(nodes, key=lambda n: position[n.name])),
            tuple(sorted(edges, key=lambda e: (position[e.target], position[e.source], e.name))),
            loss or SquaredError(),
        )

    @cached_property
    def networkx(self) -> nx.MultiDiGraph[Any]:
        """The same graph for networkx algorithms; payloads under the key `payload`."""
        return _networkx(self.nodes, self.edges)

    @cached_property
    def node(self) -> dict[str, Node]:
        """The nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def edge(self) -> dict[str, Edge]:
        """The edges by name."""
        return {edge.name: edge for edge in self.edges}

    @cached_property
    def _incoming(self) -> dict[str, tuple[Edge, ...]]:
        incoming: dict[str, list[Edge]] = {node.name: [] for node in self.nodes}
        for edge in self.edges:
            incoming[edge.target].append(edge)
        return {name: tuple(edges) for name, edges in incoming.items()}

    def incoming(self, node: str) -> tuple[Edge, ...]:
        """The edges whose sum, activated, is the node's prediction."""
        return self._incoming[node]

    def is_root(self, node: str) -> bool:
        """A root has no incoming edge and so no prediction."""
        return not self._incoming[node]

    def with_role(self, role: Role) -> tuple[str, ...]:
        """Names of the nodes with this role, in forward order."""
        return tuple(node.name for node in self.nodes if node.role is role)

    @cached_property
    def network(self) -> Network:
        """What learning rules may know of this graph.

        A free root, or an input that is itself predicted, pulls on other nodes, so that the
        feedforward pass is no equilibrium.
        """
        inputs, outputs = self.with_role(Role.INPUT), self.with_role(Role.OUTPUT)
        roots = {node.name for node in self.nodes if self.is_root(node.name)}
        acyclic = nx.is_directed_acyclic_graph(self.networkx)
        return Network(inputs, outputs, acyclic and roots == set(inputs))

    def replace(self, **changes: Any) -> Graph:
        return replace(self, **changes)


def _networkx(nodes: Iterable[Node], edges: Iterable[Edge]) -> nx.MultiDiGraph[Any]:
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    for node in nodes:
        graph.add_node(node.name, payload=node)
    for edge in edges:
        graph.add_edge(edge.source, edge.target, key=edge.name, payload=edge)
    return graph


def _forward_order(nodes: tuple[Node, ...], edges: tuple[Edge, ...]) -> list[str]:
    """Sources before targets; a cycle's members stand together, by name."""
    condensed = nx.condensation(nx.DiGraph(_networkx(nodes, edges)))
    members: dict[int, list[str]] = {
        component: sorted(data["members"]) for component, data in condensed.nodes(data=True)
    }
    order = nx.lexicographical_topological_sort(condensed, key=lambda c: members[c][0])  # pyright: ignore
    return [name for component in order for name in members[component]]
