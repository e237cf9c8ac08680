"""The words for nodes and edges that views share: names, details, labels and tooltips."""

from __future__ import annotations

from collections.abc import Iterable

from pccompiler.components.vocabulary import Role, Shape
from pccompiler.diagrams.text import printable, wrapped_name, wrapped_notes, wrapped_pipeline
from pccompiler.ir.graph import Edge, Graph, Node

SUM, JOIN = "Σ", "‖"
"""The marks of nodes that add up what arrives, and of those that join it."""


def held_nodes(graph: Graph, clamped: Iterable[str] | None) -> frozenset[str]:
    """The nodes that carry a pin: the inputs and outputs unless said otherwise."""
    if clamped is None:
        clamped = graph.with_role(Role.INPUT) + graph.with_role(Role.OUTPUT)
    return frozenset(clamped)


def written(shape: Shape) -> str:
    """A shape as diagrams write it: `64`, `28×28×1`; a scalar is `1`."""
    return "×".join(map(str, shape)) or "1"


def node_look(node: Node) -> str:
    """The look of a whole node."""
    if node.passes_through:
        return "join" if node.concatenates else "sum"
    return str(node.role)


def node_title(node: Node, suffix: str = "") -> tuple[str, ...]:
    """The name in lines; a node that passes its prediction through shows what it does."""
    if node.passes_through:
        return (JOIN if node.concatenates else SUM,)
    return wrapped_name(printable(node.name + suffix))


def node_detail(graph: Graph, node: Node) -> str:
    """`28×28×1 · tanh`; of a node that passes its prediction through, `s1` or `s1 · relu`."""
    active = bool(graph.arriving(node.name))  # else its activation does nothing
    if node.passes_through:
        parts = [printable(node.name)]
        active = active and node.activation != "identity"
    else:
        parts = [_shape(node)]
        if node.concatenates:
            parts[0] = f"{JOIN} {parts[0]}"
    return " · ".join([*parts, *([node.activation] if active else [])])


def node_tooltip(graph: Graph, node: Node, clamped: bool, name: str = "") -> str:
    """Everything about a node, in a line."""
    words = [f"{name or node.name}: {node.role}", f"shape {_shape(node)}"]
    if graph.arriving(node.name):
        words.append(f"activation {node.activation}")
    if node.concatenates:
        words.append("joins its incoming edges")
    if node.passes_through:
        words.append("passes its prediction through")
    elif graph.arriving(node.name):
        words += [f"energy {graph.free_energy(node).name}", f"precision {node.precision:g}"]
    if node.role is Role.OUTPUT:
        words.append(f"loss {graph.target_energy(node).name}")
    if node.prior is not None:
        words.append(f"prior {prior_words(node)}")
    return printable(", ".join([*words, *(["clamped"] if clamped else [])]))


def prior_words(node: Node) -> str:
    """`laplace(mean 0, precision 2)`."""
    assert node.prior is not None
    return f"{node.prior.name}(mean {node.prior.mean:g}, precision {node.prior.precision:g})"


def edge_label(edge: Edge) -> tuple[str, ...]:
    """`conv, delay 1`, `conv^T of h1->h2`, `dense, gain 0.5`, in lines."""
    label = wrapped_pipeline(tuple(operator.name for operator in edge.operators))
    notes = [_sharing(edge)] if _owners(edge) else []
    if notes and label:
        last = f"{label[-1]} {printable(notes[0])}"
        label = (*label[:-1], last) if len(last) <= 26 else (*label, printable(notes[0]))
        notes = []
    notes += _numbers(edge)
    label = wrapped_notes(label, tuple(printable(note) for note in notes))
    if edge.name != f"{edge.source}->{edge.target}":
        label = (*wrapped_name(printable(edge.name), 24), *label)
    return label


def edge_tooltip(edge: Edge, name: str = "") -> str:
    """Everything about an edge, in a line."""
    operators = " → ".join(operator.name for operator in edge.operators) or "identity"
    words = [f"{name or edge.name}: {edge.kind}", operators]
    if _owners(edge):
        words[-1] += f" {_sharing(edge)}"
    words += _numbers(edge)
    if edge.update_scale != 1:
        words.append(f"updates × {edge.update_scale:g}" if edge.update_scale else "not trained")
    if edge.shapes:
        words.append(f"{written(edge.shapes[0])} → {written(edge.shapes[-1])}")
        words.append(f"{edge.parameter_count:,} parameters")
    return printable(", ".join(words))


def summary(graph: Graph) -> str:
    """How many nodes, edges and parameters there are."""
    words = [count(len(graph.nodes), "node"), count(len(graph.edges), "edge")]
    if graph.edges and all(edge.shapes for edge in graph.edges):
        words.append(count(sum(edge.parameter_count for edge in graph.edges), "parameter"))
    if graph.time:
        words.append(count(graph.time.steps, "time step"))
    return " · ".join(words)


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 node`, `2,000 nodes`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def _shape(node: Node) -> str:
    return written(node.shape) if node.shape is not None else "?"


def _owners(edge: Edge) -> tuple[str, ...]:
    owners = tuple(dict.fromkeys(owner for _, (owner, _) in edge.owners))
    return owners or ((edge.tied_to,) if edge.tied_to else ())


def _sharing(edge: Edge) -> str:
    transposes = edge.is_feedback or any(op.name.endswith("^T") for op in edge.operators)
    return f"{'of' if transposes else 'tied to'} {', '.join(_owners(edge))}"


def _numbers(edge: Edge) -> list[str]:
    notes = [f"delay {edge.delay}"] if edge.delay else []
    return [*notes, f"gain {edge.gain:g}"] if edge.gain != 1 else notes
