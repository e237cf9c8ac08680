"""From a typed graph and a spec to an update plan, before any optimisation.

The unoptimised plan evaluates every term at every step and masks, step by step, the errors
that information has not reached. The plan passes then leave out what is known to be zero and
reuse what cannot have changed; they never change a result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pccompiler.components.phases import Phase
from pccompiler.components.rules import Moment
from pccompiler.components.target import Target
from pccompiler.ir.copies import Copies, Copy
from pccompiler.ir.graph import Graph
from pccompiler.planning.algorithms import with_algorithms
from pccompiler.planning.phase_planner import PhasePlanner
from pccompiler.planning.phases import (
    AS_PLANNED,
    Situation,
    prediction_phase,
    with_clamps,
    with_steps,
)
from pccompiler.planning.plan import PhasePlan, UpdatePlan
from pccompiler.planning.refusals import (
    refuse_apart,
    refuse_missing_loss,
    refuse_unsuitable,
    refuse_unsuited_rule,
    refuse_varying_steps,
)
from pccompiler.planning.views import network_of
from pccompiler.spec.models import RunSpec
from pccompiler.spec.tree import Document


def plan_update(
    graph: Graph,
    spec: RunSpec,
    document: Document,
    situation: Situation = AS_PLANNED,
    target: Target | None = None,
) -> UpdatePlan:
    """The plan of a typed graph. Raises SpecError where the spec's phases do not fit."""
    target = target or Target()
    graph, algorithms = with_algorithms(graph, target)
    rule, inference, copies = spec.learning.rule, spec.inference, Copies(graph)
    network = network_of(graph, copies, situation.held)
    if not situation.held:
        refuse_unsuited_rule(rule, network, document)

    phases = with_steps(rule.phases(network), spec, document, strict=not situation.held)
    phases = with_clamps(phases, spec, document, situation.held)
    prediction = prediction_phase(graph, spec, situation)
    outputs = tuple(name for name in graph.outputs if name not in prediction.clamped)
    if not outputs and situation == AS_PLANNED:
        refuse_missing_loss(graph, rule, document)
    estimator, nudging = rule.estimator(network), rule.nudging()
    if inference.stop and not situation.held:
        refuse_varying_steps(rule, estimator, prediction, document)
    refuse_unsuitable(graph, spec, document, (*phases, prediction))

    planner = PhasePlanner(copies, inference)
    everywhere = frozenset(copies.variables)
    at_start = frozenset[Copy]() if _starts_at_predictions(graph, spec, situation) else everywhere
    plans = _in_turn(planner, phases, everywhere if situation.held else None, at_start)
    prediction = planner.plan(prediction, at_start)
    refuse_apart((*plans, prediction), spec, document)
    own_way = situation.held or situation.chosen or spec.prediction.clamp or spec.prediction.read
    return UpdatePlan(
        graph=graph,
        phases=plans,
        estimator=estimator,
        reported=rule.reported_phase(),
        prediction=prediction,
        read=situation.read or spec.prediction.read or graph.outputs,
        outputs=outputs,
        init=inference.init,
        state_optimizer=inference.optimizer,
        stop=(inference.stop.residual, inference.stop.floor) if inference.stop else None,
        nudging=nudging and replace(nudging, epochs=spec.training.epochs),
        own=rule.own(network),
        learning_phase=_learning(*plans) if rule.moment() is Moment.EACH_STEP else None,
        predictor=None if own_way else rule.predicts(network),
        theory=rule.theory(network),
        target=target,
        algorithms=algorithms,
    )


def _starts_at_predictions(graph: Graph, spec: RunSpec, situation: Situation) -> bool:
    """Whether every free state of a first phase begins at its prediction."""
    begins = spec.inference.init.at_predictions and not situation.restarted and not situation.held
    return begins and not _normalises_in_cycles(graph)


def _in_turn(
    planner: PhasePlanner,
    phases: Iterable[Phase],
    always_off: frozenset[Copy] | None,
    at_start: frozenset[Copy],
) -> tuple[PhasePlan, ...]:
    """The plans of phases that follow each other. `at_start` copies may be off their predictions
    where inference starts, `always_off` ones, if given, at the start of every phase."""
    plans: dict[str, PhasePlan] = {}
    for phase in phases:
        earlier = plans[phase.start] if phase.start else None
        if always_off is not None:
            off = always_off
        elif phase.descent.from_predictions:
            off = frozenset[Copy]()
        else:
            off = planner.off_after(earlier, phase) if earlier else at_start
        plan = planner.plan(phase, off)
        if earlier:
            plan = plan.replace(carried=planner.carried(earlier, plan))
        plans[phase.name] = plan
    return tuple(plans.values())


def _learning(plan: PhasePlan) -> PhasePlan:
    """A phase in which parameters learn at every step.

    After a feedforward start, the errors that information has not reached are zero by definition
    at the first step; from the second one on every prediction may have changed.
    """
    arrival = {n: tuple(min(step, 2) for step in steps) for n, steps in plan.arrival.items()}
    late = {n: steps for n, steps in arrival.items() if max(steps) > 1}
    [running] = plan.stretches
    whole = replace(running, arrivals=late)
    end = replace(plan.end, live=tuple(plan.energies), arrivals={})
    movement = dict.fromkeys(plan.movement, 1)
    return plan.replace(arrival=arrival, movement=movement, stretches=(whole,), end=end)


def _normalises_in_cycles(graph: Graph) -> bool:
    """Whether a cycle through time has an edge that normalises by its batch: the feedforward
    pass takes the copies of its nodes one by one, and so knows other statistics than a
    relaxation, in which all copies are one batch."""
    group = {name: i for i, names in enumerate(graph.sweep) for name in names}
    return any(
        group[edge.source] == group[edge.target]
        and any(operator.statistics(shape) for operator, shape, _ in edge.pipeline)
        for edge in graph.edges
        if not edge.is_feedback
    )
