"""The wave: when information first reaches each copy of a node after a feedforward start.

The error of a clamped or disturbed copy is there at step 1. A free copy moves at the end of
the first step at which its own error, or that of a copy whose prediction reads it, is there (a
nudged one at step 1), and a move makes those errors appear one step later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pccompiler.ir.copies import Copies, Copy
from pccompiler.planning.plan import NEVER


def wave(
    copies: Copies,
    predicted: Collection[Copy],
    free: Collection[Copy],
    disturbed: Iterable[Copy],
    pulled: Iterable[Copy],
) -> tuple[dict[Copy, int], dict[Copy, int]]:
    """(the step at which each error arrives, the step at whose end each free copy first moves).

    `predicted` copies have an error, which for `disturbed` ones is there from the start;
    `pulled` ones feel a nudge.
    """
    readers: dict[Copy, list[Copy]] = {copy: [] for copy in copies.sources}
    for copy, sources in copies.sources.items():
        for source in sources:
            readers[source].append(copy)
    arrival = dict.fromkeys(predicted, NEVER)
    movement = dict.fromkeys(free, NEVER)
    arriving = [copy for copy in disturbed if copy in arrival]
    moved = list(pulled)
    step = 1
    while arriving or moved:
        arrival.update(dict.fromkeys(arriving, step))
        stirred = [*moved, *(m for copy in arriving for m in (copy, *copies.sources[copy]))]
        moving = [m for m in dict.fromkeys(stirred) if movement.get(m) == NEVER]
        movement.update(dict.fromkeys(moving, step))
        touched = (n for m in moving for n in (m, *readers[m]))
        arriving = [n for n in dict.fromkeys(touched) if arrival.get(n) == NEVER]
        moved = []
        step += 1
    return arrival, movement


def through_pass_through(copies: Copies, movement: Mapping[str, int]) -> dict[str, int]:
    """When pass-through nodes first change: with the first node that they read."""
    graph = copies.graph
    result: dict[str, int] = {}

    def of(name: str) -> int:
        if not graph.node[name].passes_through:
            return movement.get(name, NEVER)
        if name not in result:
            result[name] = min((of(e.source) for e in graph.forward_edges(name)), default=NEVER)
        return result[name]

    for node in graph.nodes:
        of(node.name)
    return result
