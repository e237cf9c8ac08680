"""The view of a network as a circuit of value and error units.

A node's value x is compared with its prediction mu by an error unit e = x - mu; where there
are feedback predictions nu, by a second one, x - nu, or where the form adds the two errors by
one unit 2x - mu - nu. What is added where it arrives has an arrow, what is subtracted a bar:
the value enters its error with a plus and its predictions with a minus, and in

    dx/dt = -dF/dx = -e + sum_children (d mu_c / dx)^T e_c

each error pulls its own value back and, backwards along the edge (through the transpose of its
derivative), pushes the values that made the prediction. So an error and a value are joined
exactly where that error's term of F depends on that value and the value is free somewhere: a
value that is clamped to data takes no corrections. Nodes that pass their prediction through stand
on the way of both. An output without an error of its own, which passes its prediction through,
passes on how its loss pulls. Under an undirected form there are no error units: couplings join
the values themselves, each of which follows what its neighbours send along them, in both
directions.
Source: Whittington & Bogacz 2017; figure 1 of the framework with bidirectional predictions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from pccompiler.components.vocabulary import Role
from pccompiler.diagrams.picture import Picture, PictureEdge, PictureNode
from pccompiler.diagrams.text import printable, wrapped_name
from pccompiler.diagrams.words import (
    count,
    edge_facts,
    edge_kind,
    edge_label,
    energy_facts,
    held_nodes,
    node_detail,
    node_facts,
    node_look,
    node_title,
    prior_words,
    summary,
)
from pccompiler.ir.graph import Graph, Node


def circuit(graph: Graph, clamped: Iterable[str] | None = None, description: str = "") -> Picture:
    """Value and error units of a graph."""
    errors = _Errors(graph, held_nodes(graph, clamped))
    nodes = tuple(unit for node in graph.nodes for unit in _units(errors, node))
    edges = (*_predictions(errors), *_comparisons(errors), *_corrections(errors))
    units = sum(node.look.endswith("_error") for node in nodes)
    words = f"{summary(graph)} · {count(units, 'error unit')}"
    if graph.form.undirected:
        words = f"{summary(graph)} · no error units: values act on each other"
    return Picture(printable(graph.name), printable(description), words, nodes, edges)


class _Errors:
    """The names of the error units that a graph has, and the nodes held at all times (`held`) or
    at the last one alone (`held_last`)."""

    def __init__(self, graph: Graph, held: frozenset[str]) -> None:
        self.graph = graph
        outputs = set(graph.with_role(Role.OUTPUT))
        every = graph.time is None or graph.time.every or graph.time.steps == 1
        self.held = held if every else held - outputs
        self.held_last = held - self.held
        both = graph.form.uses_feedback
        directed = not graph.form.undirected
        self.edges = tuple(edge for edge in graph.edges if both or not edge.is_feedback)
        mark = "εf" if both and not graph.form.adds_errors() else "ε"
        self.forward = {
            node.name: f"{mark}({node.name})"
            for node in graph.variables
            if directed and (graph.forward_edges(node.name) or self._expects(node))
        }
        self.feedback = {
            node.name: f"εb({node.name})"
            for node in graph.variables
            # a clamped output has its loss on the forward prediction alone
            if both
            and directed
            and graph.feedback_edges(node.name)
            and not (node.name in self.held and node.name in outputs)
        }
        self.summed: set[str] = set()
        if graph.form.adds_errors():
            self.summed = {*self.forward} & {*self.feedback}
            self.feedback |= {name: self.forward[name] for name in self.summed}

    def _expects(self, node: Node) -> bool:
        """Whether a prior predicts the node: it counts where the node is free."""
        return node.prior is not None and node.name not in self.held

    def of(self, target: str, feedback: bool) -> str | None:
        """The unit that receives a prediction of the node: its error, or a node that passes it on;
        None where it enters no error."""
        if self.graph.form.undirected or self.graph.node[target].passes_through:
            return target
        return (self.feedback if feedback else self.forward).get(target)

    @cached_property
    def silent(self) -> frozenset[str]:
        """The nodes that pass their prediction on to no error and to no loss."""
        graph = self.graph
        told = {n.name for n in graph.nodes if not n.passes_through or n.role is Role.OUTPUT}
        passing = [node.name for node in graph.nodes if node.name not in told]
        for _ in passing:  # each round goes one node further back
            told |= {edge.source for edge in self.edges if edge.target in told}
        return frozenset(passing) - told


def _units(errors: _Errors, node: Node) -> Iterator[PictureNode]:
    graph, name = errors.graph, printable(node.name)
    clamped = node.name in errors.held
    facts = node_facts(graph, node, clamped)
    if node.passes_through:
        title, detail = node_title(node), node_detail(graph, node)
        yield PictureNode(node.name, title, detail, node_look(node), clamped, facts)
        return
    energy = energy_facts(graph, node)
    if node.name in errors.forward:
        unit, look = errors.forward[node.name], "forward_error"
        told = (("what", f"{name} minus its prediction"), *energy)
        if node.prior is not None:
            told = (("what", f"{name} minus the mean of its prior {prior_words(node)}"),)
        if node.name in errors.summed:
            look = "summed_error"
            told = (("what", f"twice {name} minus its two predictions"), *energy)
        yield PictureNode(unit, (unit.split("(")[0],), "", look, False, told)
    title, detail = wrapped_name(name), ""
    if node.name in errors.held_last and graph.time is not None:
        detail = f"held at t = {graph.time.steps - 1}"
        facts = (*facts, ("clamped", "at the last time alone"))
    yield PictureNode(node.name, title, detail, f"{node.role}_value", clamped, facts)
    if node.name in errors.feedback and node.name not in errors.summed:
        unit = errors.feedback[node.name]
        told = (("what", f"{name} minus its feedback prediction"), *energy)
        yield PictureNode(unit, ("εb",), "", "feedback_error", False, told)


def _predictions(errors: _Errors) -> Iterator[PictureEdge]:
    graph = errors.graph
    for edge in errors.edges:
        target = errors.of(edge.target, edge.is_feedback)
        if target is None:
            continue
        kind, facts = edge_kind(graph, edge), edge_facts(graph, edge)
        label, delayed = edge_label(edge), edge.delay > 0
        yield PictureEdge(
            edge.name, edge.source, target, kind, label, facts, delayed, target != edge.target
        )


def _comparisons(errors: _Errors) -> Iterator[PictureEdge]:
    """Between a value and its errors. They are drawn ahead: forward errors stand before the
    value, feedback errors after it."""
    for node, error in errors.forward.items():
        kind = "held_target" if node in errors.held else "comparison"
        yield _comparison(node, error, error, node, kind)
    for node, error in errors.feedback.items():
        if node not in errors.summed:
            kind = "held_value" if node in errors.held else "feedback_comparison"
            yield _comparison(node, error, node, error, kind)


def _comparison(node: str, error: str, source: str, target: str, kind: str) -> PictureEdge:
    held = kind.startswith("held")
    corrects = "held, so nothing corrects it" if held else "which pulls it back"
    facts = (("what", f"{node} enters {error}, {corrects}"),)
    return PictureEdge(f"{error} of {node}", source, target, kind, (), facts)


def _corrections(errors: _Errors) -> Iterator[PictureEdge]:
    """The corrections from errors back to the values behind the prediction; one where several edges
    join the two. A node that predicts itself, at another time, is corrected as any other."""
    if errors.graph.form.undirected:
        return
    ends = dict.fromkeys(
        (errors.of(edge.target, edge.is_feedback), edge.source) for edge in errors.edges
    )
    for error, source in ends:
        if error is None or {error, source} & errors.silent or source in errors.held:
            continue
        facts = (("what", "corrects what made the prediction"),)
        yield PictureEdge(f"{error} corrects {source}", error, source, "correction", (), facts)
