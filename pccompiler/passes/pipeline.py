"""The pipeline: which passes there are, and why they run in this order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pccompiler.components.state_optimizers import StateOptimizer
from pccompiler.ir.graph import Graph
from pccompiler.passes.batch_phases import batch_phases
from pccompiler.passes.drop_feedback import drop_feedback
from pccompiler.passes.hoist import hoist_constant_predictions
from pccompiler.passes.infer_shapes import infer_shapes
from pccompiler.passes.join_laterals import join_laterals
from pccompiler.passes.reject_cycles import reject_cycles
from pccompiler.passes.wavefront import wavefront
from pccompiler.planning.plan import PhasePlan, UpdatePlan


@dataclass(frozen=True)
class GraphPass:
    """A name and a pure function graph -> graph. It raises SpecError on a user's mistake."""

    name: str
    run: Callable[[Graph], Graph]


@dataclass(frozen=True)
class PlanPass:
    """A name and a pure function plan -> plan. It never changes a result."""

    name: str
    run: Callable[[UpdatePlan], UpdatePlan]


def _each_phase(
    change: Callable[[Graph, StateOptimizer, PhasePlan], PhasePlan],
) -> Callable[[UpdatePlan], UpdatePlan]:
    """A change of single phases as one of the plan, the predicting phase included."""
    return lambda plan: plan.map_phases(partial(change, plan.graph, plan.state_optimizer))


GRAPH_PASSES: tuple[GraphPass, ...] = (
    # first, because everything after it walks the graph in forward order
    GraphPass("reject_cycles", reject_cycles),
    # then every edge can be typed from its source's shape
    GraphPass("infer_shapes", infer_shapes),
    # after typing, so that mistakes on feedback edges are found under every form
    GraphPass("drop_feedback", drop_feedback),
    # after typing: it introduces Lateral, which typing cannot type
    GraphPass("join_laterals", join_laterals),
)

PLAN_PASSES: tuple[PlanPass, ...] = (
    # before the wavefront, whose stretches inherit the hoisted edges
    PlanPass("hoist", _each_phase(lambda graph, _, plan: hoist_constant_predictions(graph, plan))),
    # it cuts the steps apart, and later passes that change steps would have to visit each stretch
    PlanPass("wavefront", _each_phase(wavefront)),
    # last: it compares whole phases, as they will run
    PlanPass("batch_phases", batch_phases),
)

STAGES: tuple[str, ...] = (
    "build",
    *(p.name for p in GRAPH_PASSES),
    "plan",
    *(p.name for p in PLAN_PASSES),
)
"""Everything that `--print-after` can show, in order."""

OPTIONAL: tuple[str, ...] = tuple(p.name for p in PLAN_PASSES)
"""Passes that `--disable` may leave out."""
