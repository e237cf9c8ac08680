"""What a diagram says, before anything has a place: words for nodes and edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pccompiler.components.vocabulary import Role, Shape
from pccompiler.diagrams.styles import precedence
from pccompiler.diagrams.text import printable, wrapped_name, wrapped_pipeline
from pccompiler.ir.graph import Edge, Graph, Node


@dataclass(frozen=True)
class PictureNode:
    """`title` is the name broken into lines; `detail` its shape and activation."""

    name: str
    title: tuple[str, ...]
    detail: str
    role: Role
    clamped: bool
    tooltip: str


@dataclass(frozen=True)
class PictureEdge:
    """`label` is the pipeline broken into lines, after the edge's name where it has its own."""

    name: str
    source: str
    target: str
    kind: str
    label: tuple[str, ...]
    tooltip: str


@dataclass(frozen=True)
class Picture:
    """Nodes and edges stand in the graph's canonical order."""

    title: str
    description: str
    summary: str
    nodes: tuple[PictureNode, ...]
    edges: tuple[PictureEdge, ...]

    def kinds(self) -> tuple[str, ...]:
        """The kinds of edge that occur, in the order of the table of styles."""
        return tuple(sorted({edge.kind for edge in self.edges}, key=lambda k: (precedence(k), k)))

    def roles(self) -> tuple[Role, ...]:
        """The roles that occur, in the order of the vocabulary."""
        present = {node.role for node in self.nodes}
        return tuple(r for r in (Role.INPUT, Role.HIDDEN, Role.OUTPUT) if r in present)


def picture(graph: Graph, clamped: Iterable[str] | None = None, description: str = "") -> Picture:
    """The words of a graph's diagram; inputs and outputs are `clamped` unless said otherwise."""
    if clamped is None:
        clamped = graph.with_role(Role.INPUT) + graph.with_role(Role.OUTPUT)
    held = frozenset(clamped)
    return Picture(
        printable(graph.name),
        printable(description),
        _summary(graph),
        tuple(_node(node, graph.is_root(node.name), node.name in held) for node in graph.nodes),
        tuple(_edge(edge) for edge in graph.edges),
    )


def written(shape: Shape) -> str:
    """A shape as diagrams write it: `64`, `28×28×1`; a scalar is `1`."""
    return "×".join(map(str, shape)) or "1"


def _node(node: Node, root: bool, clamped: bool) -> PictureNode:
    parts = [written(node.shape) if node.shape is not None else "?"]
    if not root:  # a root has no prediction, so its activation does nothing
        parts.append(node.activation)
    tooltip = f"{node.name}: {node.role}, shape {parts[0]}"
    if not root:
        tooltip += f", activation {node.activation}"
        if node.energy is not None:
            tooltip += f", energy {node.energy.name}, precision {node.precision:g}"
    if clamped:
        tooltip += ", clamped"
    return PictureNode(
        node.name,
        wrapped_name(printable(node.name)),
        " · ".join(parts),
        node.role,
        clamped,
        printable(tooltip),
    )


def _edge(edge: Edge) -> PictureEdge:
    operators = tuple(operator.name for operator in edge.operators)
    label = wrapped_pipeline(operators)
    if edge.name != f"{edge.source}->{edge.target}":
        label = (*wrapped_name(printable(edge.name), 24), *label)
    tooltip = f"{edge.name}: {edge.kind}, {' → '.join(operators) or 'identity'}"
    if edge.shapes:
        tooltip += f", {written(edge.shapes[0])} → {written(edge.shapes[-1])}"
        tooltip += f", {edge.parameter_count:,} parameters"
    return PictureEdge(
        edge.name, edge.source, edge.target, str(edge.kind), label, printable(tooltip)
    )


def _summary(graph: Graph) -> str:
    words = [_count(len(graph.nodes), "node"), _count(len(graph.edges), "edge")]
    if graph.edges and all(edge.shapes for edge in graph.edges):
        words.append(_count(sum(edge.parameter_count for edge in graph.edges), "parameter"))
    return " · ".join(words)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
