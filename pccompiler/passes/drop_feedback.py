"""Feedback edges are left out where the energy form has no use for them.

So one network file serves all forms. Predictive coding has no feedback predictions; couplings
that act both ways transpose themselves already, so that only feedback edges with weights of
their own change something. Runs after typing: mistakes on those edges are found whatever the
form. Exact: what is left out is part of no energy.
"""

from __future__ import annotations

from pccompiler.ir.graph import Edge, Graph


def drop_feedback(graph: Graph) -> Graph:
    """The graph without the feedback edges that its form does not use."""
    edges = [edge for edge in graph.edges if not edge.is_feedback or _is_used(graph, edge)]
    return graph if len(edges) == len(graph.edges) else graph.having(graph.nodes, edges)


def _is_used(graph: Graph, edge: Edge) -> bool:
    if not graph.form.undirected:
        return graph.form.uses_feedback
    return not any(operator.is_transpose for operator in edge.operators)
