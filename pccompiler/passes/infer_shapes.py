"""Shapes: every edge's pipeline is typed, and shapes left out are filled in.

Valid before: acyclic. Valid after: every node has a shape, every edge knows the shape before
and after each of its operators, and the last one is its target's (stage TYPED).
"""

from __future__ import annotations

from math import prod

from pccompiler.components.operators import ShapeError
from pccompiler.components.vocabulary import Shape
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.ir.graph import Edge, Graph, Node, Stage


def infer_shapes(graph: Graph) -> Graph:
    """Types the graph in forward order. Raises SpecError with every mismatch found."""
    known: dict[str, Shape] = {}
    problems: list[Diagnostic] = []
    edges: list[Edge] = []
    for node in graph.nodes:
        shape = node.shape
        for edge in graph.incoming(node.name):
            if edge.source not in known:
                continue  # its source was already reported
            try:
                shapes = _pipeline_shapes(edge, known[edge.source], shape)
            except ShapeError as error:
                problems.append(_problem("PC303", edge, f"on edge `{edge.name}`, {error}", error))
                continue
            edges.append(edge.replace(shapes=shapes))
            if shape is None:
                shape = shapes[-1]
            elif shapes[-1] != shape:
                problems.append(_mismatch(edge, node, shapes, shape))
        if shape is None:
            problems += _unknown(node, graph)
        else:
            known[node.name] = shape
    if problems:
        raise SpecError(problems)
    nodes = [node.replace(shape=known[node.name]) for node in graph.nodes]
    return Graph.of(graph.name, Stage.TYPED, nodes, edges, graph.loss)


def _pipeline_shapes(edge: Edge, source: Shape, target: Shape | None) -> tuple[Shape, ...]:
    """The shape before each operator and after the last one."""
    wanted = [target]
    for operator in reversed(edge.operators):
        wanted.append(operator.input_wanted(wanted[-1]))
    wanted.reverse()
    shapes = [source]
    for operator, asked in zip(edge.operators, wanted[1:], strict=True):
        shapes.append(operator.output_shape(shapes[-1], asked))
    return tuple(shapes)


def _mismatch(edge: Edge, node: Node, shapes: tuple[Shape, ...], wanted: Shape) -> Diagnostic:
    pipeline = " |> ".join(operator.name for operator in edge.operators)
    message = (
        f"on edge `{edge.name}`, {pipeline} turns {list(shapes[0])} of `{edge.source}` "
        f"into {list(shapes[-1])}, but `{node.name}` has shape {list(wanted)}"
    )
    if len(shapes[0]) > 1 and len(wanted) == 1:
        help = f"flatten first: op: [flatten, {', '.join(o.name for o in edge.operators)}]"
    elif prod(shapes[-1]) == prod(wanted):
        help = "the sizes agree but not the axes; reshape one of them, e.g. with flatten"
    else:
        help = "change a shape, or use an operator that changes it, such as dense"
    return _problem("PC303", edge, message, help=help)


def _unknown(node: Node, graph: Graph) -> list[Diagnostic]:
    if graph.incoming(node.name):
        return []  # its incoming edges were already reported
    return [
        Diagnostic(
            "PC304",
            f"the shape of `{node.name}` is not given and no edge determines it",
            node.span,
            path=f"nodes.{node.name}",
            help="give it a shape, such as shape: [64]",
        )
    ]


def _problem(
    code: str, edge: Edge, message: str, error: ShapeError | None = None, help: str = ""
) -> Diagnostic:
    return Diagnostic(
        code,
        message,
        edge.operator_span or edge.span,
        path=f"edges.{edge.name}",
        help=error.help if error else help,
    )
