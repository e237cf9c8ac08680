"""The words for nodes and edges that views share: names, details, labels and facts."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from pccompiler.components.vocabulary import Role, Shape
from pccompiler.diagnostics.wording import plural
from pccompiler.diagrams.picture import Facts
from pccompiler.diagrams.text import printable, wrapped_name, wrapped_notes, wrapped_pipeline
from pccompiler.ir.graph import Edge, EdgeKind, Graph, Node

SUM, JOIN = "Σ", "‖"
"""The marks of nodes that add up what arrives, and of those that join it."""

_COUPLINGS = {
    EdgeKind.FEEDFORWARD: "coupling",
    EdgeKind.SKIP: "skip_coupling",
    EdgeKind.RECURRENT: "recurrent_coupling",
}


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
    active = bool(graph.edges_into(node.name))  # else its activation does nothing
    if node.passes_through:
        parts = [printable(node.name)]
        plain = graph.activation(node.name).is_identity and _inverse_link(graph, node) is None
        active = active and not plain
    else:
        parts = [_shape(node)]
        if node.concatenates:
            parts[0] = f"{JOIN} {parts[0]}"
    return " · ".join([*parts, *([activation_words(graph, node)] if active else [])])


def node_facts(graph: Graph, node: Node, clamped: bool) -> Facts:
    """Everything about a node."""
    facts = [("role", str(node.role)), ("shape", _shape(node))]
    arriving = graph.edges_into(node.name)
    if arriving or graph.form.undirected:
        facts.append(("activation", activation_words(graph, node)))
    if node.concatenates:
        facts.append(("joins", "its incoming edges"))
    if node.passes_through:
        facts.append(("passes", "its prediction through"))
    elif graph.form.undirected:
        facts.append(("energy", graph.form.name))
    elif arriving:
        facts += energy_facts(graph, node)
    if (node.low, node.high) != (-inf, inf):
        facts.append(("range", f"{node.low:g} to {node.high:g}"))
    if node.role is Role.OUTPUT:
        facts.append(("loss", graph.target_energy(node).name))
    if node.prior is not None:
        facts.append(("prior", prior_words(node)))
    count = sum(edge.parameter_count for edge in arriving if edge.shapes)
    if count:
        facts.append(("parameters", f"{count:,} on the edges into it"))
    return (*facts, *([("clamped", "")] if clamped else []))


def energy_facts(graph: Graph, node: Node) -> Facts:
    """The energy of a node's state given its prediction."""
    return ("energy", graph.free_energy(node).name), ("precision", f"{node.precision:g}")


def activation_words(graph: Graph, node: Node) -> str:
    """`tanh`; of a node whose prediction are logits, what they are read with: `softmax`."""
    link = _inverse_link(graph, node)
    if link is None:
        return node.activation
    return link if graph.activation(node.name).is_identity else f"{node.activation}, {link}"


def _inverse_link(graph: Graph, node: Node) -> str | None:
    """The inverse link of a node's energy; None where the prediction is compared as it is."""
    energy = graph.target_energy(node) if node.role is Role.OUTPUT else node.energy
    return energy.inverse_link


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


def edge_kind(graph: Graph, edge: Edge) -> str:
    """The kind that an edge is drawn as: a coupling where it acts both ways."""
    both = graph.form.undirected and edge.name not in graph.one_way
    return _COUPLINGS.get(edge.kind, str(edge.kind)) if both else str(edge.kind)


def edge_facts(graph: Graph, edge: Edge) -> Facts:
    """Everything about an edge."""
    operators = " → ".join(operator.name for operator in edge.operators) or "identity"
    if _owners(edge):
        operators += f" {_sharing(edge)}"
    facts = [("kind", edge_kind(graph, edge).replace("_", " ")), ("operators", operators)]
    if edge.delay:
        facts.append(("delay", str(edge.delay)))
    if edge.gain != 1:
        facts.append(("gain", f"{edge.gain:g}"))
    if edge.update_scale != 1:
        scale = f"× {edge.update_scale:g}" if edge.update_scale else "none, it is not trained"
        facts.append(("updates", scale))
    if edge.shapes:
        facts.append(("shapes", f"{written(edge.shapes[0])} → {written(edge.shapes[-1])}"))
        facts.append(("parameters", _parameters(edge)))
    target = graph.node.get(edge.target)
    if graph.form.undirected:
        facts.append(("enters", f"the {graph.form.name} energy"))
    elif target is not None and not target.passes_through:
        facts.append(("enters", f"the {graph.free_energy(target).name} energy of {edge.target}"))
    return tuple(facts)


def _parameters(edge: Edge) -> str:
    """`650 (weight 64×10, bias 10)`; borrowed ones do not count."""
    borrowed = {position for position, _ in edge.owners}
    arrays = [
        f"{name} {written(parameter.shape)}"
        for position, (operator, given, result) in enumerate(edge.pipeline)
        if position not in borrowed
        for name, parameter in operator.parameters(given, result).items()
    ]
    return f"{edge.parameter_count:,}" + (f" ({', '.join(arrays)})" if arrays else "")


def summary(graph: Graph) -> str:
    """The numbers of nodes, edges and parameters."""
    words = [count(len(graph.nodes), "node"), count(len(graph.edges), "edge")]
    if graph.edges and all(edge.shapes for edge in graph.edges):
        words.append(count(sum(edge.parameter_count for edge in graph.edges), "parameter"))
    if graph.time:
        words.append(count(graph.time.steps, "time step"))
    return " · ".join(words)


def count(number: int, noun: str, many: str = "") -> str:
    """`1 node`, `2,000 nodes`."""
    return f"{number:,} {plural(number, noun, many)}"


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
