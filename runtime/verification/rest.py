"""Checks of relaxation and reference: falling energies, states at rest, and gradients there."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

import jax
import numpy as np

from pccompiler.components.state_optimizers import FixedPoint, StateSGD
from pccompiler.components.vocabulary import Array, Descent, Params, PhaseKind
from pccompiler.lowering.equilibrium import rest_map
from runtime.verification.rows import Report, Row
from runtime.verification.subject import MOST_STEPS, Subject, flat, largest, relative_error

EXACT = 1e-10
"""The relative error of gradients that are equal in theory."""

AT_REST = 1e-9
"""The largest way to rest that counts as an equilibrium."""

UNROLLED = 300
"""Inference steps that are differentiated one by one."""


def energy_falls(subject: Subject, report: Report) -> Iterator[Row]:
    """F over the inference steps that the spec takes."""
    model, plan = subject.model, subject.model.plan
    own = plan.state_optimizer
    for phase in plan.phases:
        spec = phase.phase
        if spec.kind is not PhaseKind.RELAX or spec.descent is not Descent.ENERGY:
            continue
        # coordinate descent: in a Hopfield network each block moves to its own minimum
        blocks = isinstance(own, FixedPoint) and phase.colours and not spec.nudged
        blocks = blocks and plan.graph.form.undirected and plan.graph.form.wants_potential()
        descends = isinstance(own, StateSGD) and not own.momentum
        descends = bool(descends or blocks) and not plan.graph.one_way
        rows = model.trace(subject.params, subject.batch, phase=spec.name, aux=subject.aux)
        total = jax.vmap(
            lambda states, name=spec.name: model.energy(
                subject.params, states, subject.batch, phase=name, aux=subject.aux
            )["total"]
        )(rows["states"])
        energies = np.asarray(total)
        report.energies[spec.name] = [float(e) for e in energies.mean(axis=1)]
        rise = float(np.diff(energies, axis=0).max(initial=-np.inf))
        scale = max(float(np.abs(energies).max()), 1e-30)
        falls = rise <= 1e-12 * scale
        expected = "falls at every step"
        expected += "" if blocks else ", for rates that are small enough"
        if not descends:
            expected = "no promise: momentum, Adam, fixed points or a field without energy"
        measured = f"{energies[0].mean():.6g} -> {energies[-1].mean():.6g}"
        if not isfinite(energies[-1].mean()):
            measured += "; diverges: lower the rate of the states"
        elif not falls:
            measured += f"; rises by up to {rise:.2g} in a step"
            measured += ": lower the rate of the states" if descends else ""
        passed = falls if descends else None if isfinite(energies[-1].mean()) else False
        yield Row("energy over inference", spec.name, expected, measured, passed)


def settled(subject: Subject) -> Iterator[Row]:
    """How far the spec's own steps come, and that the states can come to rest at all."""
    relaxing = [
        phase.phase
        for phase in (*subject.model.plan.phases, subject.model.plan.prediction)
        if phase.phase.kind is PhaseKind.RELAX and phase.phase.descent is Descent.ENERGY
    ]
    for phase in relaxing:
        own = _way_to_rest(subject, subject.model, phase.name)
        yield Row("way to rest, as configured", phase.name, "", f"{own:.1e}", None)
    for phase in relaxing:
        left = _way_to_rest(subject, subject.settled, phase.name)
        measured = f"{left:.1e}"
        if not left < AT_REST:
            measured += f" after {MOST_STEPS} steps: lower the rate of the states, or damp them"
        expected = f"below {AT_REST:g} with steps enough"
        yield Row("way to rest, settled", phase.name, expected, measured, left < AT_REST)


def _way_to_rest(subject: Subject, model: Any, phase: str) -> float:
    states = model.infer(subject.params, subject.batch, phase=phase, aux=subject.aux)
    free = {name: states[name] for name in model.plan.phase(phase).free}
    there = rest_map(model.plan, phase, states, subject.batch)(subject.params, free)
    distance = largest({name: there[name] - x for name, x in free.items()})
    return distance if isfinite(distance) else float("inf")


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
    model, params, batch = subject.settled, subject.params, subject.batch
    if "free" not in {phase.phase.name for phase in model.plan.phases}:
        return
    states = model.infer(params, batch, phase="free", aux=subject.aux)

    def energy(params: Params) -> Array:
        return model.energy(params, states, batch, phase="free", aux=subject.aux)["total"].mean()

    size = float(np.linalg.norm(flat(jax.grad(energy)(params))))
    vanishes = model.plan.phase("free").phase.kind is PhaseKind.FORWARD
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
        subject.with_rule("backprop"),
    )
    error = relative_error(unrolled.gradients(subject.params, subject.batch), subject.reference)
    expected = "equal once the states are at rest within the steps"
    passed = True if error < 1e-6 else None
    check = f"reference against backpropagation through {UNROLLED} steps"
    yield Row(check, "", expected, f"relative error {error:.1e}", passed)
