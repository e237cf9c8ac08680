"""The order in beta at which a nudged rule's gradient approaches that of the loss, and the
increment of each step of a nudged phase.

Sources of what is expected: Scellier & Bengio 2017, doi:10.3389/fncom.2017.00024 (order of one
nudge); Laborieux et al. 2021, doi:10.3389/fnins.2021.633674 (centred nudges); Ernoult et al.
2019, arXiv:1905.13633 (increments against backpropagation through time).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import isfinite, log2
from statistics import mean
from typing import Any

import jax
import numpy as np

from pccompiler.components.rules import Rule
from pccompiler.components.rules.theory import ApproachesBackprop
from pccompiler.lowering.equilibrium import rest_map
from runtime.verification.rows import Report, Row
from runtime.verification.subject import Subject, flat, mean_loss, relative_error, under

NUDGES = (0.04, 0.02, 0.01)
"""The betas on which the order of an error is measured first."""

FINER = (1, 1 / 4, 1 / 16)
"""Factor on the betas while the errors are not yet a power of beta."""

Errors = dict[float, float]
"""The relative error of a gradient by beta, the largest beta first."""


def order_rows(subject: Subject, report: Report, claim: ApproachesBackprop) -> Iterator[Row]:
    """Measures how the error of each version of the rule shrinks with beta."""
    found_kinks = kinks(subject)
    for name, version, order in claim.versions:
        low, high = 0.9 * order, 1.1 * order

        def enough(errors: Errors, low: float = low, high: float = high) -> bool:
            return bool(found_kinks) or _is_exact(errors) or low <= mean(_slopes(errors)) <= high

        errors = _errors_over_beta(subject, version, enough)
        report.errors[name] = errors
        slopes = _slopes(errors)
        found = mean(slopes)
        expected, passed = f"order {order} ({low:.1f} to {high:.1f})", low <= found <= high
        if _is_exact(errors):
            expected, passed = f"order {order}, or exact", True
        elif found_kinks:
            expected, passed = f"order {order} between kinks; {found_kinks}", None
        elif not passed and max(slopes) - min(slopes) > 0.1:
            expected, passed = f"order {order} at betas small enough, which these are not", None
        listed = ", ".join(f"{error:.2e} at {beta:g}" for beta, error in errors.items())
        yield Row(f"order in beta, {name}", "", expected, f"{found:.2f} ({listed})", passed)


def _errors_over_beta(subject: Subject, version: Rule, enough: Callable[[Errors], bool]) -> Errors:
    """The error of the gradient at three betas, each half the one before; at finer ones until it
    is enough.

    Far from zero, and near the edge of where a state of rest exists, it is no power of beta.
    """
    model = subject.resting_version(under(version.model_copy(update={"beta": NUDGES[0]})))
    errors: Errors = {}
    for finer in FINER:
        errors = {}
        for beta in (finer * nudge for nudge in NUDGES):
            gradient = subject.gradient(model, beta / NUDGES[0])
            errors[beta] = _within_reason(relative_error(gradient, subject.reference))
        if enough(errors):
            break
    return errors


def _within_reason(error: float) -> float:
    """An error of which a logarithm can be taken, also where states diverge."""
    return max(error, 1e-300) if isfinite(error) else 1e300


def _slopes(errors: Errors) -> list[float]:
    """By how many powers of two the error shrinks each time beta is halved."""
    values = list(errors.values())
    return [log2(a / b) for a, b in pairwise(values)]


def _is_exact(errors: Errors) -> bool:
    """Whether what is left of the error is rounding."""
    return min(errors.values()) < 1e-8


def kinks(subject: Subject) -> str:
    """The reason why the state of rest may not be smooth in beta; empty where there is none."""
    graph = subject.model.graph
    found = sorted({n.activation for n in graph.nodes if not graph.activation(n.name).smooth})
    found += sorted({o.name for e in graph.edges for o in e.operators if not o.smooth})
    if any((node.low, node.high) != (-np.inf, np.inf) for node in graph.nodes):
        found.append("ranges")
    return f"{', '.join(found)} has some" if found else ""


def increments(
    subject: Subject, version: Rule, steps: int = 10, beta: float = 1e-3
) -> Iterator[Row]:
    """Gradient-descending updates: what step t of the nudged phase adds to the estimate is
    what backpropagation through time finds t steps before the end."""
    check = f"nudge increments against backpropagation through time, {steps} steps"
    plan = subject.model.plan
    if plan.phases[1].colours or plan.state_optimizer.slots or subject.predicts_forward:
        needs = "a relaxing free phase, synchronous steps, no momentum"
        yield Row(check, "", f"defined for {needs}", "not measured", None)
        return
    model = subject.resting_version(under(version.model_copy(update={"beta": beta})))
    params, batch, plan = subject.params, subject.batch, model.plan
    states = model.infer(params, batch, phase="free")
    start = {name: states[name] for name in plan.phase("free").free}
    energy = jax.jit(
        jax.grad(
            lambda params, free, phase: model.energy(
                params, {**states, **free}, batch, phase=phase
            )["total"].mean()
        ),
        static_argnums=2,
    )
    estimates = []
    moved = {"nudged": start, "nudged_negative": start}
    maps = {phase: jax.jit(rest_map(plan, phase, states, batch, step=True)) for phase in moved}
    for _ in range(steps + 1):
        ends = [flat(energy(params, moved[phase], phase)) for phase in moved]
        estimates.append((ends[0] - ends[1]) / (2 * beta))
        moved = {phase: maps[phase](params, x) for phase, x in moved.items()}
    through_time = _through_time(subject, model, states, start, steps)
    errors = [
        float(np.linalg.norm(b - a - g) / max(np.linalg.norm(g), 1e-30))
        for a, b, g in zip(estimates, estimates[1:], through_time, strict=False)
        if np.linalg.norm(g) > 1e-12
    ]
    worst = max(errors, default=0.0)
    found_kinks = kinks(subject)
    expected = "equal as beta tends to 0 (within 1e-3 here)" + (
        f"; {found_kinks}" if found_kinks else ""
    )
    passed = True if worst < 1e-3 else None if found_kinks else False
    yield Row(check, "", expected, f"relative error up to {worst:.1e}", passed)


def _through_time(subject: Subject, model: Any, states: Any, free: Any, steps: int) -> list[Any]:
    """The contribution of each of the last steps before the loss to its gradient, last first."""
    step = rest_map(model.plan, "free", states, subject.batch, step=True)
    pull = jax.grad(lambda x: mean_loss(model, subject.params, {**states, **x}, subject.batch))(
        free
    )
    _, back = jax.vjp(step, subject.params, free)
    back = jax.jit(back)
    found = []
    for _ in range(steps):
        share, pull = back(pull)
        found.append(flat(share))
    return found
