"""The graph as text: one line per node and edge, each with its place in the spec."""

from __future__ import annotations

from math import inf

from pccompiler.components.energies import Energy
from pccompiler.components.operators import Operator
from pccompiler.components.vocabulary import Role, Shape
from pccompiler.diagnostics.source import Span
from pccompiler.ir.graph import Edge, EdgeKind, Graph, Node


def print_graph(graph: Graph, mark: str | None = None) -> str:
    """The whole graph; the line of the node or edge named `mark` is pointed at."""
    lines = [f"graph {graph.name} [{graph.stage}]{_whole(graph)}"]
    rows = [(node.name, _node(graph, node), node.span) for node in graph.nodes]
    rows += [(edge.name, _edge(edge), edge.span) for edge in graph.edges]
    width = max((len(text) for _, text, _ in rows), default=0)
    for name, text, span in rows:
        pointer = "> " if name == mark else "  "
        lines.append(f"{pointer}{text:{width}}{_place(span)}".rstrip())
    return "\n".join(lines) + "\n"


def shape_text(shape: Shape | None) -> str:
    """`[B,8,8]`, or `[B,?]` where the shape is not known yet."""
    return f"[B,{','.join(map(str, shape))}]" if shape is not None else "[B,?]"


def pipeline_text(operators: tuple[Operator, ...]) -> str:
    """`flatten |> dense(bias=false)`: options that differ from their defaults are shown."""
    return " |> ".join(operator.printed() for operator in operators)


def _whole(graph: Graph) -> str:
    """The properties in which the graph differs from a predictive-coding network without time."""
    words: list[str] = []
    if graph.form.uses_feedback:
        words.append(f"form={graph.form.printed()}")
    if graph.time:
        targets = "every" if graph.time.every else "last"
        words.append(f"time={graph.time.steps} targets={targets}")
    return "".join(f" {word}" for word in words)


def _node(graph: Graph, node: Node) -> str:
    words = [f"node {node.name} : {shape_text(node.shape)}"]
    if node.role is not Role.HIDDEN:
        words.append(f"role={node.role}")
    if not graph.activation(node.name).is_identity:
        words.append(f"activation={node.activation}")
    if node.concatenates:
        words.append("combine=concat")
    if node.passes_through:
        words.append("energy=none")
    elif graph.form.undirected:
        if node.role is not Role.INPUT or graph.edges_into(node.name):
            words.append(f"energy={graph.form.name}")
    elif node.chosen or graph.edges_into(node.name):
        words.append(f"energy={energy_text(node.energy, node.precision)}")
    if (node.low, node.high) != (-inf, inf):
        words.append(f"range=[{node.low:g},{node.high:g}]")
    if node.prior is not None:
        words.append(f"prior={node.prior.printed()}")
    if node.role is Role.OUTPUT:
        words.append(f"loss={graph.loss.name}")
    return " ".join(words)


def energy_text(energy: Energy, precision: float) -> str:
    """`huber(delta=0.5, precision=2)`."""
    options = [*energy.chosen_options(), f"precision={precision:g}"]
    return f"{energy.name}({', '.join(options)})"


def _edge(edge: Edge) -> str:
    words = [pipeline_text(edge.operators)]
    if edge.kind is not EdgeKind.FEEDFORWARD:
        words.append(f"kind={edge.kind}")
    if edge.delay:
        words.append(f"delay={edge.delay}")
    if edge.gain != 1:
        words.append(f"gain={edge.gain:g}")
    if edge.update_scale != 1:
        words.append(f"updates={edge.update_scale:g}")
    owners = dict.fromkeys(owner for _, (owner, _) in edge.owners)
    if owners or edge.tied_to:
        words.append(f"shares={','.join(owners) or edge.tied_to}")
    ends = f"{edge.source}->{edge.target}"
    name = "" if edge.name == ends else f"{edge.name} = "
    return f"edge {name}{ends} : {' '.join(words)}"


def _place(span: Span | None) -> str:
    if span is None:
        return ""
    file = span.source.name.replace("\\", "/").rsplit("/", 1)[-1]
    return f"  # {file}:{span.line}"
