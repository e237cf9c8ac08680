"""Invariants of the update plan, checked after planning and after every plan pass."""

from __future__ import annotations

from collections.abc import Iterator

from pccompiler.ir.graph import Graph
from pccompiler.ir.verify import CompilerBugError
from pccompiler.planning.plan import NEVER, PhasePlan, Stretch, UpdatePlan
from pccompiler.planning.print import print_plan


def verify_plan(plan: UpdatePlan, after: str) -> None:
    """Raises CompilerBugError if the plan may compute something other than the energy asks for."""
    for phase in (*plan.phases, plan.prediction):
        for invariant in _broken(plan.graph, phase):
            raise CompilerBugError(after, f"{invariant} ({phase.name})", None, print_plan(plan))


def _broken(graph: Graph, phase: PhasePlan) -> Iterator[str]:
    expected = 1
    for stretch in phase.stretches:
        if stretch.first != expected or stretch.last < stretch.first:
            yield "the stretches cover every step once, in order"
        expected = stretch.last + 1
        yield from _broken_stretch(graph, phase, stretch)
    if expected != phase.steps + 1:
        yield "the stretches cover every step once, in order"
    yield from _broken_stretch(graph, phase, phase.end)


def _broken_stretch(graph: Graph, phase: PhasePlan, stretch: Stretch) -> Iterator[str]:
    reached = {n for n in phase.energies if phase.first_arrival(n) <= stretch.last}
    if not reached <= set(stretch.live):
        yield "every energy that information has reached is live"
    for node in stretch.live:
        if max(phase.arrival[node]) > stretch.first and node not in stretch.arrivals:
            yield f"the error of {node} is masked until information reaches it"
    moving = {n for n in phase.free if phase.movement[n] <= stretch.last}
    if stretch is not phase.end and not moving <= set(stretch.moving):
        yield "every node that information has reached moves"
    for edge in stretch.reused:
        if phase.movement.get(graph.edge[edge].source, NEVER) < stretch.last:
            yield f"the source of the reused edge {edge} has not moved"
