"""The feedforward pass: every node at its prediction, sources before targets.

Nodes that no cycle through time passes are computed at all times together, the others time
by time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from pccompiler.components.vocabulary import Array
from pccompiler.ir.graph import Edge
from pccompiler.lowering.equations import EdgeValues, Equations
from pccompiler.lowering.states import Hold, States, state_shape


def feedforward(
    equations: Equations, given: Mapping[str, Array], hold: Hold, batch_size: int, dtype: Any
) -> tuple[States, States, dict[str, Array]]:
    """One pass: (states, predictions, values of the forward edges).

    A node in `given` has that state; a free root is zero; every other node stands at its
    prediction, or at zero at times without one.
    """
    sweep = _Sweep(equations, given, hold, batch_size, dtype)
    graph = equations.graph
    for names in graph.sweep:
        if len(names) == 1 and not graph.forward.has_edge(names[0], names[0]):
            sweep.at_once(names[0])
        else:
            sweep.through_time(names)
    states = {node.name: sweep.states[node.name] for node in graph.variables}
    return states, sweep.predictions, sweep.values


class _Sweep:
    """A feedforward pass under way; pass-through nodes have states here too."""

    def __init__(
        self, equations: Equations, given: Mapping[str, Array], hold: Hold, size: int, dtype: Any
    ) -> None:
        self.equations, self.graph = equations, equations.graph
        self.given, self.hold, self.size, self.dtype = given, hold, size, dtype
        self.states: States = {}
        self.predictions: States = {}
        self.values: dict[str, Array] = {}

    def at_once(self, name: str) -> None:
        """A node at all times."""
        with jax.named_scope(name):
            for edge in self.graph.forward_edges(name):
                self.values[edge.name] = self.equations.edge_value(edge, self.states[edge.source])
            if not self.graph.is_root(name):
                self.predictions[name] = self.equations.prediction(name, self.values)
        if name in self.given:
            self.states[name] = self.given[name]
            return
        start = self.predictions.get(name)
        if start is None:
            start = jnp.zeros(state_shape(self.graph, name, self.size), self.dtype)
        self.states |= self.hold.on({name: start})

    def through_time(self, names: tuple[str, ...]) -> None:
        """The nodes of a cycle, time by time."""
        graph, equations, inside = self.graph, self.equations, set(names)
        incoming = [edge for name in names for edge in graph.forward_edges(name)]
        for edge in incoming:
            if edge.source not in inside:
                value = equations.edge_value(edge, self.states[edge.source])
                self.values[edge.name] = value
        rows: list[tuple[States, States, dict[str, Array]]] = []
        for t in equations.copies.times:
            states, predictions, values = {}, {}, {}
            for name in names:
                values |= {
                    edge.name: self._value_at(edge, t, [*(row[0] for row in rows), states])
                    if edge.source in inside
                    else self.values[edge.name][:, t]
                    for edge in graph.forward_edges(name)
                }
                predictions[name] = self._prediction_at(name, t, values)
                if name in self.given:
                    states[name] = self.given[name][:, t]
                else:
                    states |= self.hold.at(t).on({name: predictions[name]})
            rows.append((states, predictions, values))
        states, predictions, values = jax.tree.map(lambda *at: jnp.stack(at, axis=1), *rows)
        self.states |= states
        self.predictions |= predictions
        self.values |= values

    def _value_at(self, edge: Edge, t: int, states: list[States]) -> Array:
        """The contribution of an edge at one time, from the states at the times so far."""
        copies = self.equations.copies
        source = copies.read_time(edge, t)
        if source is None or not copies.terms[edge.name][t]:
            return jnp.zeros((self.size, *edge.shapes[-1]), self.dtype)
        return self.equations.mapped(edge, states[source][edge.source])

    def _prediction_at(self, name: str, t: int, values: EdgeValues) -> Array:
        if self.equations.copies.forward[name][t]:
            return self.equations.activated(name, values, t)
        return jnp.zeros((self.size, *(self.graph.node[name].shape or ())), self.dtype)
