"""One inference step as a map of the free states, for those who study its fixed points.

    rest      x -> where each state would rest if all others stayed
    step      x -> what the spec's optimiser makes of it, without memory

Both have the states at rest as fixed points, and are differentiated by JAX like any function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pccompiler.components.state_optimizers import FixedPoint, StateOptimizer
from pccompiler.components.vocabulary import Array, Params
from pccompiler.lowering.equations import Equations
from pccompiler.lowering.relaxation import Relaxation
from pccompiler.lowering.running import held_targets
from pccompiler.lowering.states import States, at_all_times
from pccompiler.planning.plan import Repeat, Stretch, UpdatePlan

StateMap = Callable[[Params, States], States]
"""(parameters, free states) -> free states."""


def rest_map(
    plan: UpdatePlan,
    phase: str,
    states: Mapping[str, Array],
    batch: Mapping[str, Array],
    *,
    step: bool = False,
) -> StateMap:
    """The map of a phase; with `step`, the spec's own step instead of the way to rest.

    `states` are those of all variables, of which the map reads the ones that are not free.
    The phase is taken as synchronous.
    """
    found = plan.phase(phase)
    optimizer: StateOptimizer = plan.state_optimizer if step else FixedPoint()
    whole = Stretch(
        1, 1, tuple(found.energies), found.free, frozenset(), Repeat.UNROLLED, arrivals={}
    )
    given = at_all_times(plan.graph, batch)

    def moved(params: Params, free: States) -> States:
        relaxation = Relaxation(
            replace(plan, state_optimizer=optimizer),
            found.replace(colours=()),
            Equations(plan.copies, params),
            given,
            dict(states),
            {},
            None,
            held_targets(plan, found, given),
            found.beta,
        )
        return relaxation.step(whole, 1, free, relaxation.memory(free))[0]

    return moved
