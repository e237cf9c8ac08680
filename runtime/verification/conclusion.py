"""The conclusion of a verification: the meaning of its rows, and what to change."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from pccompiler.components.rules.theory import NoGradientOfTheLoss
from runtime.verification.rows import Report
from runtime.verification.subject import Subject, cosine

ALIKE = 0.95
"""The cosine from which on a gradient is said to point where that of the loss does."""

GAIN = 0.02
"""By how much more a cosine has to rise for the change that raises it to be advised."""

FINER = 1 / 16
"""The part of beta that is tried."""


@dataclass(frozen=True)
class Cosines:
    """The cosine of the rule's gradient to that of the loss, over all parameters: as the spec has
    it, with states at rest, and there with a beta sixteen times smaller (None without a nudge)."""

    configured: float
    rested: float
    finer: float | None


def conclude(subject: Subject, report: Report) -> str:
    """One sentence, or two: the verdict on the rows, and what the gradient is good for."""
    failed = report.failed
    if failed:
        checks = ", ".join(dict.fromkeys(row.check for row in failed))
        verdict = f"{len(failed)} of {len(report.rows)} rows fail ({checks}): see what they say."
    else:
        verdict = "Everything that theory promises was found."
    if not subject.rest.reached:
        return (
            f"{verdict} The states do not come to rest, so nothing can be said about the "
            "gradient: lower the rate of the states (inference.optimizer), damp them, or pass "
            "more --steps."
        )
    claims = subject.model.plan.theory
    if any(isinstance(claim, NoGradientOfTheLoss) for claim in claims):
        return f"{verdict} No gradient of the loss is promised, and none was compared."
    if not subject.model.plan.outputs:
        return f"{verdict} No output has a loss, so there is no gradient to compare with."
    return f"{verdict} {about(cosines(subject))}"


def cosines(subject: Subject) -> Cosines:
    """The cosines that the conclusion rests on."""
    reference = subject.reference
    nudges = any(phase.nudged or phase.pulled for phase in subject.resting.plan.phases)
    return Cosines(
        cosine(subject.gradient(subject.model), reference),
        cosine(subject.gradient(subject.resting), reference),
        cosine(subject.gradient(subject.resting, FINER), reference) if nudges else None,
    )


def about(found: Cosines) -> str:
    """The meaning of the cosines, and which of steps, rate and beta to change."""
    if isnan(found.configured) and isnan(found.rested):
        return "The gradient of the rule, or that of the loss, is zero: they have no direction."
    now = f"cosine {found.configured:.3f}"
    best = max(found.rested, found.configured, -1.0 if found.finer is None else found.finer)
    if found.configured >= ALIKE and best - found.configured <= GAIN:
        return f"As configured, the gradient points where that of the loss does ({now})."
    if found.rested - found.configured > GAIN:
        more = (
            f"As configured, the gradient has {now} to that of the loss; with states at rest it "
            f"would have {found.rested:.3f}: take more inference.steps, or a larger rate of the "
            "states while the energy still falls"
        )
        if found.finer is not None and found.finer - found.rested > GAIN:
            return f"{more}, and a smaller beta (a sixteenth of it gives {found.finer:.3f})."
        return f"{more}."
    if found.finer is not None and found.finer - max(found.rested, found.configured) > GAIN:
        return (
            f"As configured, the gradient has {now} to that of the loss, and a beta sixteen times "
            f"smaller gives {found.finer:.3f}: lower beta; more inference.steps would not help."
        )
    changes = "more steps" if found.finer is None else "more steps or a smaller beta"
    return (
        f"The gradient has {now} to that of the loss, which {changes} would not change: here the "
        "rule follows something else than the gradient of the loss, which may still lower it."
    )
