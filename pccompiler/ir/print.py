"""The graph as text: one line per node and edge, each with its place in the spec."""

from __future__ import annotations

from pccompiler.components.operators import Operator
from pccompiler.components.vocabulary import Role, Shape
from pccompiler.diagnostics.source import Span
from pccompiler.ir.graph import Edge, Graph, Node


def print_graph(graph: Graph, mark: str | None = None) -> str:
    """The whole graph; the line of the node or edge named `mark` is pointed at."""
    lines = [f"graph {graph.name} [{graph.stage}]"]
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
    return " |> ".join(_operator(operator) for operator in operators)


def _operator(operator: Operator) -> str:
    chosen = operator.model_dump(mode="json", exclude_defaults=True)
    options = ", ".join(f"{key}={_value(value)}" for key, value in chosen.items())
    return f"{operator.name}({options})" if options else operator.name


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _node(graph: Graph, node: Node) -> str:
    words = [f"node {node.name} : {shape_text(node.shape)}"]
    if node.role is not Role.HIDDEN:
        words.append(f"role={node.role}")
    if node.activation != "identity":
        words.append(f"activation={node.activation}")
    if node.energy is not None:
        words.append(f"energy={node.energy.name}(precision={node.precision:g})")
    if node.role is Role.OUTPUT:
        words.append(f"loss={graph.loss.name}")
    return " ".join(words)


def _edge(edge: Edge) -> str:
    kind = "" if edge.kind == "feedforward" else f" kind={edge.kind}"
    ends = f"{edge.source}->{edge.target}"
    name = "" if edge.name == ends else f"{edge.name} = "
    return f"edge {name}{ends} : {pipeline_text(edge.operators)}{kind}"


def _place(span: Span | None) -> str:
    if span is None:
        return ""
    file = span.source.name.replace("\\", "/").rsplit("/", 1)[-1]
    return f"  # {file}:{span.line}"
