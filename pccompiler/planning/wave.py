"""The wave: when information first reaches each copy of a node after a feedforward start.

The error of a copy that is clamped, or off its prediction at the start, is there at step 1. A
free copy moves at the end of the first step at which its own error, or that of a copy whose
prediction reads it, is there (a nudged one at step 1), and a move makes those errors appear one
step later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pccompiler.ir.copies import Copies, Copy
from pccompiler.planning.plan import NEVER


def wave(
    copies: Copies,
    predicted: Collection[Copy],
    free: Collection[Copy],
    off: Iterable[Copy],
    pulled: Iterable[Copy],
) -> tuple[dict[Copy, int], dict[Copy, int]]:
    """(the step at which each error arrives, the step at whose end each free copy first moves).

    `predicted` copies have an error, which for those that are `off` theirs is there from the start;
    `pulled` ones feel a nudge, or where they pass their prediction through, hand it on to what
    they read. A pass-through copy is crossed once each way: what it reads has then moved, and
    what reads it has been touched.
    """
    arrival = dict.fromkeys(predicted, NEVER)
    movement = dict.fromkeys(free, NEVER)
    arriving = [copy for copy in off if copy in arrival]
    moved = list(pulled)
    pulling = [copy for copy in moved if copies.graph.node[copy[0]].passes_through]
    down, up = set[Copy](), set[Copy]()
    step = 1
    while arriving or moved:
        arrival.update(dict.fromkeys(arriving, step))
        felt = copies.across([*pulling, *arriving], copies.read, down)
        stirred = [*moved, *arriving, *felt]
        moving = [m for m in dict.fromkeys(stirred) if movement.get(m) == NEVER]
        movement.update(dict.fromkeys(moving, step))
        touched = [*moving, *copies.across(moving, copies.readers, up)]
        arriving = [n for n in dict.fromkeys(touched) if arrival.get(n) == NEVER]
        moved, pulling = [], []
        step += 1
    return arrival, movement


def through_pass_through(copies: Copies, movement: Mapping[str, int]) -> dict[str, int]:
    """When pass-through nodes first change: with the first node that they read."""
    graph = copies.graph
    result: dict[str, int] = {}
    for name in graph.passing:
        sources = [edge.source for edge in graph.forward_edges(name)]
        result[name] = min((result.get(s, movement.get(s, NEVER)) for s in sources), default=NEVER)
    return result
