"""Warnings about a plan: legal, but hardly meant. None of it needs JAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, nextafter
from typing import Any

from pccompiler.components.phases import PhaseKind
from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.wording import plural
from pccompiler.ir.graph import Edge, Graph
from pccompiler.planning.plan import NEVER, PhasePlan, UpdatePlan
from pccompiler.planning.wave import wave
from pccompiler.spec.models import RunSpec
from pccompiler.spec.resolved import leaves_of
from pccompiler.spec.tree import Document, dotted

FLOAT32 = (2.0**-126, nextafter(2.0**128, 0))
"""The smallest and the largest normal number of float32; smaller ones are taken for zero."""

FINEST_BETA = 1e-5
"""The nudge below which rounding in float32 is above about one per cent of a gradient."""


def plan_warnings(plan: UpdatePlan, spec: RunSpec, document: Document) -> list[Diagnostic]:
    """All warnings about a plan, in the order of the sections of a spec."""
    return [
        *_unstable(plan, document),
        *_learn_nothing(plan, document),
        *_fine_nudges(plan, document, spec),
        *_beyond_float32(spec, document),
    ]


# -- states that a step throws further than it finds them ----------------------------------


def curvatures(plan: UpdatePlan, phase: PhasePlan) -> dict[str, float]:
    """For free nodes, the second derivative by the state of their own terms of F: the precision
    times the factor of the form. What other nodes add is not known before training."""
    found = {name: plan.graph.curvature(name) for name in phase.free}
    return {name: curvature for name, curvature in found.items() if curvature is not None}


def unstable_nodes(plan: UpdatePlan) -> dict[str, float]:
    """The nodes whose states a step of the state optimiser throws further from rest than it
    finds them, whatever the weights, with the curvature of their term of F."""
    limit = plan.state_optimizer.stable_below()
    return {
        name: curvature
        for phase in plan.phases
        if phase.kind is PhaseKind.RELAX and phase.descent.optimizer is None
        for name, curvature in curvatures(plan, phase).items()
        if limit is not None and curvature > limit
    }


def _unstable(plan: UpdatePlan, document: Document) -> Iterator[Diagnostic]:
    """PC337: gradient descent on the states is unstable on a node's own term of F."""
    found, optimizer = unstable_nodes(plan), plan.state_optimizer
    if not found:
        return
    worst = max(found.values())
    limit = optimizer.stable_below()
    rate: float = getattr(optimizer, "learning_rate", 1.0)
    assert limit is not None
    path = ("inference", "optimizer", optimizer.name)
    help = "lower the precision"
    if optimizer.calming == "learning_rate":
        path = (*path, "learning_rate")
        help = f"lower {dotted(path)} below {_below(rate * limit / worst)}, or the precision"
    yield Diagnostic(
        "PC337",
        f"the states of {_names(found)} cannot come to rest: with a curvature of {worst:g} (the "
        f"precision, times the factor of the form) a rate of {rate:g} overshoots more at every "
        "step",
        document.span(path),
        dotted(path),
        help=help,
        severity="warning",
    )


def _below(bound: float) -> str:
    return f"{bound:.3g}"


# -- edges that no error reaches -------------------------------------------------------------


def _learn_nothing(plan: UpdatePlan, document: Document) -> Iterator[Diagnostic]:
    """PC336: parameters whose gradient is zero because inference ends before an error comes."""
    compared = plan.estimator.energy_phases
    starts = {plan.phase(name).start for name in compared}
    ends = [plan.phase(name) for name in compared if name not in starts]
    if not ends or any(phase.colours or phase.kind is not PhaseKind.RELAX for phase in ends):
        return
    graph, reached, reachable, needed = plan.graph, set[str](), set[str](), 0
    for phase in ends:
        arrivals = _arrivals(plan, phase)
        last = phase.steps + 1
        reached |= graph.feeding(n for n, step in arrivals.items() if step <= last)
        reachable |= graph.feeding(n for n, step in arrivals.items() if step < NEVER)
        needed = max([needed, *(step - 1 for step in arrivals.values() if step < NEVER)])
    late = [edge for edge in graph.edges if _learns(edge) and edge.name in reachable - reached]
    borrowers = _borrowers(graph)
    late = [edge for edge in late if not borrowers.get(edge.name, set()) & reached]
    if not late:
        return
    path = ("inference", "steps")
    steps = " or ".join(str(phase.steps) for phase in ends)
    yield Diagnostic(
        "PC336",
        f"{len(late)} {plural(len(late), 'edge learns', 'edges learn')} nothing, because no error "
        f"reaches {plural(len(late), 'it', 'them')} in {steps} inference steps: "
        f"{_names([edge.name for edge in late])}",
        document.span(path) or late[0].span,
        dotted(path),
        help=f"an error moves one edge per step: set inference.steps to at least {needed}",
        severity="warning",
    )


def _arrivals(plan: UpdatePlan, phase: PhasePlan) -> dict[str, int]:
    """By node, the first step at which the phase's error reaches its energy; for a phase that
    continues another, the first step at which the difference of the two does."""
    if phase.start is None:
        return {name: phase.first_arrival(name) for name in phase.energies}
    copies, outputs = plan.copies, plan.graph.outputs
    earlier = plan.phase(phase.start)
    changed = {
        (name, t)
        for name in set(phase.clamped) ^ set(earlier.clamped)
        for t in copies.times
        if name not in outputs or copies.targets[t]
    }
    after = copies.across(changed, copies.readers)
    everywhere = [(name, t) for name in phase.energies for t in copies.times]
    free = [(name, t) for name in phase.free for t in copies.times]
    pulled = [(name, t) for name in phase.nudged for t in copies.times if copies.targets[t]]
    arrival, _ = wave(copies, everywhere, free, [*changed, *after], pulled)
    return {name: min(arrival[name, t] for t in copies.times) for name in phase.energies}


def _learns(edge: Edge) -> bool:
    return bool(edge.parameter_count and edge.update_scale)


def _borrowers(graph: Graph) -> dict[str, set[str]]:
    """By edge that lends parameters, the edges that use them."""
    found: dict[str, set[str]] = {}
    for edge in graph.edges:
        for _, (owner, _) in edge.owners:
            found.setdefault(owner, set()).add(edge.name)
    return found


# -- numbers -----------------------------------------------------------------------------------


def _fine_nudges(plan: UpdatePlan, document: Document, spec: RunSpec) -> Iterator[Diagnostic]:
    """PC338: the effect of a nudge drowns in the rounding of float32."""
    betas = [p.beta for p in plan.phases if p.nudged or p.pulled]
    least = min((abs(beta) for beta in betas if beta), default=inf)
    if least >= FINEST_BETA or least < FLOAT32[0]:
        return
    path = ("learning", "rule", spec.learning.rule.name, "beta")
    yield Diagnostic(
        "PC338",
        f"a nudge of {least:g} moves the states by less than float32 can tell well: its rounding "
        f"is about {100 * 6e-8 / least:.2g} % of the difference that the rule learns from",
        document.span(path),
        dotted(path),
        help="use a beta of 0.001 or more, where rounding is below 0.01 %",
        severity="warning",
    )


def _beyond_float32(spec: RunSpec, document: Document) -> Iterator[Diagnostic]:
    """PC339: numbers that are zero or infinite in the precision of training."""
    for path, value in leaves_of(spec):
        if not isinstance(value, float) or value == 0 or FLOAT32[0] <= abs(value) <= FLOAT32[1]:
            continue
        small = abs(value) < FLOAT32[0]
        becomes, remedy = ("zero", f"write {FLOAT32[0]:.2g} or more, or 0 if that is meant")
        if not small:
            becomes, remedy = ("infinite", f"write {FLOAT32[1]:.2g} or less")
        yield Diagnostic(
            "PC339",
            f"{dotted(path)} is {value:g}, which is {becomes} in float32, in which training "
            "computes",
            document.span(path),
            dotted(path),
            help=remedy,
            severity="warning",
        )


def _names(names: Mapping[str, Any] | list[str], most: int = 8) -> str:
    listed = [f"`{name}`" for name in names]
    left = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + left
