"""Inference in JAX: the phases of a step, and the relaxation of the free states.

An inference step takes the gradient of the batch sum of F with respect to the states that
move, and lets the state optimiser change them within their bounds:

    g_n = dF/dx_n,        x_n <- clip(x_n + update(g_n))

One gradient serves all nodes (a synchronous update), or all nodes of a colour, one colour
after another. For an optimiser that seeks rest, g_n is x_n minus the state at which the node
would rest if all others stayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pccompiler.components.state_optimizers import Landscape
from pccompiler.components.vocabulary import Array
from pccompiler.ir.graph import Graph
from pccompiler.lowering.equations import EdgeValues, Equations
from pccompiler.lowering.states import Hold, States
from pccompiler.planning.plan import PhasePlan, Repeat, Stretch, UpdatePlan

Record = Callable[[Equations, States, Mapping[str, Array], States], Any]
"""(the network, all states, energies per node and sample, dF/dx of the free states) -> what to
record of a step. States and energies are those before the step; dF/dx is what moves a state,
zero where it is held or not reached yet."""

LONGEST_RECORD = 10_000
"""Steps of a phase that are recorded at most: a limit on steps may be far beyond those taken."""


def recorded_scan(
    body: Callable[[Any, Array], tuple[Any, Any]], carry: Any, first: int, last: int
) -> tuple[Any, Any]:
    """`lax.scan` over the steps `first` to `last`: (the carry at the end, what the body made of
    each of the first `LONGEST_RECORD` steps, stacked)."""

    def counted(carry: Any, _: None) -> Any:
        t, inner = carry
        inner, row = body(inner, t)
        return (t + 1, inner), row

    def silent(carry: Any, _: None) -> Any:
        return counted(carry, None)[0], ()

    # counted here: an array of all step numbers could be larger than the network
    length = last - first + 1
    recorded = max(0, min(length, LONGEST_RECORD - first + 1))
    carry, rows = lax.scan(counted, (jnp.int32(first), carry), None, length=recorded)
    if length > recorded:
        carry, _ = lax.scan(silent, carry, None, length=length - recorded)
    return carry[1], rows


def within(graph: Graph, name: str, x: Array) -> Array:
    """The state, or the nearest one within the node's bounds."""
    bounds = graph.bounds(name)
    return x if bounds is None else jnp.clip(x, *bounds)


class Relaxation:
    """One relaxation; the plan's stretches become unrolled steps, a scan, or a while-loop."""

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
        beta: Array | float,
    ) -> None:
        self.plan, self.phase, self.batch, self.beta = plan, phase, batch, beta
        self.equations = replace(equations, slopes_only=True)
        descent = phase.descent
        self.optimizer = descent.optimizer or plan.state_optimizer
        self.pinned = descent.pinned
        self.begin, self.observe, self.hold = begin, observe or (lambda *_: ()), hold
        self.free = {name: begin[name] for name in phase.free}
        self.values = self._reusable(values)

    def run(self) -> tuple[States, Any, Array]:
        """(free states at the end, observations stacked over at most `LONGEST_RECORD` steps, steps
        taken per sample)."""
        free = self.free
        memory = self.memory(free)
        size = jax.tree.leaves(self.begin)[0].shape[0]
        taken = jnp.full((size,), self.phase.steps, jnp.int32)
        rows: list[Any] = []
        for stretch in self.phase.stretches:
            if stretch.repeat is Repeat.UNROLLED:
                for t in range(stretch.first, stretch.last + 1):
                    free, memory, row, _ = self.step(stretch, t, free, memory)
                    rows.append(jax.tree.map(lambda leaf: leaf[None], row))
            elif stretch.repeat is Repeat.COUNTED:
                free, memory, some = self._loop(stretch, free, memory)
                rows.append(some)
            else:
                free, some, taken = self._until_at_rest(stretch, free, memory)
                rows.append(some)
        observed = jax.tree.map(lambda *parts: jnp.concatenate(parts), *rows) if rows else ()
        return free, observed, taken

    def memory(self, free: States) -> Any:
        """The memory of the optimiser before the first step; empty where nothing is free."""
        return self.optimizer.start(free) if free else {}

    def _loop(self, stretch: Stretch, free: States, memory: Any) -> Any:
        def body(carry: Any, t: Array) -> Any:
            free, memory, row, _ = self.step(stretch, t, *carry)
            return (free, memory), row

        (free, memory), rows = recorded_scan(body, (free, memory), stretch.first, stretch.last)
        return free, memory, rows

    def _until_at_rest(self, stretch: Stretch, free: States, memory: Any) -> Any:
        """Steps until every sample's ||dF/dx|| is small; a sample that stopped stays put."""
        assert self.plan.stop is not None
        residual, floor = self.plan.stop
        _, _, row, residuals = self.step(stretch, 1, free, memory)
        threshold = residual * _norms(residuals) + floor
        capacity = min(stretch.last, LONGEST_RECORD)
        rows = jax.tree.map(lambda leaf: jnp.zeros((capacity, *leaf.shape), leaf.dtype), row)

        def unfinished(carry: Any) -> Array:
            t, *_, going = carry
            return (t <= stretch.last) & going.any()

        def body(carry: Any) -> Any:
            t, free, memory, rows, taken, going = carry
            new, memory, row, residuals = self.step(stretch, t, free, memory)
            going = going & (_norms(residuals) > threshold)
            free = {name: _where(going, new[name], x) for name, x in free.items()}
            rows = jax.tree.map(lambda all_, one: all_.at[t - 1].set(one, mode="drop"), rows, row)
            return t + 1, free, memory, rows, taken + going.astype(jnp.int32), going

        taken = jnp.zeros(threshold.shape, jnp.int32)
        going = jnp.ones(threshold.shape, bool)
        start = (jnp.int32(1), free, memory, rows, taken, going)
        t, free, _, rows, taken, _ = lax.while_loop(unfinished, body, start)
        _, _, last, _ = self.step(stretch, t, free, memory)
        done = jnp.arange(1, capacity + 1, dtype=jnp.int32) < t
        rows = jax.tree.map(lambda all_, one: _where(done, all_, one[None]), rows, last)
        return free, rows, taken

    def step(
        self, stretch: Stretch, t: Array | int, free: States, memory: Any
    ) -> tuple[States, Any, Any, States]:
        """(new states, new memory, what was observed before the step, how far from rest)."""
        free = dict(free)
        before: tuple[States, Mapping[str, Array]] | None = None
        pulls: States = {}
        residuals: States = {}
        for colour in self.phase.colours or (stretch.moving,):
            moving = {name: free[name] for name in colour if name in stretch.moving}
            slopes, (per_node, total) = jax.grad(self._energy, argnums=2, has_aux=True)(
                stretch, t, moving, free
            )
            if before is None:
                before = ({**self.begin, **free}, self._all_nodes(per_node))
            pulls |= self.hold.still(slopes)
            gradients = self.hold.still(self._gradients(free, slopes))
            landscape = self._landscape(stretch, t, moving, free, total)
            updates: States = {}
            if gradients:
                updates, memory = self.optimizer.move(gradients, memory, t, landscape)
            for name, update in updates.items():
                x, gradient = free[name], gradients[name]
                free[name] = within(self.plan.graph, name, x + update)
                bounded = self.plan.graph.bounds(name) is not None
                residuals[name] = (
                    x - within(self.plan.graph, name, x - gradient) if bounded else gradient
                )
        assert before is not None
        row = self.observe(self.equations, *before, self._all_free(pulls))
        return free, memory, row, residuals

    def _landscape(
        self, stretch: Stretch, t: Array | int, moving: States, free: States, total: Array
    ) -> Landscape:
        def energy_at(states: Mapping[str, Array]) -> Array:
            # What moves now is felt a step later: its terms are live by then.
            return self._energy(stretch, t + 1, {**moving, **states}, free)[1][1]

        def put_back(states: Mapping[str, Array]) -> States:
            return {name: within(self.plan.graph, name, x) for name, x in states.items()}

        return Landscape(moving, lambda: total, energy_at, put_back)

    def _gradients(self, free: States, slopes: States) -> States:
        """The gradient for the optimiser, from the slopes of F."""
        graph = self.plan.graph
        gradients: States = {}
        for name, slope in slopes.items():
            x, activation = free[name], graph.activation(name)
            if self.optimizer.seeks_rest:
                rest = graph.form.at_rest(activation, self._curvature(name), x, slope)
                gradients[name] = x - within(graph, name, rest)
            else:
                gradients[name] = graph.form.direction(activation, x, slope)
        return gradients

    def _curvature(self, name: str) -> float | Array | None:
        """The curvature of a free state's own energy: a number, or one per time, (times, 1, ...).

        A copy without a prediction has no energy of its own, and so no place to rest: it steps
        as the others do.
        """
        found = self.plan.copies.curvatures(name)
        known = [c for c in found if c is not None]
        if len(known) < len(found) or len(set(known)) == 1:
            return found[0]
        axes = (1,) * len(self.plan.graph.node[name].shape or ())
        largest = max(known)
        return jnp.array([c or largest for c in known], self.free[name].dtype).reshape(-1, *axes)

    def _energy(
        self, stretch: Stretch, t: Array | int, moving: States, free: States
    ) -> tuple[Array, tuple[dict[str, Array], Array]]:
        """(F summed over the batch, (energy per live node and sample, F per sample))."""
        states = {**self.begin, **free, **moving}
        reused = {name: self.values[name] for name in stretch.reused if name in self.values}
        # Before information arrives the error is zero by definition; computed, it may be
        # a rounding error, which Adam on the states would blow up.
        reached = {n: t >= np.array(steps, np.int32) for n, steps in stretch.arrivals.items()}
        read = pinned_reading(self.begin, states) if self.pinned else None
        equations = self.equations
        if self.plan.graph.one_way:
            equations = replace(equations, apart={**self.begin, **free})
        per_node = equations.energies(self.phase, states, stretch.live, reused, reached, read)
        terms = list(per_node.values())
        external = equations.external_energy(self.phase, states, self.batch, self.beta, reused)
        if external is not None:
            terms.append(external)
        total: Array = sum(terms, start=zero_per_sample(states))
        return total.sum(), (per_node, total)

    def _all_nodes(self, per_node: Mapping[str, Array]) -> dict[str, Array]:
        """Energies of all nodes that have one; zero where information has not arrived."""
        zero = zero_per_sample(self.begin)
        return {name: per_node.get(name, zero) for name in self.phase.energies}

    def _all_free(self, slopes: States) -> States:
        """dF/dx of all free states; zero where information has not arrived."""
        return {
            name: slopes[name] if name in slopes else jnp.zeros_like(x)
            for name, x in self.free.items()
        }

    def _reusable(self, values: EdgeValues) -> EdgeValues:
        """The values, at the start of the phase, of all edges that some stretch reuses."""
        stretches = (*self.phase.stretches, self.phase.end)
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


def pinned_reading(pinned: States, states: States) -> States:
    """The states that edges read where predictions and their derivatives stay those at the states
    `pinned`: the pinned values, with the derivative of the real ones."""
    return {name: pinned[name] + (x - lax.stop_gradient(x)) for name, x in states.items()}


def zero_per_sample(states: Mapping[str, Array]) -> Array:
    like = next(iter(states.values()))
    return jnp.zeros(like.shape[:1], like.dtype)


def _norms(gradients: Mapping[str, Array]) -> Array:
    """The Euclidean norm over all nodes and units of each sample, shape (batch,)."""
    squares = [jnp.sum(g * g, axis=tuple(range(1, g.ndim))) for g in gradients.values()]
    return jnp.sqrt(sum(squares[1:], start=squares[0]))


def _where(rows: Array, new: Array, old: Array) -> Array:
    """Choose by row: `rows` has the leading axis of the two arrays."""
    return jnp.where(rows.reshape(rows.shape + (1,) * (new.ndim - 1)), new, old)
