"""The algorithm that computes each operator on a target."""

from __future__ import annotations

from pccompiler.components.operators import Operator
from pccompiler.components.target import Target
from pccompiler.ir.elements import Edge
from pccompiler.ir.graph import Graph


def with_algorithms(graph: Graph, target: Target) -> tuple[Graph, dict[str, str]]:
    """The typed graph with every operator computed by the algorithm that is best on the target,
    and the names of the algorithms by edge and operator, where there is a choice."""
    names: dict[str, str] = {}
    edges = tuple(_with_algorithms(edge, target, names) for edge in graph.edges)
    return (graph.replace(edges=edges) if names else graph), names


def _with_algorithms(edge: Edge, target: Target, names: dict[str, str]) -> Edge:
    operators: list[Operator] = []
    for position, (operator, shape, output) in enumerate(edge.pipeline):
        algorithm = operator.algorithm(shape, output, target)
        if algorithm is None:
            operators.append(operator)
            continue
        place = "" if len(edge.operators) == 1 else f" {position + 1}"
        names[f"{edge.name}{place} {operator.name}"] = algorithm
        operators.append(operator.computed_by(algorithm))
    return edge.replace(operators=tuple(operators))
