"""The queries of a compiled model: the arrays that each needs, and its evaluation.

All of it runs inside a jitted program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from pccompiler.components.vocabulary import Array, Params
from pccompiler.lowering.equations import Equations
from pccompiler.lowering.evidence import TrainingEvidence
from pccompiler.lowering.learning import TrainState
from pccompiler.lowering.relaxation import zero_per_sample
from pccompiler.lowering.scores import sample_accuracy, sample_loss
from pccompiler.lowering.states import States
from pccompiler.lowering.training import step_evidence
from pccompiler.planning.plan import UpdatePlan


@dataclass(frozen=True)
class Blame:
    """The first place where a step was not finite: `step` counts inference steps (the end is steps
    + 1).

    `gradient`: states and energies are finite, but the gradient of edges into the node is not.
    """

    phase: str
    step: int
    node: str
    gradient: bool = False


def arrays_needed(plan: UpdatePlan, want: str, phase: str) -> tuple[str, ...]:
    """The nodes whose arrays a question needs: those held or nudged in the phases that run,
    and for a loss the targets."""
    targets: tuple[str, ...] = ()
    if want == "predictions":
        return plan.prediction.clamped
    if want == "evaluation":
        running, targets = [plan.prediction], plan.outputs
    elif want in ("gradients", "training"):
        running = list(plan.phases)
        if plan.estimator.through_prediction:
            running.append(plan.prediction)
        if want == "training" or plan.estimator.reads_targets:
            targets = plan.outputs
    else:
        running = [plan.phase(phase)]
        while (start := running[-1].start) is not None:
            running.append(plan.phase(start))
    needed = [name for p in running for name in p.reads]
    return tuple(dict.fromkeys([*needed, *targets]))


def answer(evidence: TrainingEvidence, want: str, phase: str) -> Any:
    if want == "predictions":
        return evidence.read()
    if want == "gradients":
        return evidence.plan.estimator.gradient(evidence)
    if want == "states":
        return evidence.states(phase)
    return _steps_and_end(evidence, phase)


def _steps_and_end(evidence: TrainingEvidence, phase: str) -> dict[str, States]:
    """States and energies of a phase at every step, where it was observed, and at the end."""
    end = {"states": evidence.states(phase), "energies": evidence.energies(phase)}
    end = jax.tree.map(lambda leaf: leaf[None], end)
    rows = evidence.end(phase).observed
    return jax.tree.map(_joined, rows, end) if rows else end


def evaluate(
    plan: UpdatePlan, params: Params, running: Any, batch: Mapping[str, Array], weight: Array
) -> dict[str, Array]:
    evidence = TrainingEvidence(plan, params, batch, jax.random.key(0), running=running)
    outputs = evidence.outputs()
    zero = zero_per_sample(evidence.batch)
    energy = sum(evidence.energies(plan.prediction.name).values(), start=zero)
    correct = sample_accuracy(plan, evidence.batch, outputs) if outputs else zero
    loss = sample_loss(plan, evidence.batch, outputs)
    sums = {"loss": loss, "correct": correct, "energy": energy, "count": zero + 1}
    # where, not a product: padding must not matter even if its loss overflows
    return {name: jnp.where(weight > 0, value, 0).sum() for name, value in sums.items()}


def finite_rows(
    plan: UpdatePlan, state: TrainState, batch: Mapping[str, Array]
) -> tuple[dict[str, dict[str, Array]], dict[str, Array]]:
    """Per phase and node, whether state and energy are finite at each step and at the end;
    and per node, whether the gradient of its incoming edges is."""
    evidence = step_evidence(plan, state, batch, _finite_step)
    rows: dict[str, dict[str, Array]] = {}
    for phase in plan.phases:
        name = phase.name
        end = {"states": evidence.states(name), "energies": evidence.energies(name)}
        finite = jax.tree.map(lambda leaf: _all_finite(leaf)[None], end)
        if observed := evidence.end(name).observed:
            finite = jax.tree.map(_joined, observed, finite)
        rows[name] = {
            node: ok & finite["energies"].get(node, True) for node, ok in finite["states"].items()
        }
    gradient = plan.estimator.gradient(evidence)
    by_node: dict[str, list[Array]] = {}
    for edge, tree in gradient.items():
        finite = [_all_finite(leaf) for leaf in jax.tree.leaves(tree)]
        by_node.setdefault(plan.graph.edge[edge].target, []).extend(finite)
    return rows, {node: jnp.stack(finite).all() for node, finite in by_node.items()}


def first_blame(
    plan: UpdatePlan, rows: Mapping[str, Mapping[str, Any]], gradients: Mapping[str, Any]
) -> Blame | None:
    """The first place of `finite_rows` that is not finite: phases in the order in which they
    run, then inference steps, then nodes in forward order."""
    # By name, since JAX hands dictionaries back sorted by their keys.
    order = [node.name for node in plan.graph.nodes]
    for phase in plan.phases:
        name = phase.name
        nodes = {node: rows[name][node] for node in order if node in rows[name]}
        count = max(len(row) for row in nodes.values())
        for step in range(count):
            for node, row in nodes.items():
                if not row[step]:  # the last row is the end, even where steps went unrecorded
                    return Blame(name, step + 1 if step < count - 1 else phase.steps + 1, node)
    last = plan.phases[-1]
    broken = (node for node in order if not gradients.get(node, True))
    return next((Blame(last.name, last.steps + 1, node, gradient=True) for node in broken), None)


def everything(
    _: Equations, states: States, energies: Mapping[str, Array], __: States
) -> dict[str, Any]:
    return {"states": dict(states), "energies": dict(energies)}


def _joined(rows: Array, end: Array) -> Array:
    return jnp.concatenate([rows, end])


def _finite_step(
    _: Equations, states: States, energies: Mapping[str, Array], __: States
) -> dict[str, Any]:
    """Records what `everything` does, as one bit per node: a step's states may be large."""
    return jax.tree.map(_all_finite, {"states": dict(states), "energies": dict(energies)})


def _all_finite(array: Array) -> Array:
    return jnp.isfinite(array).all()
