"""Parameters and running statistics: the arrays of each edge, and which operators share them.

An edge with one parametric operator owns `{weight: ..., bias: ...}`; with several, each has
a mapping of its own: `{dense: {...}, dense2: {...}}`. Edges that are tied to another, and
transposes, own nothing and read the arrays of the other edge. Running statistics have the
same form, in a tree of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pccompiler.components.operators import Parameter
from pccompiler.components.vocabulary import Array
from pccompiler.ir.elements import Edge
from pccompiler.ir.graph import Graph

Slots = dict[int, tuple[str, Mapping[str, Parameter]]]
"""For operators by position in a pipeline: the key of their mapping, and what it holds."""


def parameter_table(graph: Graph) -> dict[str, Any]:
    """Shape and initialiser of every parameter, as the tree that holds the parameters."""
    return _table(graph, parameter_slots)


def statistics_table(graph: Graph) -> dict[str, Any]:
    """Shape and first value of every running statistic, as the tree that holds them."""
    return _table(graph, statistics_slots)


def parameter_slots(edge: Edge) -> Slots:
    """The operators of a typed edge that own parameters."""
    borrowed = {position for position, _ in edge.owners}
    return _slots(
        edge,
        lambda position: (
            {}
            if position in borrowed
            else edge.operators[position].parameters(*edge.shapes[position : position + 2])
        ),
    )


def statistics_slots(edge: Edge) -> Slots:
    """The operators of a typed edge that keep running statistics."""
    return _slots(edge, lambda p: edge.operators[p].statistics(edge.shapes[p]))


def own_part(tree: Mapping[str, Any], slots: Slots, position: int) -> Mapping[str, Array]:
    """The arrays of the operator at a position, from the mapping of its edge."""
    if position not in slots:
        return {}
    return tree if len(slots) == 1 else tree[slots[position][0]]


def by_operator(parts: Mapping[str, Any]) -> Any:
    """Builds an edge's mapping: that of its only operator, or each operator's under its key."""
    return next(iter(parts.values())) if len(parts) == 1 else parts


def _slots(edge: Edge, table_of: Callable[[int], Mapping[str, Parameter]]) -> Slots:
    slots: Slots = {}
    seen: dict[str, int] = {}
    for position, operator in enumerate(edge.operators):
        table = table_of(position)
        if table:
            seen[operator.name] = count = seen.get(operator.name, 0) + 1
            slots[position] = (operator.name if count == 1 else f"{operator.name}{count}", table)
    return slots


def _table(graph: Graph, slots_of: Callable[[Edge], Slots]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for edge in graph.edges:
        own = dict(slots_of(edge).values())
        if own:
            table[edge.name] = by_operator(own)
    return table
