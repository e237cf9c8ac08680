"""A coupling of a node to itself counts every pair of units once and no unit with itself.

Valid after: the dense operator on such an edge of an undirected form is `Lateral`.
"""

from __future__ import annotations

from pccompiler.components.operators import Dense
from pccompiler.components.operators.lateral import Lateral
from pccompiler.ir.graph import Edge, Graph


def join_laterals(graph: Graph) -> Graph:
    """The graph with the operators of its lateral edges replaced, if its form couples."""
    if not graph.form.undirected:
        return graph
    return graph.having(graph.nodes, [_joined(edge) for edge in graph.edges])


def _joined(edge: Edge) -> Edge:
    [*rest] = edge.operators
    if edge.source != edge.target or not isinstance(rest[0], Dense):
        return edge
    return edge.replace(operators=(Lateral(inner=rest[0]),))
