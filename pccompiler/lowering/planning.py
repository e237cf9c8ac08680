"""From a typed graph and a spec to an update plan, before any optimisation.

The unoptimised plan evaluates every term at every step and masks, step by step, the errors
that information has not reached. The plan passes then leave out what is known to be zero and
reuse what cannot have changed; they never change a result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pccompiler.components.energies import Energy
from pccompiler.components.rules import RULES
from pccompiler.components.state_inits import Feedforward
from pccompiler.components.vocabulary import Network, Phase, PhaseKind
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.ir.copies import Copies, Copy
from pccompiler.ir.graph import Graph
from pccompiler.lowering.plan import NEVER, Form, PhasePlan, Steps, Stretch, UpdatePlan
from pccompiler.lowering.wave import through_pass_through, wave
from pccompiler.spec.models import RunSpec
from pccompiler.spec.tree import Document, KeyPath, dotted


@dataclass(frozen=True)
class Situation:
    """What a caller of the compiled model changes about the phases.

    `held` nodes are fixed in part: they are free, but with some of their entries held, so the
    feedforward pass is no equilibrium and no error is known to vanish. `restarted`: the caller
    says where relaxation starts. `clamped` and `read` replace what prediction holds at data
    and what it is read from.
    """

    held: frozenset[str] = frozenset()
    restarted: bool = False
    clamped: tuple[str, ...] | None = None
    read: tuple[str, ...] | None = None


AS_PLANNED = Situation()
"""The phases as spec and rule lay them out."""


def plan_update(
    graph: Graph,
    spec: RunSpec,
    document: Document,
    situation: Situation = AS_PLANNED,
) -> UpdatePlan:
    """The plan of a typed graph. Raises SpecError where the spec's phases do not fit."""
    rule, inference = spec.learning.rule, spec.inference
    if rule.needs_output() and not graph.network.outputs:
        raise SpecError(_no_loss(rule.name, document))
    held = situation.held
    network = _network_without(graph.network, held)
    phases = _with_steps(rule.phases(network), spec, document, strict=not held)
    phases = _with_clamps(phases, spec, document, held)
    prediction = _prediction_phase(graph, spec, situation)
    if (
        prediction.kind is PhaseKind.RELAX
        and inference.stop
        and not rule.estimator().energy_phases
        and not held
    ):
        raise SpecError(_no_fixed_steps(rule.name, document))
    _refuse_unsuitable(graph, spec, document, (*phases, prediction))
    planner = _Planner(graph, inference.stop is not None)
    calm = isinstance(inference.init, Feedforward) and not situation.restarted and not held
    everywhere = frozenset(planner.copies.sources)
    plans: dict[str, PhasePlan] = {}
    for phase in phases:
        if held:
            disturbed = everywhere
        elif phase.start:
            disturbed = planner.disturbed_after(plans[phase.start], phase)
        else:
            disturbed = frozenset() if calm else everywhere
        plans[phase.name] = planner.plan(phase, disturbed)
    return UpdatePlan(
        graph=graph,
        phases=tuple(plans.values()),
        estimator=rule.estimator(),
        reported=rule.reported_phase(),
        prediction=planner.plan(prediction, frozenset() if calm else everywhere),
        read=situation.read or spec.prediction.read or graph.network.outputs,
        outputs=graph.network.outputs,
        init=inference.init,
        state_optimizer=inference.optimizer,
        stop=(inference.stop.residual, inference.stop.floor) if inference.stop else None,
    )


class _Planner:
    """Plans single phases of a graph, unoptimised."""

    def __init__(self, graph: Graph, until_settled: bool) -> None:
        self.graph = graph
        self.copies = Copies(graph)
        self.until_settled = until_settled

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
        arrival, movement = self._wave(phase, energies, elsewhere, free, held, disturbed)
        steps = phase.steps
        live = tuple(energies)
        form = Form.UNTIL_SETTLED if self.until_settled and free else Form.LOOP
        late = {n: arrived for n, arrived in arrival.items() if max(arrived) > 1}
        running = Stretch(1, steps, live, free, frozenset(), form, late)
        end = steps + 1
        reached = tuple(n for n in live if min(arrival[n]) <= end)
        partly = {n: arrival[n] for n in reached if max(arrival[n]) > end}
        settled = Stretch(end, end, reached, (), frozenset(), Form.UNROLLED, partly)
        stretches = (running,) if steps else ()
        return PhasePlan(phase, energies, elsewhere, free, arrival, movement, stretches, settled)

    def disturbed_after(self, earlier: PhasePlan, phase: Phase) -> frozenset[Copy]:
        """The copies that may be off their predictions when a phase follows another.

        Those that information reached in the earlier phase, and, where the two phases do not
        hold the same copies, those next to the difference.
        """
        last = earlier.phase.steps + 1
        reached = {
            (n, t)
            for n, arrived in earlier.arrival.items()
            for t, step in enumerate(arrived)
            if step <= last
        }
        changed = self._held(phase) ^ self._held(earlier.phase)
        after = {c for c, sources in self.copies.sources.items() if changed & set(sources)}
        return frozenset(reached | changed | after)

    def _held(self, phase: Phase) -> frozenset[Copy]:
        """The copies held at data: of an output, those at the times of targets."""
        outputs = self.graph.network.outputs
        return frozenset(
            (name, t)
            for name in phase.clamped
            for t in self.copies.times
            if name not in outputs or self.copies.targets[t]
        )

    def _energies(self, phase: Phase) -> tuple[dict[str, Energy], dict[str, Energy]]:
        """The energy of every node with a prediction, and of outputs where no target holds."""
        graph, outputs = self.graph, self.graph.network.outputs
        energies: dict[str, Energy] = {}
        elsewhere: dict[str, Energy] = {}
        for node in graph.variables:
            clamped = node.name in phase.clamped
            fed_back = graph.form.uses_feedback and graph.feedback(node.name)
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
                energies[node.name] = graph.target_energy(node)
        return energies, elsewhere

    def _wave(
        self,
        phase: Phase,
        energies: dict[str, Energy],
        elsewhere: dict[str, Energy],
        free: tuple[str, ...],
        held: frozenset[Copy],
        disturbed: frozenset[Copy],
    ) -> tuple[dict[str, Steps], dict[str, int]]:
        """Arrival by node and time, and movement by node, pass-through ones included."""
        graph, copies = self.graph, self.copies
        vanish = graph.form.feedforward_is_minimum and all(
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
        replace(phase, steps=given[phase.name]) if phase.kind is PhaseKind.RELAX else phase
        for phase in phases
    )


def _with_clamps(
    phases: tuple[Phase, ...], spec: RunSpec, document: Document, held: frozenset[str]
) -> tuple[Phase, ...]:
    """The phases with the nodes that the spec holds in them."""
    chosen = spec.inference.clamp
    known = sorted({name for member in RULES for name in member.phase_names})
    path = ("inference", "clamp")
    problems = [
        _phase_problem(f"no rule has a phase `{name}`", document, (*path, name), name, known)
        for name in chosen
        if name not in known
    ]
    if problems:
        raise SpecError(problems)

    def with_clamp(phase: Phase) -> Phase:
        if phase.name not in chosen:
            return phase
        clamped = tuple(dict.fromkeys(n for n in chosen[phase.name] if n not in held))
        nudged = tuple(n for n in phase.nudged if n not in clamped)
        # with other nodes held, the feedforward pass need not be the equilibrium
        kind = phase.kind if set(clamped) == set(phase.clamped) else PhaseKind.RELAX
        steps = phase.steps or _default_steps(spec)
        return replace(
            phase,
            clamped=clamped,
            nudged=nudged,
            kind=kind,
            steps=steps if kind is PhaseKind.RELAX else 0,
        )

    return tuple(with_clamp(phase) for phase in phases)


def _default_steps(spec: RunSpec) -> int:
    """The steps of a relaxing prediction that gives none of its own."""
    steps = spec.inference.steps
    return steps if isinstance(steps, int) else steps.get("free", max(steps.values()))


def _prediction_phase(graph: Graph, spec: RunSpec, situation: Situation) -> Phase:
    """The phase that predicts: only the inputs are clamped, or what spec or caller say."""
    chosen = spec.prediction
    clamped = situation.clamped
    if clamped is None:
        clamped = chosen.clamp if chosen.clamp is not None else graph.network.inputs
    clamped = tuple(name for name in clamped if name not in situation.held)
    forward = chosen.method == "feedforward" and situation.clamped is None
    if chosen.method == "auto" or situation.clamped is not None:
        forward = graph.feedforward_is_equilibrium(clamped) and not situation.held
    if forward:
        return Phase("prediction", PhaseKind.FORWARD, clamped)
    steps = chosen.steps or _default_steps(spec)
    return Phase("prediction", PhaseKind.RELAX, clamped, steps=steps)


def _refuse_unsuitable(
    graph: Graph, spec: RunSpec, document: Document, phases: tuple[Phase, ...]
) -> None:
    """Raises SpecError for a start or an energy that a phase cannot work with."""
    sweeps = isinstance(spec.inference.init, Feedforward) or any(
        phase.kind is PhaseKind.FORWARD for phase in phases
    )
    problems: list[Diagnostic] = []
    if sweeps and not graph.has_sweep:
        problems.append(_no_sweep(document))
    for phase in phases:
        if phase.kind is not PhaseKind.RELAX:
            continue
        for node in graph.variables:
            if node.name in phase.clamped or graph.free_energy(node).suits_free_states():
                continue
            message = (
                f"`{node.name}` is free in the phase `{phase.name}`, but its energy "
                f"{node.energy.name} is a likelihood of data that is held"
            )
            problems.append(
                Diagnostic(
                    "PC324",
                    message,
                    node.span,
                    path=f"nodes.{node.name}",
                    help=f"hold it at data, or write energy: {{{node.energy.name}: logits}}",
                )
            )
    if problems:
        raise SpecError(problems)


def _no_sweep(document: Document) -> Diagnostic:
    path = ("inference", "init")
    return Diagnostic(
        "PC323",
        "a feedforward start, or prediction, has no order in a network with a recurrent edge "
        "without delay",
        document.span(path) or document.span(("edges",), key=True),
        path=dotted(path),
        help="set `inference: {init: zeros}` and `prediction: {method: relax}`, or give the edge "
        "a delay",
    )


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
    if name is not None:
        return _phase_problem(message, document, path, name, known)
    help = f"add it: steps: {{{known[0]}: 20}}"
    return Diagnostic("PC310", message, document.span(path), path=dotted(path), help=help)


def _phase_problem(
    message: str, document: Document, path: KeyPath, name: str, known: list[str]
) -> Diagnostic:
    span = document.span(path, key=True)
    return Diagnostic("PC310", message, span, path=dotted(path), help=suggestion(name, known))
