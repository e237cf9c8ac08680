"""From a typed graph and a spec to an update plan, before any optimisation.

The unoptimised plan evaluates every term at every step and masks, step by step, the errors
that information has not reached. The plan passes then leave out what is known to be zero and
reuse what cannot have changed; they never change a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from pccompiler.components.energies import Energy
from pccompiler.components.rules import RULES
from pccompiler.components.state_inits import Feedforward
from pccompiler.components.vocabulary import Network, Phase, PhaseKind
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.ir.graph import Graph
from pccompiler.lowering.plan import NEVER, Form, PhasePlan, Stretch, UpdatePlan
from pccompiler.spec.models import RunSpec
from pccompiler.spec.tree import Document, dotted


def plan_update(
    graph: Graph,
    spec: RunSpec,
    document: Document,
    held: frozenset[str] = frozenset(),
    restarted: bool = False,
) -> UpdatePlan:
    """The plan of a typed graph. Raises SpecError where the spec's phases do not fit.

    `held` nodes are fixed in part by the caller: they are free, but with some of their
    entries held, so the feedforward pass is no equilibrium and no error is known to vanish.
    `restarted`: the caller says where relaxation starts.
    """
    rule = spec.learning.rule
    if rule.needs_output() and not graph.network.outputs:
        raise SpecError(_no_loss(rule.name, document))
    relaxes = _prediction_phase(graph.network, spec).kind is PhaseKind.RELAX
    if relaxes and spec.inference.stop and not rule.estimator().energy_phases:
        raise SpecError(_no_fixed_steps(rule.name, document))
    inference, network = spec.inference, _network_without(graph.network, held)
    phases = _with_steps(rule.phases(network), spec, document, strict=not held)
    everywhere = frozenset(node.name for node in graph.nodes)
    at_prediction = isinstance(inference.init, Feedforward) and not restarted and not held
    disturbed = frozenset[str]() if at_prediction else everywhere
    plan = partial(plan_phase, graph, until_settled=inference.stop is not None)
    plans: dict[str, PhasePlan] = {}
    for phase in phases:
        earlier = plans[phase.start] if phase.start else None
        off = _disturbed_after(graph, earlier, phase) if earlier else disturbed
        plans[phase.name] = plan(phase, everywhere if held else off)
    return UpdatePlan(
        graph=graph,
        phases=tuple(plans.values()),
        estimator=rule.estimator(),
        reported=rule.reported_phase(),
        prediction=plan(_prediction_phase(network, spec), disturbed),
        outputs=graph.network.outputs,
        init=inference.init,
        state_optimizer=inference.optimizer,
        stop=(inference.stop.residual, inference.stop.floor) if inference.stop else None,
    )


def plan_phase(
    graph: Graph,
    phase: Phase,
    disturbed: frozenset[str],
    until_settled: bool,
) -> PhasePlan:
    """One phase, unoptimised.

    `disturbed` nodes may be off their predictions when the phase starts; the error of every
    other free node is then zero by definition.
    """
    energies = _energies(graph, phase)
    free = tuple(n.name for n in graph.nodes if n.name not in phase.clamped)
    vanish = all(energies[n].zero_at_prediction for n in free if n in energies)
    if phase.kind is PhaseKind.FORWARD:
        arrival = dict.fromkeys(energies, NEVER)
        movement = dict.fromkeys(free, NEVER)
    elif vanish:
        arrival, movement = _wave(graph, phase, energies, free, disturbed)
    else:
        arrival = dict.fromkeys(energies, 1)
        movement = dict.fromkeys(free, 1)
    steps = phase.steps
    live = tuple(energies)
    form = Form.UNTIL_SETTLED if until_settled and free else Form.LOOP
    late = {n: step for n, step in arrival.items() if step > 1}
    running = Stretch(1, steps, live, free, frozenset(), form, late)
    reached = tuple(n for n in live if arrival[n] <= steps + 1)
    settled = Stretch(steps + 1, steps + 1, reached, (), frozenset(), Form.UNROLLED, {})
    stretches = (running,) if steps else ()
    return PhasePlan(phase, energies, free, arrival, movement, stretches, settled)


def _energies(graph: Graph, phase: Phase) -> dict[str, Energy]:
    """The energy of every node that has a prediction; a clamped output's is the loss."""
    return {
        node.name: graph.loss
        if node.name in phase.clamped and node.name in graph.network.outputs
        else node.energy
        for node in graph.nodes
        if node.energy is not None
    }


def _disturbed_after(graph: Graph, earlier: PhasePlan, phase: Phase) -> frozenset[str]:
    """The nodes that may be off their predictions when a phase follows another.

    Those that information reached in the earlier phase, and, where the two phases do not
    clamp the same nodes, the nodes next to the difference.
    """
    reached = {n for n, step in earlier.arrival.items() if step <= earlier.phase.steps + 1}
    changed = set(phase.clamped) ^ set(earlier.phase.clamped)
    after_change = {edge.target for edge in graph.edges if edge.source in changed}
    return frozenset(reached | changed | after_change)


def _wave(
    graph: Graph,
    phase: Phase,
    energies: Mapping[str, Energy],
    free: tuple[str, ...],
    disturbed: frozenset[str],
) -> tuple[dict[str, int], dict[str, int]]:
    """When errors appear and states first move.

    The error of a clamped or disturbed node is there at step 1. A free node moves at the end
    of the first step at which its own error or that of a successor is there (a nudged one at
    step 1), and a move makes the errors of the node and of its successors appear one step
    later.
    """
    sources: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    targets: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
        targets[edge.source].append(edge.target)
    arrival = dict.fromkeys(energies, NEVER)
    movement = dict.fromkeys(free, NEVER)
    arriving = [n for n in energies if n in phase.clamped or n in disturbed]
    pulled = list(phase.nudged)
    step = 1
    while arriving or pulled:
        arrival.update(dict.fromkeys(arriving, step))
        stirred = [*pulled, *(m for n in arriving for m in (n, *sources[n]))]
        moving = [m for m in dict.fromkeys(stirred) if movement.get(m) == NEVER]
        movement.update(dict.fromkeys(moving, step))
        touched = (n for m in moving for n in (m, *targets[m]))
        arriving = [n for n in dict.fromkeys(touched) if arrival.get(n) == NEVER]
        pulled = []
        step += 1
    return arrival, movement


def _network_without(network: Network, held: frozenset[str]) -> Network:
    """What a rule may clamp when the caller holds some nodes."""
    if not held:
        return network
    return Network(
        tuple(n for n in network.inputs if n not in held),
        tuple(n for n in network.outputs if n not in held),
        feedforward_is_equilibrium=False,
    )


def _with_steps(
    phases: tuple[Phase, ...], spec: RunSpec, document: Document, strict: bool
) -> tuple[Phase, ...]:
    """The phases with the spec's steps; `strict`: it must name all of them, and no others."""
    steps = spec.inference.steps
    relaxing = [phase.name for phase in phases if phase.kind is PhaseKind.RELAX]
    if isinstance(steps, int):
        given = dict.fromkeys(relaxing, steps)
    elif not strict:
        given = {name: steps.get(name, max(steps.values())) for name in relaxing}
    else:
        given = steps
        known = sorted({name for member in RULES for name in member.phase_names})
        problems = [
            _steps_problem(f"no rule has a phase `{name}`", document, name, known)
            for name in steps
            if name not in known
        ]
        problems += [
            _steps_problem(f"the phase `{name}` has no number of steps", document, None, [name])
            for name in relaxing
            if name not in steps
        ]
        if problems:
            raise SpecError(problems)
    return tuple(
        Phase(p.name, p.kind, p.clamped, p.nudged, p.beta, p.start, given[p.name])
        if p.kind is PhaseKind.RELAX
        else p
        for p in phases
    )


def _prediction_phase(network: Network, spec: RunSpec) -> Phase:
    """The phase that predicts: only the inputs are clamped."""
    chosen = spec.prediction
    forward = chosen.method == "feedforward" or (
        chosen.method == "auto" and network.feedforward_is_equilibrium
    )
    if forward:
        return Phase("prediction", PhaseKind.FORWARD, network.inputs)
    steps = spec.inference.steps
    if not isinstance(steps, int):
        steps = steps.get("free", max(steps.values()))
    return Phase("prediction", PhaseKind.RELAX, network.inputs, steps=chosen.steps or steps)


def _no_loss(rule: str, document: Document) -> Diagnostic:
    path = ("learning", "rule")
    return Diagnostic(
        "PC314",
        f"the rule {rule} needs a loss, but no node has role: output",
        document.span(path),
        path=dotted(path),
        help="give the node that has targets `role: output`, or use predictive_coding",
    )


def _no_fixed_steps(rule: str, document: Document) -> Diagnostic:
    path = ("inference", "stop")
    return Diagnostic(
        "PC317",
        f"the rule {rule} differentiates through the relaxation that predicts, which needs a "
        "fixed number of steps",
        document.span(path),
        path=dotted(path),
        help="remove inference.stop, or clamp every root so that a feedforward pass predicts",
    )


def _steps_problem(
    message: str, document: Document, name: str | None, known: list[str]
) -> Diagnostic:
    path = ("inference", "steps") if name is None else ("inference", "steps", name)
    help = suggestion(name, known) if name else f"add it: steps: {{{known[0]}: 20}}"
    span = document.span(path, key=name is not None)
    return Diagnostic("PC310", message, span, path=dotted(path), help=help)
