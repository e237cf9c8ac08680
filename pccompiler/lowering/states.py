"""Arrays of states: what is fixed on them, and their shapes in a network with time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp

from pccompiler.components.vocabulary import Array
from pccompiler.ir.graph import Graph

States = dict[str, Array]
"""Arrays of shape (batch, *shape), or (batch, time, *shape), by node name."""


@partial(jax.tree_util.register_dataclass, data_fields=["values", "masks"], meta_fields=[])
@dataclass(frozen=True)
class Hold:
    """Values that are fixed on free nodes: x = value where mask is true."""

    values: Mapping[str, Array] = field(default_factory=dict)
    masks: Mapping[str, Array] = field(default_factory=dict)

    def on(self, states: Mapping[str, Array]) -> States:
        """Returns the states with the held values in place."""
        return {
            name: jnp.where(self.masks[name], self.values[name], x) if name in self.values else x
            for name, x in states.items()
        }

    def at(self, t: int) -> Hold:
        """The held values at one time."""
        return Hold(
            {name: value[:, t] for name, value in self.values.items()},
            {name: mask[:, t] for name, mask in self.masks.items()},
        )

    def still(self, gradients: Mapping[str, Array]) -> States:
        """Returns the gradients, zero where values are held."""
        return {
            name: jnp.where(self.masks[name], 0, g) if name in self.masks else g
            for name, g in gradients.items()
        }

    def also(self, other: Hold) -> Hold:
        """Both, the other's values where both fix the same entry."""
        values, masks = dict(self.values), dict(self.masks)
        for name, value in other.values.items():
            mask = other.masks[name]
            if name in values:
                values[name] = jnp.where(mask, value, values[name])
                masks[name] = mask | masks[name]
            else:
                values[name], masks[name] = value, mask
        return Hold(values, masks)


def state_shape(graph: Graph, name: str, batch: int) -> tuple[int, ...]:
    """(batch, *shape), or (batch, time, *shape), of a node's states."""
    times = (graph.time.steps,) if graph.time else ()
    return (batch, *times, *(graph.node[name].shape or ()))


def at_all_times(graph: Graph, arrays: Mapping[str, Array]) -> States:
    """The arrays with a time axis, where the network has one: what has none is the same at
    all times."""
    if graph.time is None:
        return dict(arrays)
    return {
        name: jnp.broadcast_to(x[:, None], state_shape(graph, name, x.shape[0]))
        if x.ndim == 1 + len(graph.node[name].shape or ())
        else x
        for name, x in arrays.items()
    }
