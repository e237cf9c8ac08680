"""The initial arrays of training: parameters, running statistics, the rule's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from pccompiler.components.operators import Operator, Parameter
from pccompiler.components.rules.contract import OwnArray
from pccompiler.components.vocabulary import Array
from pccompiler.ir.graph import Graph
from pccompiler.ir.parameters import (
    by_operator,
    own_part,
    parameter_table,
    statistics_slots,
    statistics_table,
)
from pccompiler.lowering.randomness import named_key


def init_params(graph: Graph, key: Array, dtype: Any) -> dict[str, Any]:
    """Fresh parameters. Each array's numbers depend on the key and on its own name only."""
    return _drawn(parameter_table(graph), key, dtype)


def init_statistics(graph: Graph, dtype: Any) -> dict[str, Any]:
    """The running statistics before training."""
    return _drawn(statistics_table(graph), jax.random.key(0), dtype)


def init_own(
    arrays: Mapping[str, Mapping[str, OwnArray]], key: Array, dtype: Any
) -> dict[str, dict[str, Array]]:
    """The arrays that a rule owns, by owner and name. They are drawn as parameters are, from
    keys of their own."""
    return {
        owner: {
            name: array.initializer.sampler()(
                named_key(key, "own arrays", owner, name), array.shape, dtype
            )
            for name, array in own.items()
        }
        for owner, own in arrays.items()
    }


def updated_statistics(
    graph: Graph,
    running: Mapping[str, Any],
    measured: Mapping[str, Any],
    wanted: Callable[[Operator], bool],
) -> dict[str, Any]:
    """The running statistics after a batch, of the `wanted` operators; others stay."""
    result: dict[str, Any] = {}
    for name, tree in running.items():
        if name not in measured:  # its term is at no time there
            result[name] = tree
            continue
        edge = graph.edge[name]
        slots = statistics_slots(edge)
        parts = {
            key: edge.operators[position].updated(
                own_part(tree, slots, position), own_part(measured[name], slots, position)
            )
            if wanted(edge.operators[position])
            else own_part(tree, slots, position)
            for position, (key, _) in slots.items()
        }
        result[name] = by_operator(parts)
    return result


def _drawn(table: dict[str, Any], key: Array, dtype: Any) -> dict[str, Any]:
    def draw(path: tuple[Any, ...], parameter: Parameter) -> Array:
        own_key = named_key(key, *(part.key for part in path))
        return parameter.initializer.sampler()(own_key, parameter.shape, dtype)

    return jax.tree_util.tree_map_with_path(
        draw, table, is_leaf=lambda leaf: isinstance(leaf, Parameter)
    )
