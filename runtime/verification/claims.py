"""The claims of theory about a rule against measurements: a check for each kind of claim.

The rule itself says what is claimed of it (`Rule.theory`); nothing here knows a rule by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import jax
import numpy as np

from pccompiler.components.rules.theory import (
    ApproachesBackprop,
    Claim,
    DiffersFromBackprop,
    EqualsBackprop,
    EqualsRule,
    NeverBackprop,
    NoGradientOfTheLoss,
    Resembles,
    Unbiased,
)
from pccompiler.lowering.model import CompiledModel
from runtime.verification.clamped import (
    DIFFERENT,
    clamped_rows,
    divided,
    output_precision,
    ratio,
)
from runtime.verification.orders import increments, kinks, order_rows
from runtime.verification.rest import EXACT
from runtime.verification.rows import Report, Row
from runtime.verification.subject import Subject, cosine, flat, relative_error, under

DRAWS = 200
"""The draws over which a random gradient is averaged."""


def claim_rows(subject: Subject, report: Report) -> Iterator[Row]:
    """The rows of everything that theory claims of the subject's rule on its network."""
    plan = subject.model.plan
    if not plan.outputs:
        yield Row("gradient of a loss", "", "no output has a loss", "nothing to compare", None)
        return
    for claim in plan.theory:
        yield from _rows(subject, report, claim)


def _rows(subject: Subject, report: Report, claim: Claim) -> Iterator[Row]:
    match claim:
        case EqualsBackprop():
            yield from _equals_backprop(subject, claim)
        case ApproachesBackprop():
            yield from per_edge(subject, "O(beta^p), see the orders below")
            yield from order_rows(subject, report, claim)
            if claim.increments is not None:
                yield from increments(subject, claim.increments)
        case Resembles():
            yield from per_edge(subject, claim.words)
        case NeverBackprop():
            yield from _never_backprop(subject, claim)
        case DiffersFromBackprop():
            yield from _differs(subject, claim)
        case EqualsRule():
            yield _equals_rule(subject, claim)
        case Unbiased():
            yield _unbiased(subject)
        case NoGradientOfTheLoss():
            what = "gradient against that of the loss"
            yield Row(what, "", f"not comparable: {claim.words}", "not measured", None)


def per_edge(
    subject: Subject,
    expected: str,
    model: CompiledModel | None = None,
    exact: bool = False,
    divided_by: float = 1.0,
) -> Iterator[Row]:
    """Cosine, length and relative error of each edge's gradient to that of the loss; by default
    those of the rule with states at rest. Where they are to be `exact`, each row has a verdict.
    A gradient that a known factor makes longer or shorter is divided by it first."""
    if subject.model.plan.estimator.through_prediction:
        model = subject.model  # it differentiates the steps that it takes
    gradient = divided(subject.gradient(model or subject.resting), divided_by)
    for name, reference in subject.reference.items():
        error, length = relative_error(gradient[name], reference), ratio(gradient[name], reference)
        measured = f"cosine {cosine(gradient[name], reference):.6f}, length {length:.4g}, "
        measured += f"relative error {error:.2e}"
        passed = error < EXACT if exact else None
        yield Row("gradient against that of the loss", name, expected, measured, passed)


def _equals_backprop(subject: Subject, claim: EqualsBackprop) -> Iterator[Row]:
    expected = f"equals backpropagation within {EXACT:g}"
    if not claim.at_rest:
        yield from per_edge(subject, expected, subject.model, exact=True)
        return
    yield from per_edge(subject, f"{expected} once the errors are at rest", exact=True)
    error = relative_error(subject.gradient(subject.model), subject.reference)
    measured = f"relative error {error:.1e}"
    if error > EXACT:
        measured += ": more inference steps, or a state rate of 1, bring it down"
    yield Row("gradient, steps as configured", "", "", measured, None)


def _never_backprop(subject: Subject, claim: NeverBackprop) -> Iterator[Row]:
    """An output that is clamped part of the way: no gradient of the loss, however small beta."""
    yield from per_edge(subject, claim.words)
    tiny = subject.gradient(subject.resting, 1e-3)
    error = relative_error(tiny, subject.reference)
    measured = f"cosine {cosine(tiny, subject.reference):.4f}, relative error {error:.3f}"
    expected = "does not tend to the gradient of the loss"
    yield Row("beta a thousand times smaller", "", expected, measured, error > DIFFERENT)


def _equals_rule(subject: Subject, claim: EqualsRule) -> Row:
    other = subject.resting_version(under(claim.rule))
    error = relative_error(subject.gradient(subject.resting), subject.gradient(other))
    # two relaxations, each to its own rounding
    return Row(claim.words, "", "equal within 1e-8", f"relative error {error:.1e}", error < 1e-8)


def _differs(subject: Subject, claim: DiffersFromBackprop) -> Iterator[Row]:
    """Predictive coding at its clamped equilibrium is not backpropagation."""
    yield from per_edge(subject, claim.words, divided_by=output_precision(subject) or 1.0)
    yield from clamped_rows(subject, kinks(subject))


def _unbiased(subject: Subject) -> Row:
    """The mean of many draws along the gradient of the loss, within four standard errors."""
    reference = flat(subject.reference)
    keys = jax.random.split(jax.random.key(subject.seed), DRAWS)
    drawn = [flat(subject.gradient(subject.model, key=key)) for key in keys]
    along = np.array([gradient @ reference for gradient in drawn]) / (reference @ reference)
    error = float(along.std(ddof=1)) / sqrt(DRAWS)
    measured = f"{along.mean():.3f} +- {error:.3f} over {DRAWS} draws"
    passed = abs(float(along.mean()) - 1) < 4 * error
    expected = "1 within four standard errors: unbiased"
    return Row("mean gradient along that of the loss", "", expected, measured, passed)
