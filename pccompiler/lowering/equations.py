"""The equations of a network in JAX: predictions and energies.

For node n with forward edges e from sources s(e), and feedback edges b:

    mu_n = act_n( sum_e  gain_e pipeline_e(x_s(e)) )
    nu_n = act_n( mean_b gain_b pipeline_b(x_s(b)) )
    F    = sum_n precision_n term(energy_n, x_n, mu_n, nu_n) + beta sum_out loss(target, x_out)

where the energy form says what the term is. In an undirected form mu and nu are sums without
activation, pipelines read what states emit, and a free state has a potential of its own.

In a network unrolled in time every array has a time axis after the batch axis, and the copies
of a node in time are computed together: an edge's pipeline sees them as one larger batch, and
what it makes is shifted by its delay. What is absent at some times contributes nothing there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pccompiler.components.forms import Predicted
from pccompiler.components.vocabulary import Array, Params
from pccompiler.ir.copies import Copies
from pccompiler.ir.graph import Edge, Graph
from pccompiler.ir.parameters import (
    by_operator,
    own_part,
    parameter_slots,
    statistics_slots,
)
from pccompiler.lowering.states import States
from pccompiler.planning.plan import PhasePlan

EdgeValues = Mapping[str, Array]
"""The contributions of edges to their targets' predictions, by edge name."""

Reached = Mapping[str, Array]
"""By node, the copies whose energy counts so far, shape (time,)."""


@dataclass(frozen=True)
class Equations:
    """The functions of a network with given parameters.

    `running` are the statistics that normalising operators use; without them they use those
    of their batch. With `slopes_only`, the potential of a state has no derivative: an inference
    step knows it without differentiating. `apart` are the states that one-way edges read where
    energies are differentiated by states: their sources feel nothing of them. `shifts` are added
    to what arrives at nodes, before their activation.
    """

    copies: Copies
    params: Params
    running: Mapping[str, Any] | None = None
    slopes_only: bool = False
    apart: Mapping[str, Array] | None = None
    shifts: Mapping[str, Array] | None = None

    @property
    def graph(self) -> Graph:
        return self.copies.graph

    # -- edges ---------------------------------------------------------------------------

    def edge_value(self, edge: Edge, x: Array) -> Array:
        """The contribution of an edge to its target's prediction, from its source's states at all
        times."""
        if not any(self.copies.terms[edge.name]):
            times = (self.graph.copies,) if self.graph.time else ()
            return jnp.zeros((x.shape[0], *times, *edge.shapes[-1]), x.dtype)
        return self.placed(edge, self.mapped(edge, self.read(edge, x)), x.shape[0])

    def placed(self, edge: Edge, value: Array, samples: int) -> Array:
        """Places an edge's values at the times that it predicts; zero where its term is absent."""
        if self.graph.time is None:
            return value
        value = value.reshape(samples, -1, *value.shape[1:])
        there = self.copies.terms[edge.name]
        before, after = there.index(True), there[::-1].index(True)
        if not before and not after:
            return value
        around = [jnp.zeros((samples, n, *value.shape[2:]), value.dtype) for n in (before, after)]
        return jnp.concatenate([around[0], value, around[1]], axis=1)

    def mapped(self, edge: Edge, x: Array) -> Array:
        """Maps states (copies, *shape) of the source by the pipeline, times the gain."""
        return self.scaled(edge, self.pipeline(edge, self.emitted(edge.source, x))[-1])

    def scaled(self, edge: Edge, value: Array) -> Array:
        """Multiplies a pipeline's output by the gain of its edge."""
        return value if edge.gain == 1 else edge.gain * value

    def pipeline(self, edge: Edge, emitted: Array) -> list[Array]:
        """The input of each operator of the pipeline, and the output of the last one."""
        row = [emitted]
        for position in range(len(edge.operators)):
            params = self.operator_params(edge, position)
            row.append(self.applied(edge, position, params, row[-1]))
        return row

    def operator_params(self, edge: Edge, position: int) -> Mapping[str, Array]:
        """The parameters that an operator reads, its edge's own or another's."""
        owner, place = dict(edge.owners).get(position, (edge.name, position))
        slots = parameter_slots(self.graph.edge[owner])
        return own_part(self.params[owner], slots, place) if place in slots else {}

    def applied(self, edge: Edge, position: int, params: Mapping[str, Array], x: Array) -> Array:
        """Applies one operator of the pipeline to x, with these parameters."""
        operator, kept = edge.operators[position], statistics_slots(edge)
        if position in kept and self.running is not None:
            statistics = own_part(self.running[edge.name], kept, position)
            return operator.apply_with(params, statistics, x)
        return operator.apply(params, x)

    def emitted(self, node: str, x: Array) -> Array:
        """The values of a node's state that edges read."""
        if self.graph.node[node].passes_through:
            return x
        return self.graph.form.emitted(self.graph.activation(node), x)

    def batch_statistics(self, states: Mapping[str, Array]) -> dict[str, Any]:
        """The statistics that these states have where an operator normalises by them, as the
        tree of the running ones; all copies in time count as one batch."""
        known = self.with_pass_through(states, {})
        result: dict[str, Any] = {}
        for edge in self.graph.edges:
            slots = statistics_slots(edge)
            if not slots or not any(self.copies.terms[edge.name]):
                continue
            read = self.read(edge, known[edge.source])
            inputs = self.pipeline(edge, self.emitted(edge.source, read))
            measured = {
                key: edge.operators[position].measure(inputs[position])
                for position, (key, _) in slots.items()
            }
            result[edge.name] = by_operator(measured)
        return result

    # -- predictions ---------------------------------------------------------------------

    def with_pass_through(self, states: Mapping[str, Array], reused: EdgeValues) -> States:
        """The states and, in their places, the predictions that nodes pass through."""
        known = dict(states)

        for name in self.graph.passing:
            if name in known:
                continue
            values = {
                edge.name: self._known_or(edge, known[edge.source], reused)
                for edge in self.graph.forward_edges(name)
            }
            known[name] = self.prediction(name, values)
        return known

    def prediction(self, node: str, values: EdgeValues) -> Array:
        """The forward prediction mu from the values of the incoming edges; zero where absent."""
        mu = self.activated(node, values)
        there = self.copies.forward[node]
        return mu if all(there) else _where_times(there, mu)

    def activated(self, node: str, values: EdgeValues, time: int | None = None) -> Array:
        """The state that a feedforward pass gives the node, from the values of the incoming edges,
        at all times or at one."""
        total, activation = self.total(node, values), self.graph.activation(node)
        if self.shifts is not None and node in self.shifts:
            shift = self.shifts[node]
            total = total + (shift if time is None else shift[:, time])
        if self.graph.node[node].passes_through:
            return activation(total)
        return self.graph.form.started(activation, total)

    def total(self, node: str, values: EdgeValues) -> Array:
        """The sum, or concatenation, of the incoming values."""
        target = self.graph.node[node]
        terms = [values[edge.name] for edge in self.graph.forward_edges(node)]
        if target.concatenates and len(terms) > 1:
            return jnp.concatenate(terms, axis=-1)
        return sum(terms[1:], start=terms[0])

    def feedback_prediction(self, node: str, values: EdgeValues) -> Array:
        """The feedback prediction nu: the activated mean (or sum) of the values present."""
        target = self.graph.node[node]
        terms = [values[edge.name] for edge in self.graph.feedback_edges(node)]
        total: Array = sum(terms[1:], start=terms[0])
        if self.graph.form.undirected:
            return total
        counts = self.copies.feedback[node]
        if not target.sums_feedback and max(counts) > 1:
            if self.graph.time is None:
                total = total / counts[0]
            else:
                each = np.maximum(counts, 1).reshape(-1, *(1,) * (total.ndim - 2))
                total = total / each.astype(total.dtype)
        return self.graph.activation(node)(total)

    # -- energies ------------------------------------------------------------------------

    def energies(
        self,
        plan: PhasePlan,
        states: Mapping[str, Array],
        live: Iterable[str],
        reused: EdgeValues,
        reached: Reached | None = None,
        read: Mapping[str, Array] | None = None,
    ) -> dict[str, Array]:
        """Energy per sample, shape (batch,), of each live node, precision included.

        The edges in `reused` contribute the given value; gradients flow as if it had been computed
        here. Copies that are not `reached` count as zero. Edges read `read`, where that is given,
        instead of `states`.
        """
        known = self.with_pass_through(states if read is None else read, reused)
        result: dict[str, Array] = {}
        for name in live:
            with jax.named_scope(name):
                per_copy = self._energy(plan, name, states[name], known, reused)
                if reached is not None and name in reached:
                    per_copy = jnp.where(reached[name], per_copy, 0)
                result[name] = per_copy.sum(axis=1)
        return result

    def _energy(
        self,
        plan: PhasePlan,
        name: str,
        state: Array,
        read: Mapping[str, Array],
        reused: EdgeValues,
    ) -> Array:
        """The energy of each copy of a node, shape (batch, time)."""
        graph, node = self.graph, self.graph.node[name]
        batch, times = state.shape[0], graph.copies
        x = self._folded(state)
        own = self.emitted(name, x)
        forward: Predicted | None = None
        if graph.forward_edges(name):
            mu = self._forward(name, self._values(graph.forward_edges(name), read, reused))
            present = self._present(self.copies.forward[name], batch)
            forward = Predicted(self._folded(mu), present)
        held = name in plan.clamped
        is_target = held and name in graph.outputs and not graph.form.undirected
        terms = jnp.zeros((batch, times), x.dtype)
        if is_target and forward is not None:
            terms = graph.form.term(plan.energies[name], own, forward, None)
            terms = terms.reshape(batch, times)
        if not is_target or name in plan.without_target:
            energy = plan.without_target.get(name, plan.energies[name])
            feedback = self._feedback(name, read, reused, batch)
            if forward is not None or feedback is not None:
                free = graph.form.term(energy, own, forward, feedback).reshape(batch, times)
                targets = np.array(self.copies.targets)
                terms = jnp.where(targets, terms, free) if is_target else free
        terms = node.precision * terms
        if node.prior is not None and not held:
            mean = jnp.full_like(x, node.prior.mean)
            terms = terms + node.prior.precision * node.prior.energy.value(x, mean).reshape(
                batch, times
            )
        potential = None if held else graph.form.potential(graph.activation(name), x)
        if potential is not None:
            potential = lax.stop_gradient(potential) if self.slopes_only else potential
            terms = terms + potential.reshape(batch, times)
        return terms

    def _forward(self, name: str, values: EdgeValues) -> Array:
        if self.graph.form.undirected:
            return self.total(name, values)
        return self.prediction(name, values)

    def _feedback(
        self, name: str, read: Mapping[str, Array], reused: EdgeValues, batch: int
    ) -> Predicted | None:
        """The feedback prediction of all copies of a node, if its form has one."""
        graph = self.graph
        if not graph.form.uses_feedback or not graph.feedback_edges(name):
            return None
        values = self._values(graph.feedback_edges(name), read, reused)
        nu = self._folded(self.feedback_prediction(name, values))
        there = tuple(count > 0 for count in self.copies.feedback[name])
        return Predicted(nu, self._present(there, batch))

    def external_energy(
        self,
        plan: PhasePlan,
        states: Mapping[str, Array],
        targets: Mapping[str, Array],
        beta: Array | float,
        reused: EdgeValues | None = None,
    ) -> Array | None:
        """beta C per sample, shape (batch,); None where nothing is nudged.

        beta: a number, or one for each sample.
        """
        nudged = plan.nudged
        if not nudged:
            return None
        known = states
        if any(self.graph.node[name].passes_through for name in nudged):
            known = self.with_pass_through(states, reused or {})
        losses = [self.loss(name, targets[name], known[name]) for name in nudged]
        return beta * sum(losses[1:], start=losses[0])

    def loss(self, node: str, target: Array, output: Array) -> Array:
        """The loss of an output per sample, shape (batch,), summed over the times of targets."""
        energy = self.graph.target_energy(self.graph.node[node])
        per_copy = energy.value(self._folded(target), self._folded(output))
        per_copy = per_copy.reshape(-1, self.graph.copies)
        return (per_copy if all(self.copies.targets) else per_copy[:, -1:]).sum(axis=1)

    # -- copies in time --------------------------------------------------------------------

    def read(self, edge: Edge, x: Array) -> Array:
        """The states that the edge reads at some time, as one batch."""
        if self.graph.time is not None:
            there = self.copies.terms[edge.name]
            shift = edge.delay if edge.is_feedback else -edge.delay
            first, last = there.index(True), len(there) - there[::-1].index(True)
            x = x[:, first + shift : last + shift]
        return self._folded(x)

    def _folded(self, x: Array) -> Array:
        """The copies of samples in time as one batch, (batch * time, *shape)."""
        return x if self.graph.time is None else x.reshape(-1, *x.shape[2:])

    def _present(self, there: tuple[bool, ...], batch: int) -> Array | None:
        """Presence by time as presence by copy, shape (batch * time,)."""
        return None if all(there) else jnp.tile(np.array(there), batch)

    def _values(
        self, edges: Iterable[Edge], states: Mapping[str, Array], reused: EdgeValues
    ) -> dict[str, Array]:
        return {edge.name: self._known_or(edge, states[edge.source], reused) for edge in edges}

    def _known_or(self, edge: Edge, x: Array, reused: EdgeValues) -> Array:
        if edge.name in self.graph.one_way and self.apart is not None:
            x = self.apart[edge.source]
        value = self.edge_value(edge, x)
        return _with_value(value, reused[edge.name]) if edge.name in reused else value


def _where_times(there: tuple[bool, ...], x: Array) -> Array:
    """x of shape (batch, time, ...) where it is there, else zero."""
    if len(there) == 1:
        return x if there[0] else jnp.zeros_like(x)
    return jnp.where(np.array(there).reshape(-1, *(1,) * (x.ndim - 2)), x, 0)


@jax.custom_jvp
def _with_value(computed: Array, known: Array) -> Array:
    """`known`, differentiated as if it were `computed`: XLA then drops the computation."""
    return known


@_with_value.defjvp
def _with_value_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> Any:
    return primals[1], tangents[0]
