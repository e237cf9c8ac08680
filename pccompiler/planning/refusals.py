"""Refusals of phases that do not fit the network."""

from __future__ import annotations

from collections.abc import Iterable

from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.rules import DEFAULT, Moment, Rule
from pccompiler.components.rules.contract import Estimator
from pccompiler.components.rules.network import Network
from pccompiler.components.vocabulary import EdgeKind, Role
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.ir.copies import Copies
from pccompiler.ir.graph import Graph, Node
from pccompiler.planning.plan import PhasePlan
from pccompiler.spec.models import RunSpec
from pccompiler.spec.tree import Document, dotted


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
        per_phase = (
            _without_rest(graph, document, phase, spec.inference.optimizer.name)
            for phase in relaxing
        )
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
                f"{node.energy.name} is a likelihood of clamped data"
            )
            problems.append(
                Diagnostic(
                    "PC324",
                    message,
                    node.span,
                    path=f"nodes.{node.name}",
                    help=f"clamp it to data, or write energy: {{{node.energy.name}: logits}}",
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
            help="give it an energy, or use a rule that nudges the output",
        )
        for node in passing
    ]


def _without_rest(
    graph: Graph, document: Document, phase: Phase, optimizer: str
) -> list[Diagnostic]:
    """The nodes, free at some time, whose energy has no known minimum in x."""
    span = document.span(("inference", "optimizer"))
    always = graph.time is None or graph.time.every or graph.time.steps == 1
    held = {
        name for name in phase.clamped if always or graph.node[name].role is not Role.OUTPUT
    }  # an output whose targets hold at the last time is free before it
    nodes = [node for node in graph.variables if node.name not in held]
    copies, reasons = Copies(graph), list[str]()
    for node in nodes:
        if graph.free_energy(node).curvature is None:
            reasons.append(f"`{node.name}` has the energy {node.energy.name}")
        elif not any(copies.curvatures(node.name)):
            reasons.append(f"`{node.name}` has no prediction")
    if not graph.form.rests_at_minimum:
        reasons = [f"where a state of the form {graph.form.name} would rest is not known"]
    return [
        Diagnostic(
            "PC330",
            f"{optimizer} needs gaussian nodes with a prediction each, but {reason}",
            span,
            path="inference.optimizer",
            help="use sgd or adam as the optimizer of the states",
        )
        for reason in reasons[:1]
    ]


def _pushed_away(graph: Graph, document: Document, phase: Phase) -> list[Diagnostic]:
    """Outputs that a nudge away from the target pushes harder than their energy holds them.

    x_out of a node that predicts no other enters F by its own term and -beta E(x, target) alone.
    With curvatures p and c of the two, F falls without end along x unless beta c < p.
    """
    path = ("learning", "rule")
    leaves = [graph.node[n] for n in phase.nudged if all(e.source != n for e in graph.edges)]
    return [
        Diagnostic(
            "PC331",
            f"a nudge of {phase.beta:g} leaves the energy of `{node.name}` without a minimum: it "
            f"pushes away from the target at least as hard as the precision {_hold(graph, node):g} "
            "holds it at its prediction",
            document.span(path),
            path=dotted(path),
            help=f"choose a beta below {_hold(graph, node):g}, or variant: positive",
        )
        for node in leaves
        if not graph.form.undirected
        and not node.passes_through
        and graph.target_energy(node).zero_at_prediction
        and graph.bounds(node.name) is None
        and -phase.beta >= _hold(graph, node)
    ]


def _hold(graph: Graph, node: Node) -> float:
    """The nudge at which the energy of an output is no longer bounded below: the ratio of the
    curvatures of its own term and its loss, or its precision where both are the same energy."""
    own, loss = graph.curvature(node.name), graph.target_energy(node).curvature
    return node.precision if own is None or loss is None else own / loss


def refuse_unsuited_rule(rule: Rule, network: Network, document: Document) -> None:
    """Raises SpecError where the rule has no theory on the network."""
    why = rule.unsuited(network)
    if why is None:
        return
    path = ("learning", "rule")
    raise SpecError(
        Diagnostic(
            "PC329",
            f"the rule {rule.name} does not suit this network: {why.message}",
            document.span(path),
            path=dotted(path),
            help=why.help,
        )
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


def refuse_apart(plans: Iterable[PhasePlan], spec: RunSpec, document: Document) -> None:
    """Raises SpecError where an optimiser moves all nodes at once, and an order does not."""
    optimizer, update = spec.inference.optimizer, spec.inference.update
    if not optimizer.joint or not any(plan.colours for plan in plans):
        return
    path = ("inference", "update")
    raise SpecError(
        Diagnostic(
            "PC341",
            f"the optimizer {optimizer.name} moves all states at once, but `update: {update.name}` "
            "moves them one group after another",
            document.span(path),
            path=dotted(path),
            help="remove inference.update, or use sgd or adam as the optimizer of the states",
        )
    )


def refuse_missing_loss(graph: Graph, rule: Rule, document: Document) -> None:
    """Raises SpecError for a rule that needs a loss, where no output is free in prediction."""
    if not rule.needs_output():
        return
    path = ("learning", "rule")
    why = "no node has role: output"
    help = f"give the node that has targets `role: output`, or use {DEFAULT.name}"
    if graph.outputs:
        why = "prediction clamps every output"
        help = f"leave the outputs out of prediction.clamp, or use {DEFAULT.name}"
    raise SpecError(
        Diagnostic(
            "PC314",
            f"the rule {rule.name} needs a loss, but {why}",
            document.span(path),
            path=dotted(path),
            help=help,
        )
    )


def refuse_varying_steps(
    rule: Rule, estimator: Estimator, prediction: Phase, document: Document
) -> None:
    """Raises SpecError for a rule that needs a fixed number of inference steps."""
    if rule.moment() is Moment.EACH_STEP:
        how = "learns at every inference step"
    elif estimator.through_prediction and prediction.kind is PhaseKind.RELAX:
        how = "differentiates through the relaxation that predicts"
    else:
        return
    path = ("inference", "stop")
    raise SpecError(
        Diagnostic(
            "PC317",
            f"the rule {rule.name} {how}, which needs a fixed number of steps",
            document.span(path),
            path=dotted(path),
            help="remove inference.stop",
        )
    )
