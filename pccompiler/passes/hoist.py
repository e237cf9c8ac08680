"""Hoist constant predictions: an edge whose source is clamped has one value per phase.

Its value is computed once, at the start of the phase, and reused at every inference step.
Exact: the same operations on the same numbers.
"""

from __future__ import annotations

from dataclasses import replace

from pccompiler.ir.graph import Graph
from pccompiler.lowering.plan import PhasePlan


def hoist_constant_predictions(graph: Graph, plan: PhasePlan) -> PhasePlan:
    """Marks edges from clamped nodes as reused in every stretch."""
    constant = frozenset(edge.name for edge in graph.edges if edge.source in plan.phase.clamped)
    return plan.replace(
        stretches=tuple(replace(s, reused=s.reused | constant) for s in plan.stretches),
        settled=replace(plan.settled, reused=plan.settled.reused | constant),
    )
