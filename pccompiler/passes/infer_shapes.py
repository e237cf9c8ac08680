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
    """Types the graph in forward order. Raises SpecError with every mismatch found.

    What follows from a node whose shape is already in doubt is not told.
    """
    known: dict[str, Shape] = {}
    problems: list[Diagnostic] = []
    edges: list[Edge] = []
    for node in graph.nodes:
        incoming = [edge for edge in graph.incoming(node.name) if edge.source in known]
        shape = node.shape or _determined(incoming, known)
        for edge in incoming:
            try:
                shapes = _pipeline_shapes(edge, known[edge.source], shape)
            except ShapeError as error:
                problems.append(_problem("PC303", edge, f"on edge `{edge.name}`, {error}", error))
                continue
            edges.append(edge.replace(shapes=shapes))
            if shape is not None and shapes[-1] != shape:
                problems.append(_mismatch(edge, node, shapes, shape))
        if shape is not None:
            known[node.name] = shape
        elif graph.is_root(node.name):
            problems.append(_unknown(node))
    if problems:
        raise SpecError(problems)
    nodes = [node.replace(shape=known[node.name]) for node in graph.nodes]
    return Graph.of(graph.name, Stage.TYPED, nodes, edges, graph.loss)


def _determined(incoming: list[Edge], known: dict[str, Shape]) -> Shape | None:
    """The shape of a node that gives none: that of the first edge which determines one."""
    for edge in incoming:
        try:
            return _pipeline_shapes(edge, known[edge.source], None)[-1]
        except ShapeError:
            continue  # told where the edge is typed, unless another one determines the shape
    return None


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
    pipeline = " |> ".join(o.name for o in edge.operators) or "an empty pipeline"
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


def _unknown(node: Node) -> Diagnostic:
    return Diagnostic(
        "PC304",
        f"the shape of `{node.name}` is not given and no edge determines it",
        node.span,
        path=f"nodes.{node.name}",
        help="give it a shape, such as shape: [64]",
    )


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
