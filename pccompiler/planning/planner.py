"""From a typed graph and a spec to an update plan, before any optimisation.

The unoptimised plan evaluates every term at every step and masks, step by step, the errors
that information has not reached. The plan passes then leave out what is known to be zero and
reuse what cannot have changed; they never change a result.
"""

from __future__ import annotations

from dataclasses import replace

from pccompiler.components.energies import Energy
from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.rules import Moment
from pccompiler.components.target import Target
from pccompiler.diagnostics.diagnostic import SpecError
from pccompiler.ir.copies import Copies, Copy
from pccompiler.ir.coupling import coupling
from pccompiler.ir.graph import Graph
from pccompiler.planning.algorithms import with_algorithms
from pccompiler.planning.phases import (
    AS_PLANNED,
    Situation,
    prediction_phase,
    with_clamps,
    with_steps,
)
from pccompiler.planning.plan import NEVER, PhasePlan, Repeat, Steps, Stretch, UpdatePlan
from pccompiler.planning.refusals import no_fixed_steps, no_loss, no_theory, refuse_unsuitable
from pccompiler.planning.views import network_of
from pccompiler.planning.wave import through_pass_through, wave
from pccompiler.spec.models import InferenceSpec, RunSpec
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
    rule, inference = spec.learning.rule, spec.inference
    held = situation.held
    planner, nudging = _Planner(graph, spec.inference), rule.nudging()
    network = network_of(graph, planner.copies, held)
    if (why := rule.unsuited(network)) and not held:
        raise SpecError(no_theory(rule.name, why, document))
    phases = with_steps(rule.phases(network), spec, document, strict=not held)
    phases = with_clamps(phases, spec, document, held)
    prediction = prediction_phase(graph, spec, situation)
    outputs = tuple(name for name in graph.outputs if name not in prediction.clamped)
    if rule.needs_output() and not outputs and situation == AS_PLANNED:
        raise SpecError(no_loss(rule.name, document, bool(graph.outputs)))
    if (
        prediction.kind is PhaseKind.RELAX
        and inference.stop
        and rule.estimator(network).through_prediction
        and not held
    ):
        how = "differentiates through the relaxation that predicts"
        raise SpecError(no_fixed_steps(rule.name, how, document))
    refuse_unsuitable(graph, spec, document, (*phases, prediction))
    calm = inference.init.at_predictions and not situation.restarted and not held
    calm = calm and not _normalises_in_cycles(graph)
    everywhere = frozenset(planner.copies.variables)
    plans: dict[str, PhasePlan] = {}
    for phase in phases:
        if held:
            disturbed = everywhere
        elif phase.descent.from_predictions:
            disturbed = frozenset()
        elif phase.start:
            disturbed = planner.disturbed_after(plans[phase.start], phase)
        else:
            disturbed = frozenset() if calm else everywhere
        planned = planner.plan(phase, disturbed)
        if phase.start:
            planned = planned.replace(carried=planner.carried(plans[phase.start], planned))
        plans[phase.name] = planned
    own_way = held or situation.chosen or spec.prediction.clamp or spec.prediction.read
    predictor = None if own_way else rule.predicts(network)
    learning_phase: PhasePlan | None = None
    if rule.moment() is Moment.EACH_STEP:
        if inference.stop and not held:
            raise SpecError(no_fixed_steps(rule.name, "learns at every inference step", document))
        [phase] = phases
        learning_phase = _learning(plans[phase.name])
    return UpdatePlan(
        graph=graph,
        phases=tuple(plans.values()),
        estimator=rule.estimator(network),
        reported=rule.reported_phase(),
        prediction=planner.plan(prediction, frozenset() if calm else everywhere),
        read=situation.read or spec.prediction.read or graph.outputs,
        outputs=outputs,
        init=inference.init,
        state_optimizer=inference.optimizer,
        stop=(inference.stop.residual, inference.stop.floor) if inference.stop else None,
        nudging=nudging and replace(nudging, epochs=spec.training.epochs),
        own=rule.own(network),
        learning_phase=learning_phase,
        predictor=predictor,
        theory=rule.theory(network),
        target=target,
        algorithms=algorithms,
    )


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


class _Planner:
    """Plans single phases of a graph, unoptimised."""

    def __init__(self, graph: Graph, inference: InferenceSpec) -> None:
        self.graph = graph
        self.copies = Copies(graph)
        self.until_at_rest = inference.stop is not None
        self.update = inference.update

    def plan(self, phase: Phase, disturbed: frozenset[Copy]) -> PhasePlan:
        """`disturbed` copies may be off their predictions when the phase starts; the error of
        every other free copy is then zero by definition."""
        graph = self.graph
        energies, elsewhere = self._energies(phase)
        held = self._held(phase)
        free = tuple(
            node.name
            for node in graph.variables
            if any((node.name, t) not in held for t in self.copies.times)
        )
        colours = self._colours(phase, free)
        arrival, movement = self._wave(
            phase, energies, elsewhere, free, held, disturbed, in_step=not colours
        )
        steps = phase.steps
        live = tuple(energies)
        rests = self.until_at_rest and free and phase.descent.optimizer is None
        repeat = Repeat.UNTIL_AT_REST if rests else Repeat.COUNTED
        late = {n: arrived for n, arrived in arrival.items() if max(arrived) > 1}
        running = Stretch(1, steps, live, free, frozenset(), repeat, late)
        last = steps + 1
        reached = tuple(n for n in live if min(arrival[n]) <= last)
        partly = {n: arrival[n] for n in reached if max(arrival[n]) > last}
        end = Stretch(last, last, reached, (), frozenset(), Repeat.UNROLLED, partly)
        stretches = (running,) if steps else ()
        return PhasePlan.of(
            phase,
            energies=energies,
            elsewhere=elsewhere,
            free=free,
            arrival=arrival,
            movement=movement,
            stretches=stretches,
            end=end,
            colours=colours,
        )

    def _colours(self, phase: Phase, free: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """The order in which a step moves the free nodes; empty where they move at once."""
        relaxes = phase.kind is PhaseKind.RELAX and not phase.descent.from_predictions
        if not relaxes or not free:
            return ()
        found = coupling(self.graph, self.copies, self.graph.inputs, free)
        groups = self.update.groups(found)
        if groups and sorted(name for group in groups for name in group) != sorted(free):
            raise TypeError(
                f"the update order {self.update.name} groups {groups}, which is not every one of "
                f"the free nodes {free} once"
            )
        return groups

    def disturbed_after(self, earlier: PhasePlan, phase: Phase) -> frozenset[Copy]:
        """The copies that may be off their predictions when a phase follows another.

        Those that information reached in the earlier phase, and, where the two phases do not
        hold the same copies, those next to the difference.
        """
        last = earlier.steps + 1
        reached = {
            (n, t)
            for n, arrived in earlier.arrival.items()
            for t, step in enumerate(arrived)
            if step <= last
        }
        changed = self._held(phase) ^ self._held(earlier)
        after = self.copies.across(changed, self.copies.readers)
        return frozenset(reached | changed).union(after)

    def carried(self, earlier: PhasePlan, plan: PhasePlan) -> frozenset[str]:
        """The edges whose values at the start of an earlier phase hold at the start of this one."""
        graph, clamped = self.graph, set(plan.clamped)
        if earlier.kind is not PhaseKind.FORWARD:  # only what both clamp has stayed
            moved = {*earlier.free, *plan.free, *plan.pulled}
            both = clamped & set(earlier.clamped) - moved
            return frozenset(edge.name for edge in graph.edges if edge.source in both)
        changed = clamped ^ set(earlier.clamped)
        for group in graph.sweep:  # what passes a changed value through changes too
            for name in group:
                sources = {edge.source for edge in graph.forward_edges(name)}
                if graph.node[name].passes_through and sources & changed:
                    changed.add(name)
        return frozenset(edge.name for edge in graph.edges if edge.source not in changed)

    def _held(self, phase: Phase) -> frozenset[Copy]:
        """The copies clamped to data: of an output, those at the times of targets."""
        outputs = self.graph.outputs
        return frozenset(
            (name, t)
            for name in phase.clamped
            for t in self.copies.times
            if name not in outputs or self.copies.targets[t]
        )

    def _energies(self, phase: Phase) -> tuple[dict[str, Energy], dict[str, Energy]]:
        """The energy of every node with a prediction, and of outputs where no target holds."""
        graph, outputs = self.graph, self.graph.outputs
        energies: dict[str, Energy] = {}
        elsewhere: dict[str, Energy] = {}
        for node in graph.variables:
            clamped = node.name in phase.clamped
            fed_back = graph.form.uses_feedback and graph.feedback_edges(node.name)
            if graph.form.undirected:
                if not clamped or graph.edges_into(node.name):
                    energies[node.name] = node.energy
                continue
            if not graph.is_root(node.name):
                energies[node.name] = graph.free_energy(node)
            elif fed_back:
                default = graph.feedback_loss if clamped else graph.free_energy(node)
                energies[node.name] = node.energy if node.chosen else default
            elif node.prior is not None and not clamped:
                energies[node.name] = node.prior.energy
            if clamped and node.name in outputs:
                if not all(self.copies.targets):
                    elsewhere[node.name] = energies[node.name]
                pulled = node.name in phase.pulled  # no target: somewhere on the way there
                target = graph.free_energy(node) if pulled else graph.target_energy(node)
                energies[node.name] = target
        return energies, elsewhere

    def _wave(
        self,
        phase: Phase,
        energies: dict[str, Energy],
        elsewhere: dict[str, Energy],
        free: tuple[str, ...],
        held: frozenset[Copy],
        disturbed: frozenset[Copy],
        in_step: bool,
    ) -> tuple[dict[str, Steps], dict[str, int]]:
        """Arrival by node and time, and movement by node, pass-through ones included.

        Where nodes move one colour after another, a step carries information over several
        edges: every error then counts from the first step.
        """
        graph, copies = self.graph, self.copies
        vanish = graph.form.feedforward_is_minimum and in_step
        vanish = vanish and not any(graph.bounds(name) for name in free)
        vanish = vanish and all(
            elsewhere.get(n, energies[n]).zero_at_prediction for n in free if n in energies
        )
        arrival: dict[str, Steps]
        if phase.kind is PhaseKind.FORWARD:
            arrival = dict.fromkeys(energies, (NEVER,) * graph.copies)
            movement = dict.fromkeys(free, NEVER)
        elif not vanish:
            arrival = dict.fromkeys(energies, (1,) * graph.copies)
            movement = dict.fromkeys(free, 1)
        else:
            priors = {n for n in energies if graph.is_root(n)}
            predicted = [(n, t) for n in energies for t in copies.times if copies.forward[n][t]]
            off = [c for c in predicted if c in held or c in disturbed or c[0] in priors]
            movable = [(n, t) for n in free for t in copies.times if (n, t) not in held]
            pulled = [(n, t) for n in phase.nudged for t in copies.times if copies.targets[t]]
            arrivals, moves = wave(copies, predicted, movable, off, pulled)
            arrival = {
                n: tuple(arrivals.get((n, t), NEVER) for t in copies.times) for n in energies
            }
            movement = {n: min(moves.get((n, t), NEVER) for t in copies.times) for n in free}
        return arrival, movement | through_pass_through(copies, movement)


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
