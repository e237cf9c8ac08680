"""Wavefront: the first inference steps compute only what information has reached.

After a feedforward start every error but that of the clamped or nudged outputs is zero, and
one step carries information over one edge. So the first steps are cut off and written out one
by one: each evaluates only the energies that are live, updates only the nodes that move, and
reuses the predictions whose sources still stand where the feedforward pass left them.

Exact, because every state optimiser declares that without gradients since the start a state
stays where it is (`still_at_zero`). An optimiser that compares energies elsewhere
(`looks_ahead`) needs all terms at every step, and nothing is cut off for it.
"""

from __future__ import annotations

from pccompiler.components.state_optimizers import StateOptimizer
from pccompiler.ir.graph import Graph
from pccompiler.planning.plan import NEVER, PhasePlan, Repeat, Stretch

LONGEST_FRONT = 12
"""Steps written out at most: beyond that the program's size would outweigh the saved work."""


def wavefront(graph: Graph, optimizer: StateOptimizer, plan: PhasePlan) -> PhasePlan:
    """Cuts the steps before information has reached every node into stretches of one step."""
    if len(plan.stretches) != 1 or not optimizer.still_at_zero or optimizer.looks_ahead:
        return plan
    [running] = plan.stretches
    arrivals = [step for steps in plan.arrival.values() for step in steps]
    reach = [step for step in (*arrivals, *plan.movement.values()) if step < NEVER]
    front = min(max(reach, default=0), running.last, LONGEST_FRONT)
    if running.repeat is not Repeat.COUNTED or front <= 1:
        return plan
    stretches = [_narrowed(graph, plan, running, t, t) for t in range(1, front)]
    stretches.append(_narrowed(graph, plan, running, front, running.last))
    end = _narrowed(graph, plan, plan.end, plan.end.first, plan.end.last)
    return plan.replace(stretches=tuple(stretches), end=end)


def _narrowed(graph: Graph, plan: PhasePlan, whole: Stretch, first: int, last: int) -> Stretch:
    """The steps `first` to `last` of a stretch, with what is zero left out."""
    live = tuple(n for n in whole.live if plan.first_arrival(n) <= last)
    feeding = graph.feeding(live)
    unmoved = frozenset(
        edge.name
        for edge in graph.edges
        if edge.name in feeding and plan.movement.get(edge.source, NEVER) >= last
    )
    return Stretch(
        first,
        last,
        live,
        moving=tuple(n for n in whole.moving if plan.movement[n] <= last),
        reused=whole.reused & feeding | unmoved,
        repeat=Repeat.UNROLLED if first == last else whole.repeat,
        arrivals={n: s for n, s in whole.arrivals.items() if n in live and max(s) > first},
    )
