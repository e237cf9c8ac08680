"""Batch phases: those that differ in the sign or size of beta alone relax as one batch.

Twice the batch in one loop costs less than two loops: a small network does not fill the
machine, and weights are read once. Exact, because samples do not depend on each other; left
alone where an operator normalises by its batch, or where states start at random.
"""

from __future__ import annotations

from dataclasses import replace

from pccompiler.components.phases import PhaseKind
from pccompiler.planning.plan import PhasePlan, UpdatePlan


def batch_phases(plan: UpdatePlan) -> UpdatePlan:
    """The plan with the phases named that relax together."""
    groups: list[list[PhasePlan]] = []
    for phase in plan.phases:
        if phase.kind is PhaseKind.RELAX and _may_join(plan, phase):
            alike = next((g for g in groups if _alike(g[0], phase)), None)
            if alike is not None:
                alike.append(phase)
                continue
        groups.append([phase])
    together = tuple(tuple(p.name for p in g) for g in groups if len(g) > 1)
    return replace(plan, together=together)


def _may_join(plan: UpdatePlan, phase: PhasePlan) -> bool:
    starts_alike = phase.start is not None or not plan.init.draws
    return starts_alike and not any(
        operator.statistics(shape)
        for edge in plan.graph.edges
        for operator, shape, _ in edge.pipeline
    )


def _alike(first: PhasePlan, second: PhasePlan) -> bool:
    return second.replace(name=first.name, beta=first.beta) == first
