"""Inference in JAX: the phases of a step, and the relaxation of the free states.

An inference step takes the gradient of the batch sum of F with respect to the states that
move, and lets the state optimiser change them:

    g_n = dF/dx_n,        x_n <- x_n + update(g_n)

One gradient serves all nodes (a synchronous update).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pccompiler.components.state_inits import AtRandom, Feedforward
from pccompiler.components.state_optimizers import Memory
from pccompiler.components.vocabulary import Array, PhaseKind
from pccompiler.lowering.network import EdgeValues, Equations, Hold, States, state_shape
from pccompiler.lowering.plan import Form, PhasePlan, Stretch, UpdatePlan
from pccompiler.lowering.randomness import named_key
from pccompiler.lowering.sweep import feedforward

Record = Callable[[Equations, States, Mapping[str, Array]], Any]
"""(the network, all states, energies per node and sample) -> what to record of a step."""


@dataclass(frozen=True)
class Settled:
    """The end of a phase.

    `predictions` are those of the feedforward pass it started with, if it did. `observed` has
    one row per inference step, taken before the step. `taken` counts each sample's steps.
    """

    states: States
    values: EdgeValues
    predictions: States | None
    observed: Any
    taken: Array


def run_phase(
    plan: UpdatePlan,
    phase: PhasePlan,
    equations: Equations,
    batch: Mapping[str, Array],
    start: Settled | None,
    *,
    observe: Record | None = None,
    key: Array | None = None,
    hold: Hold | None = None,
    states: Mapping[str, Array] | None = None,
) -> Settled:
    """Runs one phase on a batch, from the end of an earlier phase or from the spec's start.

    `states` replaces the spec's start of the nodes that it names.
    """
    clamped = {name: batch[name] for name in phase.phase.clamped if name not in phase.free}
    hold = _targets(plan, phase, batch).also(hold or Hold())
    size, dtype = _size_and_dtype(equations.params, batch, hold, states)
    predictions: States | None = None
    values: EdgeValues
    if start is not None:
        begin = hold.on({**start.states, **clamped})
        values = _still_valid(plan, phase, start.values)
    elif phase.phase.kind is PhaseKind.FORWARD or isinstance(plan.init, Feedforward):
        sweep = phase.phase.kind is PhaseKind.FORWARD
        given = clamped if sweep else {**(states or {}), **clamped}
        begin, predictions, values = feedforward(equations, given, hold, size, dtype)
    else:
        initial = _initial_states(plan, size, dtype, key)
        begin, values = hold.on({**initial, **(states or {}), **clamped}), {}
    if phase.phase.kind is PhaseKind.FORWARD:
        return Settled(begin, values, predictions, None, jnp.zeros((size,), jnp.int32))
    relaxation = _Relaxation(plan, phase, equations, batch, begin, values, observe, hold)
    end, observed, taken = relaxation.run()
    return Settled({**begin, **end}, relaxation.values, predictions, observed, taken)


def _targets(plan: UpdatePlan, phase: PhasePlan, batch: Mapping[str, Array]) -> Hold:
    """The outputs that are held at the times of targets alone."""
    held = {name: batch[name] for name in phase.phase.clamped if name in phase.free}
    there = np.array(plan.copies.targets)
    masks = {
        name: jnp.broadcast_to(there.reshape(-1, *(1,) * (x.ndim - 2)), x.shape)
        for name, x in held.items()
    }
    return Hold(held, masks)


class _Relaxation:
    """One relaxation; the plan's stretches become straight code, a loop, or a search."""

    def __init__(
        self,
        plan: UpdatePlan,
        phase: PhasePlan,
        equations: Equations,
        batch: Mapping[str, Array],
        begin: States,
        values: EdgeValues,
        observe: Record | None,
        hold: Hold,
    ) -> None:
        self.plan, self.phase, self.equations, self.batch = plan, phase, equations, batch
        self.begin, self.observe, self.hold = begin, observe or (lambda *_: ()), hold
        self.free = {name: begin[name] for name in phase.free}
        self.values = self._reusable(values)

    def run(self) -> tuple[States, Any, Array]:
        """(free states at the end, observations stacked over steps, steps taken per sample)."""
        free = self.free
        memory = {name: self.plan.state_optimizer.memory(x) for name, x in free.items()}
        size = jax.tree.leaves(self.begin)[0].shape[0]
        taken = jnp.full((size,), self.phase.phase.steps, jnp.int32)
        rows: list[Any] = []
        for stretch in self.phase.stretches:
            if stretch.form is Form.UNROLLED:
                for t in range(stretch.first, stretch.last + 1):
                    free, memory, row, _ = self._step(stretch, t, free, memory)
                    rows.append(jax.tree.map(lambda leaf: leaf[None], row))
            elif stretch.form is Form.LOOP:
                free, memory, some = self._loop(stretch, free, memory)
                rows.append(some)
            else:
                free, some, taken = self._until_settled(stretch, free, memory)
                rows.append(some)
        observed = jax.tree.map(lambda *parts: jnp.concatenate(parts), *rows) if rows else ()
        return free, observed, taken

    def _loop(self, stretch: Stretch, free: States, memory: dict[str, Memory]) -> Any:
        def body(carry: Any, t: Array) -> Any:
            free, memory, row, _ = self._step(stretch, t, *carry)
            return (free, memory), row

        steps = jnp.arange(stretch.first, stretch.last + 1)
        (free, memory), rows = lax.scan(body, (free, memory), steps)
        return free, memory, rows

    def _until_settled(self, stretch: Stretch, free: States, memory: dict[str, Memory]) -> Any:
        """Steps until every sample's ||dF/dx|| is small; a sample that stopped stays put."""
        assert self.plan.stop is not None
        residual, floor = self.plan.stop
        _, _, row, gradients = self._step(stretch, 1, free, memory)
        threshold = residual * _norms(gradients) + floor
        capacity = stretch.last
        rows = jax.tree.map(lambda leaf: jnp.zeros((capacity, *leaf.shape), leaf.dtype), row)

        def unsettled(carry: Any) -> Array:
            t, *_, going = carry
            return (t <= stretch.last) & going.any()

        def body(carry: Any) -> Any:
            t, free, memory, rows, taken, going = carry
            new, memory, row, gradients = self._step(stretch, t, free, memory)
            going = going & (_norms(gradients) > threshold)
            free = {name: _where(going, new[name], x) for name, x in free.items()}
            rows = jax.tree.map(lambda all_, one: all_.at[t - 1].set(one), rows, row)
            return t + 1, free, memory, rows, taken + going.astype(jnp.int32), going

        taken = jnp.zeros(threshold.shape, jnp.int32)
        going = jnp.ones(threshold.shape, bool)
        start = (jnp.int32(1), free, memory, rows, taken, going)
        t, free, _, rows, taken, _ = lax.while_loop(unsettled, body, start)
        _, _, last, _ = self._step(stretch, t, free, memory)
        done = jnp.arange(1, capacity + 1) < t
        rows = jax.tree.map(lambda all_, one: _where(done, all_, one[None]), rows, last)
        return free, rows, taken

    def _step(
        self, stretch: Stretch, t: Array | int, free: States, memory: dict[str, Memory]
    ) -> tuple[States, dict[str, Memory], Any, States]:
        """(new states, new memory, what was observed before the step, gradients)."""

        def total(moving: States) -> tuple[Array, dict[str, Array]]:
            return self._energy(stretch, t, {**self.begin, **free, **moving})

        moving = {name: free[name] for name in stretch.moving}
        gradients, per_node = jax.grad(total, has_aux=True)(moving)
        gradients = self.hold.still(gradients)
        row = self.observe(self.equations, {**self.begin, **free}, self._all_nodes(per_node))
        free, memory = dict(free), dict(memory)
        for name, gradient in gradients.items():
            update, memory[name] = self.plan.state_optimizer.update(gradient, memory[name], t)
            free[name] = free[name] + update
        return free, memory, row, gradients

    def _energy(
        self, stretch: Stretch, t: Array | int, states: States
    ) -> tuple[Array, dict[str, Array]]:
        """(F summed over the batch, energy per live node and sample)."""
        reused = {name: self.values[name] for name in stretch.reused if name in self.values}
        # Before information arrives the error is zero by definition; computed, it may be
        # a rounding error, which Adam on the states would blow up.
        reached = {name: t >= np.array(steps) for name, steps in stretch.arrivals.items()}
        per_node = self.equations.energies(self.phase, states, stretch.live, reused, reached)
        terms = list(per_node.values())
        external = self.equations.external_energy(self.phase, states, self.batch)
        if external is not None:
            terms.append(external)
        return sum((term.sum() for term in terms), start=jnp.zeros((), _dtype(states))), per_node

    def _all_nodes(self, per_node: Mapping[str, Array]) -> dict[str, Array]:
        """Energies of all nodes that have one; zero where information has not arrived."""
        zero = _zero_per_sample(self.begin)
        return {name: per_node.get(name, zero) for name in self.phase.energies}

    def _reusable(self, values: EdgeValues) -> EdgeValues:
        """The values, at the start of the phase, of all edges that some stretch reuses."""
        stretches = (*self.phase.stretches, self.phase.settled)
        wanted = frozenset[str]().union(*(stretch.reused for stretch in stretches))
        if not wanted:
            return {}
        begin = self.equations.with_pass_through(self.begin, values)
        return {
            edge.name: values[edge.name]
            if edge.name in values
            else self.equations.edge_value(edge, begin[edge.source])
            for edge in self.plan.graph.edges
            if edge.name in wanted
        }


def settled_energies(phase: PhasePlan, equations: Equations, settled: Settled) -> dict[str, Array]:
    """Energies per node and sample at the end of a phase; zero where nothing has arrived."""
    end = phase.settled
    reused = {n: v for n, v in settled.values.items() if n in end.reused}
    reached = {n: end.first >= np.array(steps) for n, steps in end.arrivals.items()}
    live = equations.energies(phase, settled.states, end.live, reused, reached)
    zero = _zero_per_sample(settled.states)
    return {name: live.get(name, zero) for name in phase.energies}


@jax.custom_jvp
def _forward_mode_only(array: Array) -> Array:
    return array


@_forward_mode_only.defjvp
def _forward_mode_only_jvp(primals: tuple[Array], tangents: tuple[Array]) -> Any:
    def refuse(_: Any, __: Any) -> Any:
        raise ValueError(
            "reverse-mode differentiation through a relaxation needs a fixed number of steps: "
            "remove `inference.stop` from the spec, or differentiate in forward mode (jax.jvp)"
        )

    call = jax.custom_derivatives.linear_call
    return primals[0], call(lambda _, same: same, refuse, (), tangents[0])


def without_reverse_mode(result: Any) -> Any:
    """The same arrays; differentiating them in reverse mode raises ValueError.

    A relaxation that stops by its residual has no fixed number of steps, so JAX cannot run it
    backwards; without this its message would speak of a while loop that the user never wrote.
    """
    return jax.tree.map(_forward_mode_only, result)


def _still_valid(plan: UpdatePlan, phase: PhasePlan, values: EdgeValues) -> EdgeValues:
    """The edge values at the start of an earlier phase that hold at the start of this one."""
    assert phase.phase.start is not None
    earlier = plan.phase(phase.phase.start).phase
    if earlier.kind is not PhaseKind.FORWARD:
        return {}
    graph = plan.graph
    changed = set(phase.phase.clamped) ^ set(earlier.clamped)
    for group in graph.sweep:  # what passes a changed value through changes too
        for name in group:
            sources = {edge.source for edge in graph.incoming(name)}
            if graph.node[name].passes_through and sources & changed:
                changed.add(name)
    return {n: v for n, v in values.items() if graph.edge[n].source not in changed}


def _initial_states(plan: UpdatePlan, size: int, dtype: Any, key: Array | None) -> States:
    states: States = {}
    for node in plan.graph.variables:
        shape = state_shape(plan.graph, node.name, size)
        if isinstance(plan.init, AtRandom):
            if key is None:
                raise ValueError("this spec starts inference at random states: pass `key`")
            noise = jax.random.normal(named_key(key, node.name), shape, dtype)
            states[node.name] = plan.init.std * noise
        else:
            states[node.name] = jnp.zeros(shape, dtype)
    return states


def _size_and_dtype(
    params: Any, batch: Mapping[str, Array], hold: Hold, states: Mapping[str, Array] | None
) -> tuple[int, Any]:
    arrays = [*batch.values(), *hold.values.values(), *(states or {}).values()]
    leaves = jax.tree.leaves(params)
    return arrays[0].shape[0], (leaves[0] if leaves else arrays[0]).dtype


def _zero_per_sample(states: Mapping[str, Array]) -> Array:
    like = next(iter(states.values()))
    return jnp.zeros(like.shape[:1], like.dtype)


def _dtype(states: Mapping[str, Array]) -> Any:
    return next(iter(states.values())).dtype


def _norms(gradients: Mapping[str, Array]) -> Array:
    """The Euclidean norm over all nodes and units of each sample, shape (batch,)."""
    squares = [jnp.sum(g * g, axis=tuple(range(1, g.ndim))) for g in gradients.values()]
    return jnp.sqrt(sum(squares[1:], start=squares[0]))


def _where(rows: Array, new: Array, old: Array) -> Array:
    """Choose by row: `rows` has the leading axis of the two arrays."""
    return jnp.where(rows.reshape(rows.shape + (1,) * (new.ndim - 1)), new, old)
