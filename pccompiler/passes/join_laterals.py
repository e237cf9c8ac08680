"""A coupling of a node to itself counts every pair of units once and no unit with itself.

Valid after: the operator on such an edge of an undirected form is the `lateral` one of what the
spec names.
"""

from __future__ import annotations

from pccompiler.ir.graph import Edge, Graph


def join_laterals(graph: Graph) -> Graph:
    """The graph with the operators of its lateral edges replaced, if its form couples."""
    if not graph.form.undirected:
        return graph
    return graph.having(graph.nodes, [_joined(edge) for edge in graph.edges])


def _joined(edge: Edge) -> Edge:
    if edge.source != edge.target:
        return edge
    joined = edge.operators[0].lateral()
    return edge if joined is None else edge.replace(operators=(joined,))
