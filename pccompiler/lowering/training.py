"""A training step in JAX: run the phases, estimate the gradient, update the parameters.

And many of them in one call: a loop on the device with a traced trip count and rows of
metrics of fixed capacity, so that a small network is not slowed by Python and the length of a
call can change without compiling again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pccompiler.components.operators import Operator
from pccompiler.components.phases import PhaseKind
from pccompiler.components.vocabulary import Array
from pccompiler.lowering.equations import Equations
from pccompiler.lowering.evidence import TrainingEvidence, nudge
from pccompiler.lowering.incremental import learn_while_relaxing
from pccompiler.lowering.learning import TrainState, init_rule, learn, own_arrays, trained_part
from pccompiler.lowering.metrics import Metrics, step_metrics
from pccompiler.lowering.parameters import init_statistics, updated_statistics
from pccompiler.lowering.randomness import named_key
from pccompiler.lowering.relaxation import Record
from pccompiler.lowering.states import States, state_shape
from pccompiler.planning.plan import UpdatePlan
from pccompiler.spec.models import LearningSpec


def training_step(
    plan: UpdatePlan, learning: LearningSpec, state: TrainState, batch: Mapping[str, Array]
) -> tuple[TrainState, Metrics]:
    """One step: phases, gradient, optimiser; and metrics that reuse what it computes anyway."""
    watch = _step_statistics if _keeps_while_relaxing(plan) else None
    evidence = step_evidence(plan, state, batch, watch)
    update = partial(learn, plan, learning)
    if plan.learning_phase is None:
        gradient = trained_part(plan, plan.estimator.gradient(evidence))
        after = update(state, gradient, plan.estimator.own_gradient(evidence))
    else:
        after, evidence, gradient = learn_while_relaxing(evidence, state, update)
    aux = _aux_after(plan, evidence, after)
    metrics = step_metrics(plan, evidence, gradient)
    return replace(after, aux=aux, step=state.step + 1), metrics


def step_evidence(
    plan: UpdatePlan, state: TrainState, batch: Mapping[str, Array], observe: Record | None
) -> TrainingEvidence:
    """The evidence of the step that comes next."""
    key, nudging = step_key(state), plan.nudging
    epoch = state.step * nudging.epochs // jnp.maximum(state.horizon, 1) if nudging else 0
    return TrainingEvidence(
        plan,
        state.params,
        batch,
        key,
        observe=observe,
        start=_carried(state, batch),
        nudge=nudge(nudging, key, epoch),
        own=own_arrays(state.aux),
    )


def _carried(state: TrainState, batch: Mapping[str, Array]) -> States | None:
    """The states that the step before left, where its batch was as large as this one."""
    states = state.aux.get("states")
    size = next(iter(batch.values())).shape[0]
    if states is None or any(x.shape[0] != size for x in states.values()):
        return None
    return states


def init_aux(plan: UpdatePlan, key: Array, batch_size: int, dtype: Any) -> dict[str, Any]:
    """The part of the initial training state beside parameters and optimiser."""
    statistics = init_statistics(plan.graph, dtype)
    aux: dict[str, Any] = {"statistics": statistics} if statistics else {}
    if plan.own:
        aux["rule"] = init_rule(plan.own, key, dtype)
    if plan.init.carries:
        aux["states"] = {
            name: plan.init.start(
                state_shape(plan.graph, name, batch_size),
                dtype,
                named_key(key, "start", name) if plan.init.draws else None,
                None,
            )
            for name in plan.phases[0].free
        }
    return aux


def _keeps_while_relaxing(plan: UpdatePlan) -> bool:
    """Whether some operator keeps running statistics that change while states relax."""
    return any(
        operator.statistics(shape) and operator.updates_while_relaxing
        for edge in plan.graph.edges
        for operator, shape, _ in edge.pipeline
    )


def _while_relaxing(operator: Operator) -> bool:
    return operator.updates_while_relaxing


def _step_statistics(equations: Equations, states: States, *_: Any) -> dict[str, Any]:
    """Records the batch statistics of an inference step."""
    return equations.batch_statistics(states)


def _aux_after(plan: UpdatePlan, evidence: TrainingEvidence, after: TrainState) -> dict[str, Any]:
    """The part of the training state beside parameters and optimiser, after a step."""
    aux = dict(after.aux)
    if "statistics" in aux:
        aux["statistics"] = _statistics_after(plan, evidence, aux["statistics"])
    if "states" in aux:
        ends = evidence.end(plan.phases[0].name).states
        aux["states"] = {name: ends[name] for name in aux["states"]}
    return aux


def _statistics_after(plan: UpdatePlan, evidence: TrainingEvidence, running: Any) -> Any:
    """The running statistics after a step, from the phase that the rule reports.

    They take in the statistics of the final states once; those of operators that are not
    frozen also the statistics of every inference step taken.
    """
    end = evidence.end(plan.reported)
    if _keeps_while_relaxing(plan) and end.observed:
        most = end.taken.max()

        def take_in(running: Any, row: Any) -> tuple[Any, None]:
            t, measured = row
            after = updated_statistics(plan.graph, running, measured, _while_relaxing)
            return jax.tree.map(
                lambda new, old: jnp.where(t < most, new, old), after, running
            ), None

        steps = jnp.arange(plan.phase(plan.reported).steps, dtype=jnp.int32)
        running, _ = lax.scan(take_in, running, (steps, end.observed))
    measured = evidence.equations(evidence.params).batch_statistics(end.states)
    return updated_statistics(plan.graph, running, measured, lambda _: True)


def train_many(
    plan: UpdatePlan,
    learning: LearningSpec,
    state: TrainState,
    data: Mapping[str, Array],
    order: Array,
    count: Array,
) -> tuple[TrainState, Array, Array]:
    """`count` training steps on the batches data[order[i]], in one loop on the device.

    Stops after the step of a batch whose metrics are not finite, whose number it returns
    (`count` where there is none): the state before that batch is what as many steps from the
    same start give. Choosing by step between the old state and the new one, on the device,
    would cost a small network more than all its metrics.

    Returns the state, the metrics as rows (len(order), number of metrics) in the order of
    `jax.tree.leaves`, and the number of steps whose batch was good.
    """

    def batch_at(i: Array) -> dict[str, Array]:
        return {name: values[order[i]] for name, values in data.items()}

    # The metrics of a step travel as one row: twenty small writes would cost more than it.
    step = partial(training_step, plan, learning)
    like = jax.tree.leaves(jax.eval_shape(lambda: step(state, batch_at(jnp.int32(0)))[1]))
    rows = jnp.zeros((order.shape[0], len(like)), like[0].dtype)

    def going(carry: Any) -> Array:
        i, *_, healthy = carry
        return (i < count) & healthy

    def body(carry: Any) -> Any:
        i, state, rows, _ = carry
        state, metrics = step(state, batch_at(i))
        row = jnp.stack(jax.tree.leaves(metrics))
        rows = lax.dynamic_update_index_in_dim(rows, row, i, axis=0)
        return i + 1, state, rows, jnp.isfinite(row).all()

    start = (jnp.int32(0), state, rows, jnp.bool_(True))
    i, state, rows, healthy = lax.while_loop(going, body, start)
    return state, rows, i - (~healthy).astype(jnp.int32)


def trajectories(
    plan: UpdatePlan, state: TrainState, batch: Mapping[str, Array]
) -> tuple[dict[str, dict[str, dict[str, Array]]], dict[str, Array]]:
    """(batch means along the inference steps, {what: {phase: {node: row}}}, of relaxing phases;
    by phase, the steps that its slowest sample took).

    `energy`: of a node, at each step and at the end; `state_gradient_norm`: ||dF/dx_n||, the
    Euclidean norm over the units of the node's state, as each step finds it.
    """

    def means(_: Equations, __: States, energies: Mapping[str, Array], slopes: States) -> Any:
        return {
            "energy": {name: energy.mean() for name, energy in energies.items()},
            "state_gradient_norm": {
                name: jnp.sqrt((g * g).sum(axis=tuple(range(1, g.ndim)))).mean()
                for name, g in slopes.items()
            },
        }

    evidence = step_evidence(plan, state, batch, means)
    result: dict[str, dict[str, dict[str, Array]]] = {"energy": {}, "state_gradient_norm": {}}
    taken: dict[str, Array] = {}
    for phase in plan.phases:
        name = phase.name
        if phase.kind is not PhaseKind.RELAX:
            continue
        nothing = {"energy": {}, "state_gradient_norm": {}}  # in a phase of no steps
        rows = evidence.end(name).observed or nothing
        taken[name] = evidence.end(name).taken.max()
        result["state_gradient_norm"][name] = rows["state_gradient_norm"]
        result["energy"][name] = {
            node: jnp.append(rows["energy"].get(node, jnp.zeros((0,), end.dtype)), end.mean())
            for node, end in evidence.energies(name).items()
        }
    return result, taken


def taken_rows(
    found: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]], taken: Mapping[str, int]
) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """The rows of `trajectories`, on the host, without the steps that no sample took."""
    cut = {"energy": _taken_and_end, "state_gradient_norm": _taken}
    return {
        what: {
            phase: {node: cut[what](row, taken[phase]) for node, row in nodes.items()}
            for phase, nodes in phases.items()
        }
        for what, phases in found.items()
    }


def _taken(row: np.ndarray, steps: int) -> np.ndarray:
    """The entries of the steps that were taken."""
    return row[:steps]


def _taken_and_end(row: np.ndarray, steps: int) -> np.ndarray:
    """Those, and the last entry, which is of the end."""
    return np.append(row[:-1][:steps], row[-1])


def step_key(state: TrainState) -> Array:
    """The key of a training step: a function of the seed and the step's number."""
    return jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
