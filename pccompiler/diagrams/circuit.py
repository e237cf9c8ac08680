"""The view of a network as a circuit of value and error units.

A node's value x is compared with its prediction mu by an error unit e = x - mu; where there
are feedback predictions nu, by a second one, x - nu. Predictions run from values to the
errors of their targets; each error corrects its own value and, backwards along the edge
(through the transpose of its derivative), the values that made the prediction. A value that
is held at data takes no corrections. Nodes that pass their prediction through stand on the
way of both. Under an undirected form there are no error units: couplings join the values
themselves, each of which follows what its neighbours send along them, in both directions.
Source: Whittington & Bogacz 2017; figure 1 of the framework with bidirectional predictions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    held = held_nodes(graph, clamped)
    errors = _Errors(graph)
    nodes = tuple(unit for node in graph.nodes for unit in _units(errors, node, node.name in held))
    inputs = {node.name for node in graph.nodes if node.role is not Role.OUTPUT}
    timeless = graph.time is None or graph.time.every
    always = held if timeless else held & inputs  # targets may hold for the last copy alone
    edges = (*_predictions(errors), *_comparisons(errors, always), *_corrections(errors, always))
    units = sum(node.look.endswith("_error") for node in nodes)
    words = f"{summary(graph)} · {count(units, 'error unit')}"
    if graph.form.undirected:
        words = f"{summary(graph)} · no error units: values act on each other"
    return Picture(printable(graph.name), printable(description), words, nodes, edges)


class _Errors:
    """The names of the error units that a graph has."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        both = graph.form.uses_feedback
        self.edges = tuple(edge for edge in graph.edges if both or not edge.is_feedback)
        mark = "εf" if both else "ε"
        self.forward = {
            node.name: f"{mark}({node.name})"
            for node in graph.variables
            if not graph.form.undirected and (graph.incoming(node.name) or node.prior is not None)
        }
        self.feedback = {
            node.name: f"εb({node.name})"
            for node in graph.variables
            if both and not graph.form.undirected and graph.feedback(node.name)
        }

    def of(self, target: str, feedback: bool) -> str:
        """Where a prediction of the node arrives: its error, or a node that passes it on."""
        return (self.feedback if feedback else self.forward).get(target, target)


def _units(errors: _Errors, node: Node, clamped: bool) -> Iterator[PictureNode]:
    graph, name = errors.graph, printable(node.name)
    facts = node_facts(graph, node, clamped)
    if node.passes_through:
        title, detail = node_title(node), node_detail(graph, node)
        yield PictureNode(node.name, title, detail, node_look(node), clamped, facts)
        return
    energy = energy_facts(graph, node)
    if node.name in errors.forward:
        unit = errors.forward[node.name]
        told = (("what", f"{name} minus its prediction"), *energy)
        if node.prior is not None:
            told = (("what", f"{name} minus the mean of its prior {prior_words(node)}"),)
        yield PictureNode(unit, (unit.split("(")[0],), "", "forward_error", False, told)
    title = wrapped_name(name)
    yield PictureNode(node.name, title, "", f"{node.role}_value", clamped, facts)
    if node.name in errors.feedback:
        unit = errors.feedback[node.name]
        told = (("what", f"{name} minus its feedback prediction"), *energy)
        yield PictureNode(unit, ("εb",), "", "feedback_error", False, told)


def _predictions(errors: _Errors) -> Iterator[PictureEdge]:
    for edge in errors.edges:
        target = errors.of(edge.target, edge.is_feedback)
        kind, facts = edge_kind(errors.graph, edge), edge_facts(errors.graph, edge)
        yield PictureEdge(
            edge.name, edge.source, target, kind, edge_label(edge), facts, edge.delay > 0
        )


def _comparisons(errors: _Errors, held: frozenset[str]) -> Iterator[PictureEdge]:
    """Between a value and its errors. They are drawn ahead: forward errors stand before the
    value, feedback errors after it."""
    for node, error in errors.forward.items():
        kind = "held_target" if node in held else "comparison"
        yield _comparison(node, error, error, node, kind)
    for node, error in errors.feedback.items():
        kind = "held_value" if node in held else "comparison"
        yield _comparison(node, error, node, error, kind)


def _comparison(node: str, error: str, source: str, target: str, kind: str) -> PictureEdge:
    corrects = "which corrects it" if kind == "comparison" else "held, so nothing corrects it"
    facts = (("what", f"{node} enters {error}, {corrects}"),)
    return PictureEdge(f"{error} of {node}", source, target, kind, (), facts)


def _corrections(errors: _Errors, held: frozenset[str]) -> Iterator[PictureEdge]:
    """From errors back to what made the prediction; one where several edges join the two."""
    if errors.graph.form.undirected:
        return
    own = {(error, node) for node, error in (*errors.forward.items(), *errors.feedback.items())}
    ends = dict.fromkeys(
        (errors.of(edge.target, edge.is_feedback), edge.source) for edge in errors.edges
    )
    for error, source in ends:
        if source not in held and (error, source) not in own and error != source:
            facts = (("what", "corrects what made the prediction"),)
            yield PictureEdge(f"{error} corrects {source}", error, source, "correction", (), facts)
