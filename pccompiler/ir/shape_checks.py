"""Errors of a network whose shapes are known."""

from __future__ import annotations

from collections.abc import Iterator

from pccompiler.components.energies import Energy
from pccompiler.components.operators import Operator
from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.ir.copies import Copies
from pccompiler.ir.graph import Edge, Graph, Node


def shape_mistakes(graph: Graph, batch_size: int | None) -> list[Diagnostic]:
    """All errors in the shapes of a typed graph, for batches of this size."""
    problems = list(_single_classes(graph))
    starved = single_value(graph, batch_size) if batch_size is not None else None
    if starved is not None:
        problems.append(_starved(*starved))
    return problems


def single_value(graph: Graph, batch_size: int) -> tuple[Edge, Operator] | None:
    """The first operator whose statistics of a batch are over one value each, and its edge.

    Samples, positions and times count together.
    """
    copies = Copies(graph)
    for edge in graph.edges:
        for operator, shape, _ in edge.pipeline:
            if not operator.statistics(shape):
                continue
            times = sum(copies.terms[edge.name])
            if 0 < batch_size * times * operator.values_per_sample(shape) < 2:
                return edge, operator
    return None


def _single_classes(graph: Graph) -> Iterator[Diagnostic]:
    """Distributions over classes of which there is only one."""
    for node in graph.nodes:
        if not node.shape or node.shape[-1] > 1:
            continue
        for use, energy in _energies(graph, node):
            if energy.over_classes:
                yield Diagnostic(
                    "PC332",
                    f"the {use} {energy.name} of `{node.name}` is a distribution over its last "
                    "axis, which has a single entry: that one always has probability one, so "
                    "nothing can be learned",
                    node.span,
                    path=f"nodes.{node.name}",
                    help=f"for two classes give `{node.name}` an axis of two; for one unit that "
                    "is on or off write energy: bernoulli on the node; for a number use the "
                    "squared error",
                )


def _energies(graph: Graph, node: Node) -> Iterator[tuple[str, Energy]]:
    """The energies of a node that edges predict, each with its name in messages."""
    if node.role is Role.OUTPUT:
        energy = graph.target_energy(node)
        yield "loss" if energy is graph.loss else "energy", energy
    elif node.chosen and graph.edges_into(node.name):
        yield "energy", node.energy
    elif graph.form.uses_feedback and graph.is_root(node.name) and graph.feedback_edges(node.name):
        yield "feedback loss", graph.feedback_loss


def _starved(edge: Edge, operator: Operator) -> Diagnostic:
    return Diagnostic(
        "PC333",
        f"{operator.name} on edge `{edge.name}` normalises by statistics of the batch, but in "
        "batches of one sample each of them is over a single value, which is its own mean",
        edge.operator_span or edge.span,
        path=f"edges.{edge.name}",
        help="set data.batch_size to 2 or more, or normalise the sample itself: layer_norm",
    )
