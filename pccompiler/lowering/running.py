"""One phase of a step: its start, its relaxation, and its final states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pccompiler.components.phases import PhaseKind
from pccompiler.components.vocabulary import Array
from pccompiler.lowering.equations import EdgeValues, Equations
from pccompiler.lowering.randomness import named_key
from pccompiler.lowering.relaxation import Record, Relaxation, within, zero_per_sample
from pccompiler.lowering.states import Hold, States, state_shape
from pccompiler.lowering.sweep import feedforward
from pccompiler.planning.plan import PhasePlan, UpdatePlan


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["states", "values", "predictions", "observed", "taken", "pinned"],
    meta_fields=[],
)
@dataclass(frozen=True)
class PhaseEnd:
    """The end of a phase.

    `predictions` are those of the feedforward pass it started with, if it did. `observed` has
    one row per inference step, taken before the step. `taken` counts each sample's steps.
    `pinned` states are what edges read, where the phase keeps predictions as they were.
    """

    states: States
    values: EdgeValues
    predictions: States | None
    observed: Any
    taken: Array
    pinned: States | None = None

    def as_start(self) -> PhaseEnd:
        """The part that a later phase needs."""
        return replace(self, observed=None, pinned=None)


@dataclass(frozen=True)
class Start:
    """The start of a phase: all states, the edge values and predictions known there, and the values
    held on free nodes."""

    states: States
    values: EdgeValues
    predictions: States | None
    hold: Hold


def start_phase(
    plan: UpdatePlan,
    phase: PhasePlan,
    equations: Equations,
    batch: Mapping[str, Array],
    earlier: PhaseEnd | None = None,
    *,
    key: Array | None = None,
    hold: Hold | None = None,
    states: Mapping[str, Array] | None = None,
    beta: Array | float | None = None,
) -> Start:
    """Computes the start of a phase: the end of an earlier one, or the spec's start. Arguments as
    for `run_phase`."""
    clamped = {name: batch[name] for name in phase.clamped if name not in phase.free}
    hold = held_targets(plan, phase, batch).also(hold or Hold())
    size, dtype = _size_and_dtype(equations.params, batch, hold, states)
    predictions: States | None = None
    values: EdgeValues = {}
    sweeps = phase.kind is PhaseKind.FORWARD
    if earlier is not None:
        beta = phase.beta if beta is None else beta
        for name in phase.pulled:
            clamped[name] = _part_of_the_way(equations, name, earlier.states[name], batch, beta)
        begin = hold.on({**earlier.states, **clamped})
        values = {name: v for name, v in earlier.values.items() if name in phase.carried}
    else:
        given = clamped if sweeps else {**(states or {}), **clamped}
        at_predictions = sweeps or phase.descent.from_predictions or plan.init.at_predictions
        begin: States = {}
        if at_predictions or plan.init.sweeps:
            begin, predictions, values = feedforward(equations, given, hold, size, dtype)
        if not at_predictions:
            initial = _initial_states(plan, given, begin, size, dtype, key)
            begin, values = hold.on({**initial, **given}), {}
    if not sweeps:
        begin = {**begin, **{name: within(plan.graph, name, begin[name]) for name in phase.free}}
    return Start(begin, values, predictions, hold)


def run_phase(
    plan: UpdatePlan,
    phase: PhasePlan,
    equations: Equations,
    batch: Mapping[str, Array],
    earlier: PhaseEnd | None,
    *,
    observe: Record | None = None,
    key: Array | None = None,
    hold: Hold | None = None,
    states: Mapping[str, Array] | None = None,
    beta: Array | float | None = None,
) -> PhaseEnd:
    """Runs one phase on a batch, from the end of an earlier phase or from the spec's start.

    `states` replaces the spec's start of the nodes that it names; `beta`, a number or one for
    each sample, the one that the phase has.
    """
    beta = phase.beta if beta is None else beta
    start = start_phase(
        plan, phase, equations, batch, earlier, key=key, hold=hold, states=states, beta=beta
    )
    if phase.kind is PhaseKind.FORWARD:
        size = next(iter(start.states.values())).shape[0]
        taken = jnp.zeros((size,), jnp.int32)
        return PhaseEnd(start.states, start.values, start.predictions, None, taken)
    relaxation = Relaxation(
        plan, phase, equations, batch, start.states, start.values, observe, start.hold, beta
    )
    end, observed, taken = relaxation.run()
    pinned = start.states if phase.descent.pinned else None
    return PhaseEnd(
        {**start.states, **end}, relaxation.values, start.predictions, observed, taken, pinned
    )


def _part_of_the_way(
    equations: Equations, name: str, x: Array, batch: Mapping[str, Array], beta: Array | float
) -> Array:
    """x - beta dC/dx, part of the way from where an output is to its target."""
    slope = jax.grad(lambda x: equations.loss(name, batch[name], x).sum())(x)
    return x - jnp.reshape(jnp.asarray(beta, x.dtype), (-1, *(1,) * (x.ndim - 1))) * slope


def held_targets(plan: UpdatePlan, phase: PhasePlan, batch: Mapping[str, Array]) -> Hold:
    """The outputs that are held at the times of targets alone."""
    held = {name: batch[name] for name in phase.clamped if name in phase.free}
    there = np.array(plan.copies.targets)
    masks = {
        name: jnp.broadcast_to(there.reshape(-1, *(1,) * (x.ndim - 2)), x.shape)
        for name, x in held.items()
    }
    return Hold(held, masks)


def known_values(phase: PhasePlan, end: PhaseEnd) -> EdgeValues:
    """The edge values from the start of a phase that still hold at its end."""
    return {n: v for n, v in end.values.items() if n in phase.end.reused}


def final_energies(phase: PhasePlan, equations: Equations, end: PhaseEnd) -> dict[str, Array]:
    """Energies per node and sample at the end of a phase; zero where nothing has arrived."""
    last = phase.end
    reused = known_values(phase, end)
    reached = {n: last.first >= np.array(steps) for n, steps in last.arrivals.items()}
    live = equations.energies(phase, end.states, last.live, reused, reached, end.pinned)
    zero = zero_per_sample(end.states)
    return {name: live.get(name, zero) for name in phase.energies}


def _initial_states(
    plan: UpdatePlan,
    given: Mapping[str, Array],
    swept: Mapping[str, Array],
    size: int,
    dtype: Any,
    key: Array | None,
) -> States:
    """The spec's start of the nodes that are not `given`, from the states of a feedforward pass, if
    it wants one."""
    if plan.init.draws and key is None:
        raise ValueError("this spec starts inference at random states: pass `key`")
    states: States = {}
    for node in plan.graph.variables:
        name = node.name
        if name in given:
            continue
        shape = state_shape(plan.graph, name, size)
        own = named_key(key, name) if plan.init.draws and key is not None else None
        state = plan.init.start(shape, dtype, own, swept.get(name))
        if state.shape != shape or state.dtype != dtype:
            raise TypeError(
                f"the start {plan.init.name} gives `{name}` {state.dtype}{list(state.shape)}, "
                f"not {jnp.dtype(dtype)}{list(shape)}"
            )
        states[name] = state
    return states


def _size_and_dtype(
    params: Any, batch: Mapping[str, Array], hold: Hold, states: Mapping[str, Array] | None
) -> tuple[int, Any]:
    arrays = [*batch.values(), *hold.values.values(), *(states or {}).values()]
    leaves = jax.tree.leaves(params)
    return arrays[0].shape[0], (leaves[0] if leaves else arrays[0]).dtype
