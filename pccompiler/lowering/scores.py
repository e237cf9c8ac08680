"""The loss and the accuracy of a network's outputs, sample by sample."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp

from pccompiler.components.vocabulary import Array
from pccompiler.lowering.equations import Equations
from pccompiler.lowering.states import States
from pccompiler.planning.plan import UpdatePlan


def sample_loss(plan: UpdatePlan, batch: Mapping[str, Array], outputs: States) -> Array:
    """Loss per sample, shape (batch,), summed over the outputs and the times of targets."""
    equations = Equations(plan.copies, {})
    losses = [equations.loss(name, batch[name], outputs[name]) for name in plan.outputs]
    if not losses:
        size, dtype = next(iter(batch.values())).shape[0], next(iter(batch.values())).dtype
        return jnp.zeros((size,), dtype)
    return sum(losses[1:], start=losses[0])


def sample_accuracy(plan: UpdatePlan, batch: Mapping[str, Array], outputs: States) -> Array:
    """Part of the outputs, positions and times of targets whose largest entry is the target's,
    per sample. Outputs that are not finite have no largest entry, and hit nothing."""
    time = plan.graph.time
    first = time.steps - 1 if time and not time.every else 0
    hits = [
        (
            (outputs[name].argmax(-1) == batch[name].argmax(-1))
            & jnp.isfinite(outputs[name]).all(-1)
        ).astype(outputs[name].dtype)
        for name in plan.outputs
    ]
    means = [
        (hit if time is None else hit[:, first:]).reshape(hit.shape[0], -1).mean(1) for hit in hits
    ]
    return sum(means[1:], start=means[0]) / len(means)
