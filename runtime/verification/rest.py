"""Checks of relaxation and reference: falling energies, states at rest, and gradients there."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import jax
import numpy as np

from pccompiler.components.phases import PhaseKind
from pccompiler.components.rules import BASELINE
from pccompiler.components.vocabulary import Array, Params
from pccompiler.ir.coupling import are_apart
from runtime.verification.rows import Report, Row
from runtime.verification.subject import AT_REST, Subject, flat, relative_error, under

EXACT = 1e-10
"""The relative error of gradients that are equal in theory."""

UNROLLED = 300
"""Inference steps that are differentiated one by one."""


def energy_falls(subject: Subject, report: Report) -> Iterator[Row]:
    """F over the inference steps that the spec takes."""
    model, plan = subject.model, subject.model.plan
    own = plan.state_optimizer
    for phase in plan.phases:
        if phase.kind is not PhaseKind.RELAX or not phase.descent.as_configured:
            continue
        # coordinate descent: in a Hopfield network each block moves to its own minimum
        steady = own.rate is not None and not own.slots  # every step is -rate times its gradient
        blocks = steady and own.seeks_rest and phase.colours and not phase.nudged
        blocks = blocks and are_apart(plan.graph, plan.copies, phase.colours)
        blocks = blocks and plan.graph.form.undirected and plan.graph.form.wants_potential()
        descends = steady and not own.seeks_rest
        descends = bool(descends or blocks) and not plan.graph.one_way
        rows = model.trace(subject.params, subject.batch, phase=phase.name, aux=subject.aux)
        total = jax.vmap(
            lambda states, name=phase.name: model.energy(
                subject.params, states, subject.batch, phase=name, aux=subject.aux
            )["total"]
        )(rows["states"])
        energies = np.asarray(total)
        report.energies[phase.name] = [float(e) for e in energies.mean(axis=1)]
        rise = float(np.diff(energies, axis=0).max(initial=-np.inf))
        scale = max(float(np.abs(energies).max()), 1e-30)
        falls = rise <= 1e-12 * scale
        expected = "falls at every step"
        expected += "" if blocks else ", for rates that are small enough"
        if not descends:
            expected = "no promise: momentum, Adam, fixed points or a field without energy"
        measured = f"{energies[0].mean():.6g} -> {energies[-1].mean():.6g}"
        if not isfinite(energies[-1].mean()):
            measured += "; diverges: " + _calmer_words(subject)
        elif not falls:
            measured += f"; rises by up to {rise:.2g} in a step"
            measured += ": lower the rate of the states" if descends and not blocks else ""
        passed = falls if descends else None if isfinite(energies[-1].mean()) else False
        yield Row("energy over inference", phase.name, expected, measured, passed)


def _calmer_words(subject: Subject) -> str:
    return subject.model.plan.state_optimizer.calmed_by


def comes_to_rest(subject: Subject) -> Iterator[Row]:
    """Measures how far the spec's own steps come, and whether the states can come to rest at
    all."""
    for phase in subject.relaxing:
        own = subject.way_to_rest(subject.model, phase)
        yield Row("way to rest, as configured", phase, "", f"{own:.1e}", None)
    for phase, left in subject.rest.ways.items():
        measured = f"{left:.1e}"
        if subject.rest.calmed and left < AT_REST:
            measured += f" by {subject.calmer}"
        elif not left < AT_REST:
            nor = "" if subject.rest.calmed else "nor "  # of Adam only the calmer one is tried
            measured += f" after {subject.most_steps} steps, {nor}by {subject.calmer}: "
            measured += _no_rest(subject)
        expected = f"below {AT_REST:g} with steps enough"
        yield Row("way to rest, with more steps", phase, expected, measured, left < AT_REST)


def _no_rest(subject: Subject) -> str:
    """The reason why states may have no state of rest."""
    if subject.model.graph.one_way:
        return "a field without an energy may have no stable state of rest"
    return (
        "F may have no minimum here; smaller weights, or activations with bounds, give it one; "
        "or pass more --steps"
    )


def reference_holds(subject: Subject) -> Iterator[Row]:
    """The gradient that everything is compared with, against finite differences of the loss."""
    if not subject.model.plan.outputs:
        return
    reference = subject.reference
    size = float(np.linalg.norm(flat(reference)))
    eps = 1e-5 * max(float(np.linalg.norm(flat(subject.params))), 1.0) / max(size, 1e-30)
    ends = [
        float(
            subject.loss(
                jax.tree.map(lambda p, g, s=sign: p + s * eps * g, subject.params, reference)
            )
        )
        for sign in (1, -1)
    ]
    slope = (ends[0] - ends[1]) / (2 * eps)
    error = abs(slope - size**2) / max(size**2, 1e-30)
    how = "backpropagation" if subject.predicts_forward else "implicit function theorem"
    yield Row(
        f"reference gradient ({how})",
        "",
        "slope of the loss along it, by finite differences, within 1e-5",
        f"{error:.1e}",
        error < 1e-5,
    )


def energy_at_rest(subject: Subject) -> Iterator[Row]:
    """dE/dparams at the free state of rest: zero where all errors vanish there."""
    model, params, batch = subject.resting, subject.params, subject.batch
    if "free" not in {phase.name for phase in model.plan.phases}:
        return
    states = model.infer(params, batch, phase="free", aux=subject.aux)

    def energy(params: Params) -> Array:
        return model.energy(params, states, batch, phase="free", aux=subject.aux)["total"].mean()

    size = float(np.linalg.norm(flat(jax.grad(energy)(params))))
    vanishes = model.plan.phase("free").kind is PhaseKind.FORWARD
    expected = f"below {EXACT:g}: no error is left" if vanishes else "any: the contrast removes it"
    passed = size < EXACT if vanishes else None
    yield Row("dE/dparams at rest", "free", expected, f"norm {size:.2e}", passed)


def through_steps(subject: Subject) -> Iterator[Row]:
    """The reference gradient against backpropagation through many steps of the relaxation."""
    if not subject.model.plan.outputs or subject.predicts_forward:
        return
    unrolled = subject.version(
        "inference.stop=null",
        f"inference.steps={UNROLLED}",
        f"prediction.steps={UNROLLED}",
        under(BASELINE()),
    )
    error = relative_error(unrolled.gradients(subject.params, subject.batch), subject.reference)
    expected = "equal once the states are at rest within the steps"
    passed = True if error < 1e-6 else None
    check = f"reference against backpropagation through {UNROLLED} steps"
    yield Row(check, "", expected, f"relative error {error:.1e}", passed)
