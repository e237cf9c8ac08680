"""Checks of an output clamped to its target: its gradient against that of the loss.

With states at rest the gradient of F is dF*/dparams, F* = min_x F. An output of precision
lambda contributes lambda L, so with lambda' = t lambda

    F* / lambda' = L(prediction) + O(t)     and     dF*/dparams / lambda' -> dL/dparams

as t tends to zero, where every other error vanishes at the prediction. Direction and length of
the gradient are therefore compared apart, its length after division by lambda.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import log2
from typing import Any

import jax
import numpy as np

from pccompiler.components.vocabulary import Params
from runtime.verification.rest import EXACT
from runtime.verification.rows import Row
from runtime.verification.subject import Subject, flat, relative_error

DIFFERENT = 1e-3
"""The relative error from which on two gradients, or directions, are said to differ."""

FAINT = (0.02, 0.01)
"""The parts of its precision at which an output is clamped ever more weakly."""


def clamped_rows(subject: Subject, kinks: str) -> Iterator[Row]:
    """Direction and length against backpropagation, and what becomes of them as the output's
    precision vanishes. `kinks`: what keeps states from being smooth in it; empty for nothing."""
    weight = output_precision(subject)
    gradient = divided(subject.gradient(subject.resting), weight or 1.0)
    by = "" if weight in (None, 1.0) else f", divided by the output's precision {weight:g}"
    if not subject.model.plan.phases[0].free:
        error = relative_error(gradient, subject.reference)
        measured = f"relative error {error:.3g}{by}"
        passed = error < EXACT if weight is not None else None
        yield Row("clamped equilibrium", "", "no hidden node: equal", measured, passed)
        return
    yield _direction(subject, gradient)
    measured = f"{ratio(gradient, subject.reference):.4g} times that of the loss{by}"
    yield Row("clamped equilibrium, length", "", "", measured, None)
    if weight is not None and subject.predicts_forward and subject.model.graph.time is None:
        yield _vanishing(subject, weight, kinks)


def _direction(subject: Subject, gradient: Params) -> Row:
    """Whether the gradient points elsewhere than that of the loss: it infers before it learns."""
    way = relative_error(
        divided(gradient, _length(gradient) or 1.0),
        divided(subject.reference, _length(subject.reference) or 1.0),
    )
    measured, passed = f"directions differ by {way:.3g}", way > DIFFERENT
    if not passed:  # to first order in the errors the two agree
        measured, passed = f"{measured}: the errors are too small here to tell", None
    return Row(
        "clamped equilibrium", "", "another direction than backpropagation", measured, passed
    )


def _vanishing(subject: Subject, weight: float, kinks: str) -> Row:
    """The error that is left as the output's precision tends to zero: it does so linearly."""
    errors = [
        relative_error(
            divided(subject.gradient(_held_at(subject, part)), part * weight), subject.reference
        )
        for part in FAINT
    ]
    found = log2(max(errors[0], 1e-300) / max(errors[1], 1e-300))
    expected, passed = "approaches backpropagation with order 1 (0.9 to 1.1)", 0.9 <= found <= 1.1
    if min(errors) < 1e-8:
        expected, passed = "approaches backpropagation, or equals it", True
    elif not passed and kinks:
        expected, passed = f"{expected} between kinks; {kinks}", None
    listed = ", ".join(f"{e:.2e} at {part:g}" for e, part in zip(errors, FAINT, strict=True))
    check = "as the output's precision tends to 0"
    return Row(check, "", expected, f"order {found:.2f} (error {listed} of it)", passed)


def _held_at(subject: Subject, part: float) -> Any:
    """A version, with states at rest, whose outputs have this part of their precision."""
    graph = subject.model.graph
    outputs = subject.model.plan.outputs
    per_node = {
        node.name: node.precision * (part if node.name in outputs else 1.0)
        for node in graph.variables
        if node.name in outputs or node.precision != 1.0
    }
    return subject.resting_version(f"energy.precision={json.dumps({'per_node': per_node})}")


def output_precision(subject: Subject) -> float | None:
    """The precision of the outputs; None where they have different ones."""
    graph = subject.model.graph
    found = {graph.node[name].precision for name in subject.model.plan.outputs}
    return found.pop() if len(found) == 1 else None


def divided(gradient: Params, number: float) -> Params:
    return jax.tree.map(lambda leaf: leaf / number, gradient)


def ratio(gradient: Any, reference: Any) -> float:
    """The ratio of a gradient's length to that of the reference."""
    return _length(gradient) / max(_length(reference), 1e-300)


def _length(gradient: Params) -> float:
    return float(np.linalg.norm(flat(gradient)))
