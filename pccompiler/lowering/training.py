"""A training step in JAX: run the phases, estimate the gradient, update the parameters.

And many of them in one call: a loop on the device with a traced trip count and rows of
metrics of fixed capacity, so that a small network is not slowed by Python and the length of a
call can change without compiling again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from pccompiler.components.operators import Operator
from pccompiler.components.vocabulary import Array, Params, PhaseKind
from pccompiler.lowering.evidence import TrainingEvidence, nudge, sample_accuracy, sample_loss
from pccompiler.lowering.network import Equations
from pccompiler.lowering.parameters import init_statistics, updated_statistics
from pccompiler.lowering.randomness import named_key
from pccompiler.lowering.relaxation import Record, zero_per_sample
from pccompiler.lowering.states import States, state_shape
from pccompiler.planning.plan import UpdatePlan
from pccompiler.spec.models import LearningSpec

Metrics = dict[str, Any]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["params", "optimizer_state", "aux", "step", "key", "horizon"],
    meta_fields=[],
)
@dataclass(frozen=True)
class TrainState:
    """Everything that training carries from step to step: a pytree of arrays.

    `aux` holds what belongs to neither parameters nor optimiser: under `statistics` the running
    ones of normalising operators, by edge; under `states` those that the next batch starts
    from. `step` counts finished steps. `key` is the seed as raw key
    data; random numbers are a function of it, the step and a name. `horizon` is the total
    number of steps that the learning-rate schedule plans for, or 0.
    """

    params: Any
    optimizer_state: Any
    aux: Any
    step: Array
    key: Array
    horizon: Array


def make_optimizer(learning: LearningSpec) -> optax.GradientTransformation:
    """Clipping, then the optimiser; the schedule is applied by `learn`."""
    clip = learning.gradient_clip
    parts = []
    if clip.global_norm is not None:
        parts.append(optax.clip_by_global_norm(clip.global_norm))
    if clip.value is not None:
        parts.append(optax.clip(clip.value))
    return optax.chain(*parts, learning.optimizer.transformation())


def training_step(
    plan: UpdatePlan, learning: LearningSpec, state: TrainState, batch: Mapping[str, Array]
) -> tuple[TrainState, Metrics]:
    """One step: phases, gradient, optimiser."""
    gradient, metrics, aux = measure(plan, state, batch)
    return learn(plan, learning, state, gradient, aux), metrics


def measure(
    plan: UpdatePlan, state: TrainState, batch: Mapping[str, Array]
) -> tuple[Params, Metrics, Any]:
    """The gradient of a step, metrics that reuse what it computes anyway, and the aux after it."""
    watch = _step_statistics if _keeps_while_relaxing(plan) else None
    evidence = step_evidence(plan, state, batch, watch)
    gradient = plan.estimator.gradient(evidence)
    gradient = {
        name: tree if plan.graph.edge[name].update_scale else jax.tree.map(jnp.zeros_like, tree)
        for name, tree in gradient.items()
    }
    return gradient, _metrics(plan, evidence, gradient), _aux_after(plan, evidence, state)


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
    )


def _carried(state: TrainState, batch: Mapping[str, Array]) -> States | None:
    """The states that the step before left, where its batch was as large as this one."""
    states = state.aux.get("states")
    size = next(iter(batch.values())).shape[0]
    if states is None or any(x.shape[0] != size for x in states.values()):
        return None
    return states


def init_aux(plan: UpdatePlan, batch_size: int, dtype: Any, key: Array) -> dict[str, Any]:
    """What training carries beside parameters and optimiser, before the first step."""
    statistics = init_statistics(plan.graph, dtype)
    aux: dict[str, Any] = {"statistics": statistics} if statistics else {}
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


def learn(
    plan: UpdatePlan, learning: LearningSpec, state: TrainState, gradient: Params, aux: Any
) -> TrainState:
    """The state after the optimiser has taken a step along the gradient."""
    updates: Any
    with jax.numpy_dtype_promotion("standard"):  # Optax raises numbers to integer step counts
        updates, optimizer_state = make_optimizer(learning).update(
            gradient, state.optimizer_state, state.params
        )
    leaves = jax.tree.leaves(updates)  # none in a network without parameters
    if learning.schedule.needs_horizon and leaves:
        dtype = leaves[0].dtype
        fraction = state.step.astype(dtype) / jnp.maximum(state.horizon, 1).astype(dtype)
        factor = learning.schedule.factor(fraction)
        updates = jax.tree.map(lambda update: update * factor, updates)
    scales = {name: plan.graph.edge[name].update_scale for name in updates}
    updates = {
        name: tree if scales[name] == 1 else jax.tree.map(lambda u, s=scales[name]: u * s, tree)
        for name, tree in updates.items()
    }
    return TrainState(
        optax.apply_updates(state.params, updates),
        optimizer_state,
        aux,
        state.step + 1,
        state.key,
        state.horizon,
    )


def _keeps_while_relaxing(plan: UpdatePlan) -> bool:
    """Whether some operator keeps running statistics that change while states relax."""
    return any(
        operator.statistics(shape) and operator.updates_while_relaxing
        for edge in plan.graph.edges
        for operator, shape, _ in edge.stages
    )


def _while_relaxing(operator: Operator) -> bool:
    return operator.updates_while_relaxing


def _step_statistics(equations: Equations, states: States, *_: Any) -> dict[str, Any]:
    """Records the batch statistics of an inference step."""
    return equations.batch_statistics(states)


def _aux_after(plan: UpdatePlan, evidence: TrainingEvidence, state: TrainState) -> dict[str, Any]:
    """What the next step carries on."""
    aux = dict(state.aux)
    if "statistics" in aux:
        aux["statistics"] = _statistics_after(plan, evidence, aux["statistics"])
    if "states" in aux:
        ends = evidence.settled(plan.phases[0].phase.name).states
        aux["states"] = {name: ends[name] for name in aux["states"]}
    return aux


def _statistics_after(plan: UpdatePlan, evidence: TrainingEvidence, running: Any) -> Any:
    """The running statistics after a step, from the phase that the rule reports.

    They take in the statistics of the settled states once; those of operators that are not
    frozen also the statistics of every inference step taken.
    """
    settled = evidence.settled(plan.reported)
    if _keeps_while_relaxing(plan) and settled.observed:
        most = settled.taken.max()

        def take_in(running: Any, row: Any) -> tuple[Any, None]:
            t, measured = row
            after = updated_statistics(plan.graph, running, measured, _while_relaxing)
            return jax.tree.map(
                lambda new, old: jnp.where(t < most, new, old), after, running
            ), None

        steps = jnp.arange(plan.phase(plan.reported).phase.steps, dtype=jnp.int32)
        running, _ = lax.scan(take_in, running, (steps, settled.observed))
    measured = evidence.equations(evidence.params).batch_statistics(settled.states)
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
    like = jax.tree.leaves(jax.eval_shape(lambda: measure(plan, state, batch_at(jnp.int32(0)))[1]))
    rows = jnp.zeros((order.shape[0], len(like)), like[0].dtype)

    def going(carry: Any) -> Array:
        i, *_, healthy = carry
        return (i < count) & healthy

    def body(carry: Any) -> Any:
        i, state, rows, _ = carry
        gradient, metrics, aux = measure(plan, state, batch_at(i))
        row = jnp.stack(jax.tree.leaves(metrics))
        rows = lax.dynamic_update_index_in_dim(rows, row, i, axis=0)
        return i + 1, learn(plan, learning, state, gradient, aux), rows, jnp.isfinite(row).all()

    start = (jnp.int32(0), state, rows, jnp.bool_(True))
    i, state, rows, healthy = lax.while_loop(going, body, start)
    return state, rows, i - (~healthy).astype(jnp.int32)


def trajectories(
    plan: UpdatePlan, state: TrainState, batch: Mapping[str, Array]
) -> dict[str, dict[str, dict[str, Array]]]:
    """Batch means along the inference steps, {what: {phase: {node: row}}}, of relaxing phases.

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
    for phase in plan.phases:
        name = phase.phase.name
        if phase.phase.kind is not PhaseKind.RELAX:
            continue
        nothing = {"energy": {}, "state_gradient_norm": {}}  # in a phase of no steps
        rows = evidence.settled(name).observed or nothing
        result["state_gradient_norm"][name] = rows["state_gradient_norm"]
        result["energy"][name] = {
            node: jnp.append(rows["energy"].get(node, jnp.zeros((0,), end.dtype)), end.mean())
            for node, end in evidence.energies(name).items()
        }
    return result


def step_key(state: TrainState) -> Array:
    """The key of a training step: a function of the seed and the step's number."""
    return jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)


def _metrics(plan: UpdatePlan, evidence: TrainingEvidence, gradient: Params) -> Metrics:
    """Batch means, each a scalar.

    Scalars of a kind are computed together, as one vector: on the CPU a training step of a
    small network is so short that a few dozen operations on single numbers would show.
    """
    metrics: Metrics = {name: {} for name in ("energy", "node_energy", "steps")}
    for phase in plan.phases:
        name = phase.phase.name
        settled = evidence.settled(name)
        energies = evidence.energies(name)
        ends = _batch_means(energies.values(), zero_per_sample(settled.states))
        external = evidence.external(name)
        metrics["energy"][name] = ends.sum() + (0 if external is None else external.mean())
        # The names of that very dictionary: JAX hands one back sorted, the plan's is not.
        metrics["node_energy"][name] = dict(zip(energies, ends, strict=True))
        if phase.phase.kind is PhaseKind.RELAX:
            metrics["steps"][name] = settled.taken.astype(ends.dtype).mean()
    metrics["gradient_norm"] = _gradient_norms(plan, gradient)
    predictions = evidence.predictions or _start_predictions(plan, evidence)
    if predictions and plan.outputs:
        loss = sample_loss(plan, evidence.batch, predictions).mean()
        metrics["loss"] = loss if evidence.loss is None else evidence.loss
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
    first = plan.phases[0].phase
    if first.kind is PhaseKind.RELAX and first.clamped == plan.prediction.phase.clamped:
        return evidence.values(first.name)
    if plan.graph.outputs_meet or plan.graph.form.undirected:
        return None
    return evidence.settled(first.name).predictions


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
