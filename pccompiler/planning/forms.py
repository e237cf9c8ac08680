"""The form that each operator takes on a target."""

from __future__ import annotations

from pccompiler.components.operators import Operator
from pccompiler.components.target import Target
from pccompiler.ir.elements import Edge
from pccompiler.ir.graph import Graph


def in_forms(graph: Graph, target: Target) -> tuple[Graph, dict[str, str]]:
    """The typed graph with every operator in its best form on the target, and the names of the
    forms by edge and operator, where there is a choice."""
    names: dict[str, str] = {}
    edges = tuple(_with_forms(edge, target, names) for edge in graph.edges)
    return (graph.replace(edges=edges) if names else graph), names


def _with_forms(edge: Edge, target: Target, names: dict[str, str]) -> Edge:
    operators: list[Operator] = []
    for position, (operator, shape, output) in enumerate(edge.stages):
        form = operator.form(shape, output, target)
        if form is None:
            operators.append(operator)
            continue
        place = "" if len(edge.operators) == 1 else f" {position + 1}"
        names[f"{edge.name}{place} {operator.name}"] = form
        operators.append(operator.in_form(form))
    return edge.replace(operators=tuple(operators))
