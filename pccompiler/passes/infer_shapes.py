"""Shapes: every edge's pipeline is typed, and shapes left out are filled in.

Valid before: acyclic. Valid after: every node has a shape, every edge knows the shape before
and after each of its operators, the last one is its target's, and transposes and ties name
the operators whose parameters they use (stage TYPED).
"""

from __future__ import annotations

from math import prod

from pccompiler.components.operators import Operator, ShapeError
from pccompiler.components.vocabulary import Shape
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.ir.graph import Edge, EdgeKind, Graph, Node, Owner, Stage


def infer_shapes(graph: Graph) -> Graph:
    """Types the graph in forward order. Raises SpecError with every mismatch found.

    Suppresses errors caused by a node that has already been reported.
    """
    typing = _Typing(graph)
    for node in graph.nodes:
        typing.determine(node)
    for node in graph.nodes:
        typing.type_forward(node)
    for edge in graph.edges:
        if edge.is_feedback:
            typing.type_feedback(edge)
    for edge in graph.edges:
        if edge.tied_to is not None and edge.name in typing.edges:
            typing.tie(typing.edges[edge.name])
    if not typing.problems:  # nodes in a cycle of delays wait for each other
        left = [node for node in graph.nodes if node.name not in typing.known]
        typing.problems.extend(_unknown(node) for node in left)
    if typing.problems:
        raise SpecError(dict.fromkeys(typing.problems))
    nodes = [node.replace(shape=typing.known[node.name]) for node in graph.nodes]
    return graph.having(nodes, typing.edges.values(), Stage.TYPED)


class _Typing:
    """The shapes found so far: of nodes, and of edges with their operators."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.known: dict[str, Shape] = {}
        self.edges: dict[str, Edge] = {}
        self.problems: list[Diagnostic] = []

    def determine(self, node: Node) -> None:
        """The shape of a node: its own, or that of the edges from nodes known before it.

        Recurrent edges, and edges from nodes in a cycle of delays, determine nothing.
        """
        sources = [
            e for e in self.graph.forward_edges(node.name) if e.kind is not EdgeKind.RECURRENT
        ]
        shape = node.shape or self._determined(node, sources)
        if shape is not None:
            self.known[node.name] = shape
        elif not sources:
            self.problems.append(_unknown(node))

    def type_forward(self, node: Node) -> None:
        """Types the forward edges into a node, and compares their outputs with its shape."""
        shape = self.known.get(node.name)
        incoming = [e for e in self.graph.forward_edges(node.name) if e.source in self.known]
        wanted = None if node.concatenates and len(incoming) > 1 else shape
        typed = [edge for edge in incoming if self._type(edge, wanted)]
        if shape is None:
            return
        made = [self.edges[edge.name].shapes[-1] for edge in typed]
        if node.concatenates and len(typed) < len(self.graph.forward_edges(node.name)):
            return  # what is missing is told already
        if node.concatenates and made:
            joined = _joined(made)
            if joined != shape:
                self.problems.append(_cannot_join(self.edges[typed[0].name], node, made))
            return
        for edge, result in zip(typed, made, strict=True):
            if result != shape:
                self.problems.append(_mismatch(self.edges[edge.name], node, shape))

    def type_feedback(self, edge: Edge) -> None:
        """Types a feedback edge; the edge that it transposes is typed already."""
        if edge.source not in self.known or edge.target not in self.known:
            return
        node, shape = self.graph.node[edge.target], self.known[edge.target]
        if self._type(edge, shape) and self.edges[edge.name].shapes[-1] != shape:
            self.problems.append(_mismatch(self.edges[edge.name], node, shape))

    def tie(self, edge: Edge) -> None:
        """Lets every parametric operator use those of the other edge, in the same order."""
        assert edge.tied_to is not None
        other = self.edges.get(edge.tied_to)
        if other is None:
            return
        own, theirs = _parametric(edge), _parametric(other)
        if [shapes for _, shapes in own] != [shapes for _, shapes in theirs]:
            message = (
                f"edge `{edge.name}` is tied to `{other.name}`, but its parameters have other "
                f"shapes: {_shapes(own)} against {_shapes(theirs)}"
            )
            help = "tie edges with the same operators between nodes of the same shapes"
            self.problems.append(_problem("PC303", edge, message, help=help))
            return
        pairs = zip(own, theirs, strict=True)
        owners = tuple((mine, (other.name, yours)) for (mine, _), (yours, _) in pairs)
        self.edges[edge.name] = edge.replace(owners=owners)

    def _determined(self, node: Node, sources: list[Edge]) -> Shape | None:
        """The shape of a node that gives none: that of the first edge which determines one,
        or of all together where they are concatenated."""
        shapes: list[Shape] = []
        for edge in sources:
            if edge.source not in self.known:
                continue
            try:
                shapes.append(_pipeline_shapes(edge.operators, self.known[edge.source], None)[-1])
            except ShapeError:
                continue  # told where the edge is typed, unless another one determines the shape
        if node.concatenates and len(shapes) > 1:
            return _joined(shapes) if len(shapes) == len(sources) else None
        return shapes[0] if shapes else None

    def _type(self, edge: Edge, target: Shape | None) -> bool:
        try:
            operators, owners = self._resolved(edge)
            shapes = _pipeline_shapes(operators, self.known[edge.source], target)
        except ShapeError as error:
            message = f"on edge `{edge.name}`, {error}"
            self.problems.append(_problem("PC303", edge, message, error))
            return False
        self.edges[edge.name] = edge.replace(operators=operators, owners=owners, shapes=shapes)
        return True

    def _resolved(self, edge: Edge) -> tuple[tuple[Operator, ...], tuple[tuple[int, Owner], ...]]:
        """The pipeline with `transpose_of` replaced by the transposes of the other edge's
        operators, and which of them use that edge's parameters."""
        operators: list[Operator] = []
        owners: list[tuple[int, Owner]] = []
        for operator in edge.operators:
            if operator.transposes is None:
                operators.append(operator)
                continue
            other = self.edges.get(operator.transposes)
            if other is None:
                raise ShapeError(
                    f"it transposes `{operator.transposes}`, whose own shapes are in doubt",
                    "mend that edge first",
                )
            for position in reversed(range(len(other.operators))):
                forward, given, result = other.pipeline[position]
                reverse = forward.transposed(given, result)
                if reverse is None:
                    continue
                if reverse.is_transpose and forward.parameters(given, result):
                    owners.append((len(operators), (other.name, position)))
                operators.append(reverse)
        return tuple(operators), tuple(owners)


def _pipeline_shapes(
    operators: tuple[Operator, ...], source: Shape, target: Shape | None
) -> tuple[Shape, ...]:
    """The shape before each operator and after the last one."""
    wanted = [target]
    for operator in reversed(operators):
        wanted.append(operator.input_wanted(wanted[-1]))
    wanted.reverse()
    shapes = [source]
    for operator, asked in zip(operators, wanted[1:], strict=True):
        shapes.append(operator.output_shape(shapes[-1], asked))
    return tuple(shapes)


def _parametric(edge: Edge) -> list[tuple[int, tuple[tuple[str, Shape], ...]]]:
    """Position, and names and shapes of the parameters, of each operator that has some."""
    tables = [operator.parameters(given, result) for operator, given, result in edge.pipeline]
    return [
        (position, tuple((name, parameter.shape) for name, parameter in table.items()))
        for position, table in enumerate(tables)
        if table
    ]


def _shapes(parametric: list[tuple[int, tuple[tuple[str, Shape], ...]]]) -> str:
    named = [f"{name} {list(shape)}" for _, table in parametric for name, shape in table]
    return ", ".join(named) or "none"


def _joined(shapes: list[Shape]) -> Shape | None:
    """The shape of a concatenation along the last axis; None if the other axes differ."""
    if len({shape[:-1] for shape in shapes}) > 1:
        return None
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


def _cannot_join(edge: Edge, node: Node, made: list[Shape]) -> Diagnostic:
    parts = ", ".join(str(list(shape)) for shape in made)
    message = f"the edges into `{node.name}` concatenate {parts}, but it has shape {_text(node)}"
    help = "concatenation adds the sizes of the last axis; the other axes must be equal"
    return _problem("PC303", edge, message, help=help)


def _text(node: Node) -> str:
    return str(list(node.shape)) if node.shape else "no shape"


def _mismatch(edge: Edge, node: Node, wanted: Shape) -> Diagnostic:
    shapes = edge.shapes
    names = [o.name for o in edge.operators]
    pipeline = " |> ".join(names) or "an empty pipeline"
    message = (
        f"on edge `{edge.name}`, {pipeline} turns {list(shapes[0])} of `{edge.source}` "
        f"into {list(shapes[-1])}, but `{node.name}` has shape {list(wanted)}"
    )
    if any(operator.is_transpose for operator in edge.operators):
        help = "a transposed edge leads from a node like the other's target to one like its source"
    elif len(shapes[0]) > 1 and len(wanted) == 1:
        help = f"flatten first: op: [flatten, {', '.join(names)}]"
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
