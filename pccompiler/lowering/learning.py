"""The training state, and its update by a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from pccompiler.components.rules.contract import OwnArrays
from pccompiler.components.vocabulary import Array, Params
from pccompiler.lowering.parameters import init_own
from pccompiler.planning.plan import UpdatePlan
from pccompiler.spec.models import LearningSpec

OwnGradient = Mapping[str, Mapping[str, Array]]
"""By owner and name, for the arrays of a rule that learn."""


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
    from; under `rule` the arrays that the rule owns, and the memory of their optimisers. `step`
    counts finished steps. `key` is the seed as raw key data; random numbers are a function of
    it, the step and a name. `horizon` is the total number of steps that the learning-rate
    schedule plans for, or 0.
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


def learn(
    plan: UpdatePlan,
    learning: LearningSpec,
    state: TrainState,
    gradient: Params,
    own_gradient: OwnGradient,
) -> TrainState:
    """The state with parameters, own arrays and optimisers one update further."""
    updates: Any
    with jax.numpy_dtype_promotion("standard"):  # Optax raises numbers to integer step counts
        updates, optimizer_state = make_optimizer(learning).update(
            gradient, state.optimizer_state, state.params
        )
    if leaves := jax.tree.leaves(updates):  # none in a network without parameters
        dtype = leaves[0].dtype
        fraction = state.step.astype(dtype) / jnp.maximum(state.horizon, 1).astype(dtype)
        factor = learning.schedule.factor(fraction)
        updates = jax.tree.map(lambda update: update * factor, updates)
    scales = {name: update_scale(plan, name) for name in updates}
    updates = {
        name: tree if scales[name] == 1 else jax.tree.map(lambda u, s=scales[name]: u * s, tree)
        for name, tree in updates.items()
    }
    aux = state.aux
    if plan.own:
        aux = {**aux, "rule": _own_learned(plan.own, aux["rule"], own_gradient)}
    params = optax.apply_updates(state.params, updates)
    return replace(state, params=params, optimizer_state=optimizer_state, aux=aux)


def trained_part(plan: UpdatePlan, gradient: Params) -> Params:
    """The gradient, zero for the edges that are not trained."""
    return {
        name: tree if update_scale(plan, name) else jax.tree.map(jnp.zeros_like, tree)
        for name, tree in gradient.items()
    }


def update_scale(plan: UpdatePlan, edge: str) -> float:
    """The factor on the updates of an edge's parameters; 0 where they do not learn."""
    return 0 if edge in plan.estimator.leaves_alone else plan.graph.edge[edge].update_scale


def own_arrays(aux: Any) -> Any:
    """The arrays that the rule owns, in what a training state carries."""
    return (aux or {}).get("rule", {}).get("arrays", {})


def init_rule(own: OwnArrays, key: Array, dtype: Any) -> dict[str, Any]:
    """A rule's part of the initial training state: its arrays, and the memory of the optimisers of
    those that learn."""
    arrays = init_own(own, key, dtype)
    memory = {
        owner: {
            name: array.optimizer.transformation().init(arrays[owner][name])
            for name, array in table.items()
            if array.optimizer
        }
        for owner, table in own.items()
    }
    return {"arrays": arrays, "optimizer": memory}


def _own_learned(own: OwnArrays, carried: Any, gradient: OwnGradient) -> dict[str, Any]:
    arrays = {owner: dict(table) for owner, table in carried["arrays"].items()}
    memory = {owner: dict(table) for owner, table in carried["optimizer"].items()}
    for owner, table in own.items():
        for name, array in table.items():
            if array.optimizer is None:
                continue
            x = arrays[owner][name]
            with jax.numpy_dtype_promotion("standard"):
                update, memory[owner][name] = array.optimizer.transformation().update(
                    gradient[owner][name], memory[owner][name], x
                )
            arrays[owner][name] = optax.apply_updates(x, update)
    return {"arrays": arrays, "optimizer": memory}
