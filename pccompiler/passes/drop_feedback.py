"""Feedback edges are left out where the energy form has no feedback predictions.

So one network file serves all forms. Runs after typing: mistakes on those edges are found
whatever the form. Exact: what is left out is part of no energy.
"""

from __future__ import annotations

from pccompiler.ir.graph import Graph


def drop_feedback(graph: Graph) -> Graph:
    """The graph without its feedback edges, if its form does not use them."""
    if graph.form.uses_feedback:
        return graph
    return graph.having(graph.nodes, [edge for edge in graph.edges if not edge.is_feedback])
