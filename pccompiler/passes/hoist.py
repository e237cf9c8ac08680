"""Hoist constant predictions: an edge whose source is clamped has one value per phase.

Its value is computed once, at the start of the phase, and reused at every inference step.
Exact: the same operations on the same numbers.
"""

from __future__ import annotations

from dataclasses import replace

from pccompiler.ir.graph import Graph
from pccompiler.planning.plan import PhasePlan


def hoist_constant_predictions(graph: Graph, plan: PhasePlan) -> PhasePlan:
    """Marks edges from constant nodes as reused in every stretch.

    A node is constant if it is clamped, or passes through the predictions of constant nodes.
    """
    constant = set(plan.clamped) - set(plan.free)
    for group in graph.sweep:
        for name in group:
            sources = {edge.source for edge in graph.forward_edges(name)}
            if graph.node[name].passes_through and sources <= constant:
                constant.add(name)
    edges = frozenset(edge.name for edge in graph.edges if edge.source in constant)
    return plan.replace(
        stretches=tuple(replace(s, reused=s.reused | edges) for s in plan.stretches),
        end=replace(plan.end, reused=plan.end.reused | edges),
    )
