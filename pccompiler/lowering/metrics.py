"""The metrics of a training step: energies, norms, and the scores of its prediction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pccompiler.components.phases import PhaseKind
from pccompiler.components.vocabulary import Array, Params
from pccompiler.lowering.evidence import TrainingEvidence
from pccompiler.lowering.relaxation import zero_per_sample
from pccompiler.lowering.scores import sample_accuracy, sample_loss
from pccompiler.lowering.states import States
from pccompiler.planning.plan import UpdatePlan

Metrics = dict[str, Any]


def step_metrics(plan: UpdatePlan, evidence: TrainingEvidence, gradient: Params) -> Metrics:
    """Batch means, each a scalar.

    Scalars of a kind are computed together, as one vector: on the CPU a training step of a
    small network is so short that a few dozen operations on single numbers would show.
    """
    metrics: Metrics = {name: {} for name in ("energy", "node_energy", "steps")}
    for phase in plan.phases:
        name = phase.name
        end = evidence.end(name)
        energies = evidence.energies(name)
        ends = _batch_means(energies.values(), zero_per_sample(end.states))
        external = evidence.external(name)
        metrics["energy"][name] = ends.sum() + (0 if external is None else external.mean())
        # The names of that very dictionary: JAX hands one back sorted, the plan's is not.
        metrics["node_energy"][name] = dict(zip(energies, ends, strict=True))
        if phase.kind is PhaseKind.RELAX:
            metrics["steps"][name] = end.taken.astype(ends.dtype).mean()
    metrics["gradient_norm"] = _gradient_norms(plan, gradient)
    predictions = evidence.predictions or _start_predictions(plan, evidence)
    if predictions and plan.outputs:
        loss = sample_loss(plan, evidence.batch, predictions).mean()
        metrics["loss"] = loss if evidence.mean_loss is None else evidence.mean_loss
        metrics["accuracy"] = sample_accuracy(plan, evidence.batch, predictions).mean()
    return metrics


def _batch_means(energies: Iterable[Array], like: Array) -> Array:
    """The mean over the batch of each energy, shape (number of them,); of none, an empty one."""
    rows = [*energies]
    return jnp.stack(rows).mean(axis=1) if rows else jnp.zeros((0,), like.dtype)


def _start_predictions(plan: UpdatePlan, evidence: TrainingEvidence) -> States | None:
    """The predictions that the step starts from: the end of a first phase that relaxes as
    prediction does, or the feedforward pass that it started with. None where they were made
    with the help of targets."""
    if plan.predictor:
        return None  # which would take passes of its own
    first = plan.phases[0]
    if first.kind is PhaseKind.RELAX and first.clamped == plan.prediction.clamped:
        return evidence.values(first.name)
    if plan.graph.outputs_meet or plan.graph.form.undirected:
        return None
    return evidence.end(first.name).predictions


def _gradient_norms(plan: UpdatePlan, gradient: Params) -> dict[str, Array]:
    """The norm of the gradient of all parameters on edges into a node, by node name."""
    # Behind the barrier, so that XLA does not fuse the norms with what the optimiser computes.
    gradient = lax.optimization_barrier(gradient)
    squares: dict[str, list[Array]] = {}
    for edge in plan.graph.edges:
        leaves = jax.tree.leaves(gradient.get(edge.name, {}))
        squares.setdefault(edge.target, []).extend(jnp.sum(leaf * leaf) for leaf in leaves)
    totals = {node: sum(terms[1:], start=terms[0]) for node, terms in squares.items() if terms}
    if not totals:
        return {}
    return dict(zip(totals, jnp.sqrt(jnp.stack(list(totals.values()))), strict=True))
