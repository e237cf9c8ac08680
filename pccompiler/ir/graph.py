"""The graph that passes work on: typed nodes and edges over a networkx MultiDiGraph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Any

import networkx as nx

from pccompiler.components.activations import ACTIVATIONS, Activation
from pccompiler.components.energies import Energy, Gaussian, SquaredError
from pccompiler.components.forms import EnergyForm, PredictiveCodingForm
from pccompiler.components.vocabulary import Role
from pccompiler.ir.elements import Edge, EdgeKind, Node, Owner, Stage, Time

__all__ = ["Edge", "EdgeKind", "Graph", "Node", "Owner", "Stage", "Time"]


@dataclass(frozen=True)
class Graph:
    """An immutable network. Nodes and edges stand in an order that ignores declaration order.

    `nodes` are in forward order (ties by name; cyclic parts, if any, by name) and `edges` by
    the forward order of target and source, then name. Every sum over them is therefore the
    same for every way of writing the same network. `loss` is the energy of an output that is
    clamped to its target, and C of an output that is nudged towards it; `feedback_loss` that of a
    clamped node under its feedback prediction.
    """

    name: str
    stage: Stage
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    loss: Energy = field(default_factory=SquaredError)
    feedback_loss: Energy = field(default_factory=SquaredError)
    form: EnergyForm = field(default_factory=PredictiveCodingForm)
    time: Time | None = None

    @classmethod
    def of(
        cls,
        name: str,
        stage: Stage,
        nodes: Iterable[Node],
        edges: Iterable[Edge],
        loss: Energy | None = None,
        **options: Any,
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
            **options,
        )

    def having(
        self, nodes: Iterable[Node], edges: Iterable[Edge], stage: Stage | None = None
    ) -> Graph:
        """The same network with other nodes and edges, in canonical order."""
        again = Graph.of(self.name, stage or self.stage, nodes, edges)
        return replace(self, stage=again.stage, nodes=again.nodes, edges=again.edges)

    @cached_property
    def networkx(self) -> nx.MultiDiGraph[Any]:
        """The same graph for networkx algorithms; payloads under the key `payload`."""
        return _networkx(self.nodes, self.edges)

    @cached_property
    def ordered(self) -> nx.MultiDiGraph[Any]:
        """The edges along which, within a time step, a feedforward pass runs."""
        return _networkx(self.nodes, (edge for edge in self.edges if edge.is_ordered))

    @cached_property
    def forward(self) -> nx.MultiDiGraph[Any]:
        """All edges that make forward predictions, of whatever delay."""
        return _networkx(self.nodes, (edge for edge in self.edges if not edge.is_feedback))

    @cached_property
    def node(self) -> dict[str, Node]:
        """The nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def edge(self) -> dict[str, Edge]:
        """The edges by name."""
        return {edge.name: edge for edge in self.edges}

    @cached_property
    def _arriving(self) -> dict[bool, dict[str, tuple[Edge, ...]]]:
        arriving: dict[bool, dict[str, list[Edge]]] = {
            feedback: {node.name: [] for node in self.nodes} for feedback in (False, True)
        }
        for edge in self.edges:
            arriving[edge.is_feedback].setdefault(edge.target, []).append(edge)
        return {
            feedback: {name: tuple(edges) for name, edges in by_node.items()}
            for feedback, by_node in arriving.items()
        }

    def forward_edges(self, node: str) -> tuple[Edge, ...]:
        """The edges whose sum, activated, is the node's forward prediction."""
        return self._arriving[False][node]

    def feedback_edges(self, node: str) -> tuple[Edge, ...]:
        """The edges whose mean, activated, is the node's feedback prediction."""
        return self._arriving[True][node]

    def edges_into(self, node: str) -> tuple[Edge, ...]:
        """The edges of both kinds."""
        return (*self.forward_edges(node), *self.feedback_edges(node))

    def feeding(self, nodes: Iterable[str]) -> frozenset[str]:
        """The edges that make the predictions of these nodes, through pass-through nodes too."""
        found: set[str] = set()
        waiting = list(nodes)
        while waiting:
            for edge in self.edges_into(waiting.pop()):
                if edge.name not in found:
                    found.add(edge.name)
                    if self.node[edge.source].passes_through:
                        waiting.append(edge.source)
        return frozenset(found)

    @cached_property
    def one_way(self) -> frozenset[str]:
        """The edges of an undirected form that act on their target alone: feedback edges with
        weights of their own, and the forward edges that they answer."""
        return frozenset(name for pair in self.answers for name in pair)

    @cached_property
    def answers(self) -> tuple[tuple[str, str], ...]:
        """The pairs (forward edge, feedback edge that replaces its way back), by name; in
        undirected forms only."""
        if not self.form.undirected:
            return ()
        return tuple(
            (edge.name, back.name)
            for back in self.edges
            if back.is_feedback
            for edge in self.edges
            if (edge.source, edge.target) == (back.target, back.source) and not edge.is_feedback
        )

    def activation(self, node: str) -> Activation:
        """The activation of a node."""
        return ACTIVATIONS[self.node[node].activation]

    def bounds(self, node: str) -> tuple[float, float] | None:
        """The range in which its free state is kept; None where it is unbounded."""
        low, high = self.form.bounds(self.activation(node))
        low, high = max(low, self.node[node].low), min(high, self.node[node].high)
        return None if (low, high) == (-inf, inf) else (low, high)

    def is_root(self, node: str) -> bool:
        """A root has no incoming forward edge and so no forward prediction."""
        return not self.forward_edges(node)

    def with_role(self, role: Role) -> tuple[str, ...]:
        """Names of the nodes with this role, in forward order."""
        return tuple(node.name for node in self.nodes if node.role is role)

    @property
    def copies(self) -> int:
        """The number of copies of a node: its time steps, or one."""
        return self.time.steps if self.time else 1

    @property
    def variables(self) -> tuple[Node, ...]:
        """The nodes that have a state: all but those that pass their prediction through."""
        return tuple(node for node in self.nodes if not node.passes_through)

    @cached_property
    def passing(self) -> tuple[str, ...]:
        """The pass-through nodes, each after those that it reads at whatever delay."""
        inside = self.forward.subgraph(node.name for node in self.nodes if node.passes_through)
        return tuple(nx.lexicographical_topological_sort(nx.DiGraph(inside)))  # pyright: ignore

    def free_energy(self, node: Node) -> Energy:
        """The energy of the node's state where it is free to move.

        What an output names may be a likelihood of targets alone; free, it then is Gaussian.
        """
        if node.role is Role.OUTPUT and not node.energy.suits_free_states():
            return Gaussian()
        return node.energy

    def curvature(self, name: str, forward: bool = True, feedback: bool = True) -> float | None:
        """The curvature in x of the energy of a free state, its predictions fixed; None where it
        is not constant. `forward` and `feedback` say whether predictions that the node has are
        there: copies at the first and the last time may lack one."""
        node, own = self.node[name], 0.0
        predicted = forward and bool(self.forward_edges(name))
        fed_back = feedback and self.form.uses_feedback and bool(self.feedback_edges(name))
        if node.prior is not None:
            if node.prior.energy.curvature is None:
                return None
            own = node.prior.precision * node.prior.energy.curvature
        times = self.form.curvature(self.activation(name), predicted, fed_back)
        if times is None:
            return None
        energy = self.free_energy(node).curvature
        if energy is None:
            return own if times == 0 else None
        return own + node.precision * times * energy

    def target_energy(self, node: Node) -> Energy:
        """The energy of an output clamped to its target, and the loss of one that is not."""
        return node.energy if node.chosen and not node.passes_through else self.loss

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The nodes with role: input, in forward order."""
        return self.with_role(Role.INPUT)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The nodes with role: output, in forward order."""
        return self.with_role(Role.OUTPUT)

    @cached_property
    def has_sweep(self) -> bool:
        """Whether a feedforward pass can be computed: no cycle within a time step."""
        within = [edge for edge in self.edges if not edge.is_feedback and not edge.delay]
        return nx.is_directed_acyclic_graph(_networkx(self.nodes, within))

    @cached_property
    def outputs_meet(self) -> bool:
        """Whether forward edges lead from an output to an output: a feedforward pass with
        targets clamped then predicts from the targets themselves."""
        outputs = self.with_role(Role.OUTPUT)
        after = {e.target for e in self.edges if not e.is_feedback and e.source in outputs}
        return any(nx.has_path(self.forward, n, output) for n in after for output in outputs)

    @cached_property
    def sweep(self) -> tuple[tuple[str, ...], ...]:
        """The nodes in the order of a feedforward pass; those that lie together on a cycle
        through time stand together, in their order within a time step."""
        return _sequence(self.nodes, [edge for edge in self.edges if not edge.is_feedback])

    def feedforward_is_equilibrium(self, clamped: Iterable[str]) -> bool:
        """Whether the feedforward pass minimises the energy with these nodes clamped.

        A free root, or a clamped node that is itself predicted, pulls on other nodes.
        """
        clamped = set(clamped)
        roots = {node.name for node in self.nodes if self.is_root(node.name)}
        free = [node for node in self.variables if node.name not in clamped]
        return (
            self.form.feedforward_is_minimum
            and self.has_sweep
            and roots == clamped
            and all(self.rests_at_prediction(node) for node in free)
        )

    def rests_at_prediction(self, node: Node) -> bool:
        """Whether a free node has no error at its prediction, and its range allows it."""
        activation = self.activation(node.name)
        within = node.low <= activation.low and activation.high <= node.high
        return self.free_energy(node).zero_at_prediction and within

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
    """Sources before targets; a cycle's members stand together.

    Inside a cycle of delayed edges the order is that of its edges without delay; what is
    cyclic even so stands by name.
    """
    forward = [e for e in edges if e.kind in (EdgeKind.FEEDFORWARD, EdgeKind.SKIP)]
    return [name for group in _sequence(nodes, forward) for name in group]


def _sequence(nodes: Iterable[Node], edges: Iterable[Edge]) -> tuple[tuple[str, ...], ...]:
    """The nodes by strongly connected component, sources first; within one, in the order of its
    edges without delay."""
    nodes, edges = tuple(nodes), tuple(edges)
    components = _components(nodes, edges)
    at = {name: i for i, names in enumerate(components) if len(names) > 1 for name in names}
    members: dict[int, list[Node]] = {i: [] for i in at.values()}
    undelayed: dict[int, list[Edge]] = {i: [] for i in at.values()}
    for node in nodes:
        if node.name in at:
            members[at[node.name]].append(node)
    for edge in edges:
        if not edge.delay and edge.source in at and at[edge.source] == at.get(edge.target):
            undelayed[at[edge.source]].append(edge)
    return tuple(
        tuple(name for part in _components(members[i], undelayed[i]) for name in part)
        if i in members
        else tuple(names)
        for i, names in enumerate(components)
    )


def _components(nodes: Iterable[Node], edges: Iterable[Edge]) -> list[list[str]]:
    """Strongly connected components, sources first; members and ties by name."""
    condensed = nx.condensation(nx.DiGraph(_networkx(nodes, edges)))
    members: dict[int, list[str]] = {
        component: sorted(data["members"]) for component, data in condensed.nodes(data=True)
    }
    order = nx.lexicographical_topological_sort(condensed, key=lambda c: members[c][0])  # pyright: ignore
    return [members[component] for component in order]
