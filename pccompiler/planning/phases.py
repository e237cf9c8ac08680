"""The phases of a spec: what the rule lays out, with the spec's steps and clamps put in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pccompiler.components.energies import Gaussian
from pccompiler.components.forms import PredictiveCodingForm
from pccompiler.components.operators import Dense
from pccompiler.components.rules import RULES
from pccompiler.components.vocabulary import Descent, Network, Phase, PhaseKind
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.ir.copies import Copies
from pccompiler.ir.coupling import levels
from pccompiler.ir.graph import Edge, EdgeKind, Graph
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


def network_without(network: Network, held: frozenset[str]) -> Network:
    """What a rule may clamp when the caller holds some nodes."""
    if not held:
        return network
    return replace(
        network,
        inputs=tuple(n for n in network.inputs if n not in held),
        outputs=tuple(n for n in network.outputs if n not in held),
        feedforward_is_equilibrium=False,
    )


def network_of(graph: Graph, copies: Copies) -> Network:
    """What the rule may know of the graph."""
    network = graph.network
    feedforward = network.feedforward_is_equilibrium
    bound = {*network.inputs, *network.outputs}
    hidden = [node for node in graph.variables if node.name not in bound]
    answers = [(graph.edge[forward], graph.edge[back]) for forward, back in graph.answers]
    leads_on = any(edge.source in network.outputs for edge in graph.edges)
    return replace(
        network,
        form=graph.form.name,
        has_energy=not graph.one_way,
        answers=tuple((forward.name, back.name) for forward, back in answers),
        answers_mirror=all(_mirror(*pair) for pair in answers),
        levels=levels(graph, copies) if feedforward and graph.time is None else None,
        plain=not leads_on
        and all(node.precision == 1 for node in graph.variables)
        and all(isinstance(node.energy, Gaussian) for node in hidden)
        and not any(graph.bounds(node.name) for node in hidden),
    )


def _mirror(forward: Edge, back: Edge) -> bool:
    """Whether both edges are a dense map alone."""
    return all(
        len(edge.operators) == 1 and isinstance(edge.operators[0], Dense)
        for edge in (forward, back)
    )


def with_steps(
    phases: tuple[Phase, ...], spec: RunSpec, document: Document, strict: bool
) -> tuple[Phase, ...]:
    """The phases with the spec's steps; `strict`: it must name all of them, and no others."""
    steps = spec.inference.steps
    relaxing = [phase.name for phase in phases if _wants_steps(phase)]
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
        replace(phase, steps=given[phase.name]) if _wants_steps(phase) else phase
        for phase in phases
    )


def _wants_steps(phase: Phase) -> bool:
    """Whether the spec says how many steps it takes."""
    return phase.kind is PhaseKind.RELAX and phase.descent is not Descent.UNIT


def with_clamps(
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
        pulled = tuple(n for n in phase.pulled if n in clamped)
        # with other nodes held, the feedforward pass need not be the equilibrium
        kind = phase.kind if set(clamped) == set(phase.clamped) else PhaseKind.RELAX
        steps = phase.steps or _default_steps(spec)
        return replace(
            phase,
            clamped=clamped,
            nudged=nudged,
            pulled=pulled,
            kind=kind,
            steps=steps if kind is PhaseKind.RELAX else 0,
        )

    return tuple(with_clamp(phase) for phase in phases)


def _default_steps(spec: RunSpec) -> int:
    """The steps of a relaxing prediction that gives none of its own."""
    steps = spec.inference.steps
    return steps if isinstance(steps, int) else steps.get("free", max(steps.values()))


def prediction_phase(graph: Graph, spec: RunSpec, situation: Situation) -> Phase:
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


def refuse_unsuitable(
    graph: Graph, spec: RunSpec, document: Document, phases: tuple[Phase, ...]
) -> None:
    """Raises SpecError for a start or an energy that a phase cannot work with."""
    sweeps = spec.inference.init.sweeps or any(phase.kind is PhaseKind.FORWARD for phase in phases)
    problems: list[Diagnostic] = []
    if sweeps and not graph.has_sweep:
        problems.append(_no_sweep(graph))
    relaxing = [phase for phase in phases if phase.kind is PhaseKind.RELAX]
    if spec.inference.optimizer.seeks_rest and not graph.form.undirected:
        per_phase = (_without_rest(graph, document, phase) for phase in relaxing)
        problems += next(filter(None, per_phase), [])
    for phase in phases:
        problems += _held_without_state(graph, spec.learning.rule.name, phase)
        if phase not in relaxing:
            continue
        problems += _pushed_away(graph, document, phase)
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


def _held_without_state(graph: Graph, rule: str, phase: Phase) -> list[Diagnostic]:
    """Nodes that the phase holds, or pulls from their state, but that have none."""
    passing = [graph.node[name] for name in phase.clamped if graph.node[name].passes_through]
    return [
        Diagnostic(
            "PC322",
            f"the phase `{phase.name}` of {rule} holds `{node.name}`, which has energy none and so "
            "no state to hold",
            node.span,
            path=f"nodes.{node.name}",
            help="give it an energy, or use a rule that nudges the output, such as "
            "equilibrium_propagation",
        )
        for node in passing
    ]


def _without_rest(graph: Graph, document: Document, phase: Phase) -> list[Diagnostic]:
    """The free nodes whose energy in x has no minimum of its own that is known."""
    span = document.span(("inference", "optimizer"))
    nodes = [node for node in graph.variables if node.name not in phase.clamped]
    reasons = [
        f"`{node.name}` has the energy {node.energy.name}"
        for node in nodes
        if not isinstance(graph.free_energy(node), Gaussian)
    ]
    reasons += [f"`{n.name}` has no prediction" for n in nodes if graph.is_root(n.name)]
    if not graph.form.rests_at_minimum:
        reasons = [f"the form {graph.form.name} has several errors for a node"]
    return [
        Diagnostic(
            "PC330",
            f"fixed_point needs gaussian nodes with a prediction each, but {reason}",
            span,
            path="inference.optimizer",
            help="use sgd or adam as the optimizer of the states",
        )
        for reason in reasons[:1]
    ]


def _pushed_away(graph: Graph, document: Document, phase: Phase) -> list[Diagnostic]:
    """Outputs that a nudge away from the target pushes harder than their energy holds them.

    x_out of a node that predicts no other enters F by p E(x, mu) - beta E(x, target) alone,
    which falls without end along x unless beta < p.
    """
    path = ("learning", "rule")
    leaves = [graph.node[n] for n in phase.nudged if all(e.source != n for e in graph.edges)]
    return [
        Diagnostic(
            "PC331",
            f"a nudge of {phase.beta:g} leaves the energy of `{node.name}` without a minimum: it "
            f"pushes away from the target at least as hard as the precision {node.precision:g} "
            "holds it at its prediction",
            document.span(path),
            path=dotted(path),
            help=f"choose a beta below {node.precision:g}, or variant: positive",
        )
        for node in leaves
        if isinstance(graph.form, PredictiveCodingForm)
        and not node.passes_through
        and graph.target_energy(node).zero_at_prediction
        and graph.bounds(node.name) is None
        and -phase.beta >= node.precision
    ]


def no_theory(rule: str, why: str, document: Document) -> Diagnostic:
    path = ("learning", "rule")
    message, _, help = why.partition("; ")
    return Diagnostic(
        "PC329",
        f"the rule {rule} does not suit this network: {message}",
        document.span(path),
        path=dotted(path),
        help=help,
    )


def _no_sweep(graph: Graph) -> Diagnostic:
    if graph.form.undirected:
        return Diagnostic(
            "PC323",
            "a feedforward start has no order in a network whose edges form a cycle",
            graph.edges[0].span,
            path=f"edges.{graph.edges[0].name}",
            help="set `inference: {init: zeros}`",
        )
    edge = next(e for e in graph.edges if e.kind is EdgeKind.RECURRENT and not e.delay)
    return Diagnostic(
        "PC323",
        "a feedforward start, or prediction, has no order in a network with a recurrent edge "
        "without delay",
        edge.span,
        path=f"edges.{edge.name}",
        help="set `inference: {init: zeros}` and `prediction: {method: relax}`, or give the edge "
        "a delay",
    )


def no_loss(rule: str, document: Document, held: bool) -> Diagnostic:
    path = ("learning", "rule")
    why = "prediction holds every output" if held else "no node has role: output"
    help = "give the node that has targets `role: output`, or use predictive_coding"
    if held:
        help = "leave the outputs out of prediction.clamp, or use predictive_coding"
    return Diagnostic(
        "PC314",
        f"the rule {rule} needs a loss, but {why}",
        document.span(path),
        path=dotted(path),
        help=help,
    )


def no_fixed_steps(rule: str, document: Document) -> Diagnostic:
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
