"""The checks of `pcc verify`: what theory says about a rule, and what is measured.

Sources of what is expected: Scellier & Bengio 2017 (equilibrium propagation, order of the
nudge), Laborieux et al. 2021 (centred nudges), Ernoult et al. 2019 (nudge increments against
backpropagation through time), Song et al. 2020 (z_il), Millidge et al. 2022 (fixed
predictions; predictive coding at its clamped equilibrium is not backpropagation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import isfinite, log2
from statistics import mean
from typing import Any

import jax
import numpy as np

from pccompiler.lowering.equilibrium import rest_map
from pccompiler.lowering.model import CompiledModel
from runtime.verification.clamped import (
    DIFFERENT,
    clamped_rows,
    divided,
    output_precision,
    ratio,
)
from runtime.verification.conclusion import conclude
from runtime.verification.rest import (
    EXACT,
    energy_at_rest,
    energy_falls,
    reference_holds,
    settled,
    through_steps,
)
from runtime.verification.rows import Report, Row
from runtime.verification.subject import (
    Subject,
    cosine,
    flat,
    mean_loss,
    relative_error,
)

NUDGES = (0.04, 0.02, 0.01)
"""The betas on which the order of an error is measured first."""

FINER = (1, 1 / 4, 1 / 16)
"""What the betas are multiplied by while the errors are not yet a power of beta."""

Errors = dict[float, float]
"""The relative error of a gradient by beta, the largest beta first."""


def verify(
    subject: Subject, header: str = "", tell: Callable[[Row], None] = lambda row: None
) -> Report:
    """Everything that theory says about the subject's rule on its network, measured.

    `tell` is called with each row as soon as it is known.
    """
    report = Report(subject.model.spec.name, subject.model.spec.learning.rule.name, header)
    for row in _rows(subject, report):
        report.rows.append(row)
        tell(row)
    report.conclusion = conclude(subject, report)
    return report


def _rows(subject: Subject, report: Report) -> Iterator[Row]:
    yield from energy_falls(subject, report)
    yield from settled(subject)
    if not subject.rest.reached:
        return  # what follows holds at rest alone
    yield from energy_at_rest(subject)
    yield from reference_holds(subject)
    yield from through_steps(subject)
    yield from _rule_rows(subject, report)


def _rule_rows(subject: Subject, report: Report) -> Iterator[Row]:
    rule, plan = subject.model.spec.learning.rule, subject.model.plan
    if not plan.outputs:
        yield Row("gradient of a loss", "", "no output has a loss", "nothing to compare", None)
        return
    nudged = any(phase.phase.nudged for phase in plan.phases)
    if rule.name == "backprop":
        yield from _backprop(subject)
    elif rule.name in ("z_il", "fixed_prediction"):
        yield from _exact(subject)
    elif nudged and not plan.graph.one_way:
        yield from _per_edge(subject, "O(beta^p), see the orders below")
        yield from _orders(subject, report)
        yield from _increments(subject)
    elif nudged:
        yield from _per_edge(subject, "a gradient only where backward weights mirror forward ones")
    elif any(phase.phase.pulled for phase in plan.phases):
        yield from _held(subject)
    elif rule.name == "contrastive_hebbian":
        yield from _contrastive(subject)
    else:
        yield from _clamped(subject)


# -- rules --------------------------------------------------------------------------------


def _per_edge(
    subject: Subject,
    expected: str,
    model: CompiledModel | None = None,
    exact: bool = False,
    divided_by: float = 1.0,
) -> Iterator[Row]:
    """Cosine, length and relative error of each edge's gradient to that of the loss; by default
    those of the rule with states at rest. Where they are to be `exact`, each row has a verdict.
    A gradient that a known factor makes longer or shorter is divided by it first."""
    gradient = divided(subject.gradient(model or subject.settled), divided_by)
    for name, reference in subject.reference.items():
        error, length = relative_error(gradient[name], reference), ratio(gradient[name], reference)
        measured = f"cosine {cosine(gradient[name], reference):.6f}, length {length:.4g}, "
        measured += f"relative error {error:.2e}"
        passed = error < EXACT if exact else None
        yield Row("gradient against that of the loss", name, expected, measured, passed)


def _orders(subject: Subject, report: Report) -> Iterator[Row]:
    """How the error shrinks with beta: one-sided linearly, centred quadratically."""
    own = getattr(subject.model.spec.learning.rule, "variant", "centred")
    kinks = _kinks(subject)
    for variant in dict.fromkeys(("positive", "centred", own)):
        if variant == "random_sign":
            continue
        order = 2 if variant == "centred" else 1
        low, high = (0.9, 1.1) if order == 1 else (1.8, 2.2)

        def enough(errors: Errors, low: float = low, high: float = high) -> bool:
            return bool(kinks) or _is_exact(errors) or low <= mean(_slopes(errors)) <= high

        errors = _errors_over_beta(subject, variant, enough)
        report.errors[variant] = errors
        slopes = _slopes(errors)
        found = mean(slopes)
        expected, passed = f"order {order} ({low} to {high})", low <= found <= high
        if _is_exact(errors):
            expected, passed = f"order {order}, or exact", True
        elif kinks:
            expected, passed = f"order {order} between kinks; {kinks}", None
        elif not passed and max(slopes) - min(slopes) > 0.1:
            expected, passed = f"order {order} at betas small enough, which these are not", None
        listed = ", ".join(f"{error:.2e} at {beta:g}" for beta, error in errors.items())
        yield Row(f"order in beta, {variant}", "", expected, f"{found:.2f} ({listed})", passed)


def _errors_over_beta(subject: Subject, variant: str, enough: Callable[[Errors], bool]) -> Errors:
    """The error of the gradient at three betas, each half the one before; at finer ones until it
    is enough.

    Far from zero, and near the edge of where a state of rest exists, it is no power of beta.
    """
    model = subject.settling(subject.with_rule(variant=variant, beta=NUDGES[0], beta_growth=0))
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


def _kinks(subject: Subject) -> str:
    """What keeps the state of rest from being smooth in beta; empty where nothing does."""
    graph = subject.model.graph
    found = sorted({n.activation for n in graph.nodes if not graph.activation(n.name).smooth})
    found += sorted({o.name for e in graph.edges for o in e.operators if not o.smooth})
    if any((node.low, node.high) != (-np.inf, np.inf) for node in graph.nodes):
        found.append("ranges")
    return f"{', '.join(found)} has some" if found else ""


def _increments(subject: Subject, steps: int = 10, beta: float = 1e-3) -> Iterator[Row]:
    """Gradient-descending updates: what step t of the nudged phase adds to the estimate is
    what backpropagation through time finds t steps before the end."""
    check = f"nudge increments against backpropagation through time, {steps} steps"
    plan = subject.model.plan
    if plan.phases[1].colours or plan.state_optimizer.slots or subject.predicts_forward:
        needs = "a relaxing free phase, synchronous steps, no momentum"
        yield Row(check, "", f"defined for {needs}", "not measured", None)
        return
    model = subject.settling(subject.with_rule(variant="centred", beta=beta, beta_growth=0))
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
    kinks = _kinks(subject)
    expected = "equal as beta tends to 0 (within 1e-3 here)" + (f"; {kinks}" if kinks else "")
    passed = True if worst < 1e-3 else None if kinks else False
    yield Row(check, "", expected, f"relative error up to {worst:.1e}", passed)


def _through_time(subject: Subject, model: Any, states: Any, free: Any, steps: int) -> list[Any]:
    """What each of the last steps before the loss contributes to its gradient, last first."""
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


def _held(subject: Subject) -> Iterator[Row]:
    """An output that is held part of the way: no gradient of the loss, however small beta."""
    yield from _per_edge(subject, "alike, but not equal, however small beta is")
    tiny = subject.gradient(subject.settled, 1e-3)
    error = relative_error(tiny, subject.reference)
    measured = f"cosine {cosine(tiny, subject.reference):.4f}, relative error {error:.3f}"
    expected = "does not tend to the gradient of the loss"
    yield Row("beta a thousand times smaller", "", expected, measured, error > DIFFERENT)


def _contrastive(subject: Subject) -> Iterator[Row]:
    yield from _per_edge(subject, "alike, but not equal")
    graph = subject.model.graph
    losses = [graph.target_energy(graph.node[n]) for n in subject.model.plan.outputs]
    if any(loss.curvature != 1 for loss in losses):
        return  # beta = 1 leads to the target under the squared error alone
    other = subject.settling(subject.with_rule("coupled_learning", beta=1.0))
    error = relative_error(subject.gradient(subject.settled), subject.gradient(other))
    expected = "equal within 1e-8"
    measured = f"relative error {error:.1e}"
    # two relaxations, each to its own rounding
    yield Row("coupled learning with beta = 1", "", expected, measured, error < 1e-8)


def _clamped(subject: Subject) -> Iterator[Row]:
    """Predictive coding at its clamped equilibrium is not backpropagation."""
    weight = output_precision(subject) or 1.0
    expected = "alike, but not equal: it infers before it learns"
    yield from _per_edge(subject, expected, divided_by=weight)
    yield from clamped_rows(subject, _kinks(subject))


def _exact(subject: Subject) -> Iterator[Row]:
    expected = f"equals backpropagation within {EXACT:g}"
    if subject.model.spec.learning.rule.name != "fixed_prediction":
        yield from _per_edge(subject, expected, subject.model, exact=True)
        return
    yield from _per_edge(subject, f"{expected} once the errors are at rest", exact=True)
    error = relative_error(subject.gradient(subject.model), subject.reference)
    measured = f"relative error {error:.1e}"
    if error > EXACT:
        measured += ": more inference steps, or a state rate of 1, bring it down"
    yield Row("gradient, steps as configured", "", "", measured, None)


def _backprop(subject: Subject) -> Iterator[Row]:
    if subject.predicts_forward:
        yield from _exact(subject)
        return
    expected = "equal once the states are at rest: it differentiates the steps taken"
    yield from _per_edge(subject, expected, subject.model)
