"""Pullbacks through a network, one node or edge at a time, at given states.

The cotangent of a node's prediction becomes those of what its edges make, and the cotangent of
what an edge makes becomes those of its source's state and of the parameters on the way. Done
for all of them in turn, that is reverse-mode differentiation; a rule may stop, or put other
weights in, wherever it likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from pccompiler.components.rules.contract import Weights
from pccompiler.components.vocabulary import Array, Params
from pccompiler.ir.graph import Edge
from pccompiler.ir.parameters import parameter_slots
from pccompiler.lowering.equations import EdgeValues, Equations


def node_pullback(
    equations: Equations, node: str, values: EdgeValues, cotangent: Array
) -> dict[str, Array]:
    """The cotangents of the values of a node's forward edges, from that of its prediction."""
    _, back = jax.vjp(lambda values: equations.prediction(node, values), dict(values))
    return back(cotangent)[0]


def slopes(equations: Equations, node: str, values: EdgeValues) -> Array:
    """The derivative of a node's activation, entry by entry, from the values of its edges."""
    total = equations.total(node, values)
    activation = equations.graph.activation(node)
    return jax.jvp(activation, (total,), (jnp.ones_like(total),))[1]


def edge_pullback(
    equations: Equations, edge: Edge, x: Array, cotangent: Array, weights: Weights
) -> tuple[Array, Params]:
    """(the cotangent of the source's states x, those of the parameters by owning edge), from
    that of what the edge makes; `weights` stand in for those of operators by position."""
    if not any(equations.copies.terms[edge.name]):
        return jnp.zeros_like(x), {}
    read, back_to_source = jax.vjp(
        lambda x: equations.emitted(edge.source, equations.read(edge, x)), x
    )
    received = equations.pipeline(edge, read)
    _, back_from_times = jax.vjp(
        lambda made: equations.placed(edge, equations.scaled(edge, made), x.shape[0]), received[-1]
    )
    [error] = back_from_times(cotangent)
    gradient: dict[str, Any] = {}
    for position in reversed(range(len(edge.operators))):
        params = equations.operator_params(edge, position)

        def operate(params: Params, x: Array, position: int = position) -> Array:
            return equations.applied(edge, position, params, x)

        _, back = jax.vjp(operate, params, received[position])
        own, before = back(error)
        if position in weights:
            swapped = {**params, "weight": weights[position]}
            _, back = jax.vjp(lambda x, swapped=swapped: operate(swapped, x), received[position])
            [before] = back(error)
        if params:
            _add(gradient, equations, edge, position, own)
        error = before
    return back_to_source(error)[0], gradient


def _add(
    gradient: dict[str, Any],
    equations: Equations,
    edge: Edge,
    position: int,
    part: Mapping[str, Array],
) -> None:
    """Adds an operator's part at its place in the tree of the edge that owns its parameters."""
    owner, place = dict(edge.owners).get(position, (edge.name, position))
    slots = parameter_slots(equations.graph.edge[owner])
    zero = jax.tree.map(jnp.zeros_like, equations.params[owner])
    tree = gradient.get(owner, zero)
    if len(slots) == 1:
        gradient[owner] = jax.tree.map(jnp.add, tree, dict(part))
        return
    key = slots[place][0]
    gradient[owner] = {**tree, key: jax.tree.map(jnp.add, tree[key], dict(part))}
