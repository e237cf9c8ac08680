"""The order of the items of each rank, with few crossings.

Sweeps of weighted medians with exchanges of neighbours in between (Gansner et al. 1993,
section 3). Ties keep their order in two sweeps and are turned round in the next two, or the
search would stay where no single exchange helps. In the end whole edges change sides where
that removes crossings, as two overlapping skips of a chain have none on either side of it.
Everything starts from canonical order, so the result depends on the network alone.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import pairwise

from pccompiler.diagrams.hierarchy import Hierarchy

Order = list[list[int]]

_SWEEPS, _WORK = 24, 30_000  # fewer sweeps where each is much work
_PATIENCE = 8  # sweeps without a better order
_SIDE_ROUNDS = 4
_EXCHANGES = 8  # rounds of exchanges after a sweep, each over all ranks


def ordered(hierarchy: Hierarchy) -> tuple[tuple[int, ...], ...]:
    """Item numbers rank by rank, each rank in the order of its items across."""
    best = _initial(hierarchy)
    fewest = crossings(hierarchy, best)
    order = [list(rank) for rank in best]
    waited = 0
    for sweep in range(max(4, min(_SWEEPS, _WORK // (1 + len(hierarchy.items))))):
        if not fewest or waited == _PATIENCE:
            break
        _sort_by_medians(hierarchy, order, downwards=sweep % 2 == 0, turn_ties=sweep % 4 > 1)
        _exchange_neighbours(hierarchy, order)
        count = crossings(hierarchy, order)
        waited += 1
        if count < fewest:
            best, fewest, waited = [list(rank) for rank in order], count, 0
    if fewest:
        _change_sides(hierarchy, best)
    return tuple(map(tuple, best))


def crossings(hierarchy: Hierarchy, order: Order) -> int:
    """How many pairs of segments cross."""
    total = 0
    for upper, lower in pairwise(order):
        place = {item: i for i, item in enumerate(lower)}
        seen: list[int] = []
        for item in upper:
            ends = sorted(place[other] for other in hierarchy.below[item])
            for end in ends:
                total += len(seen) - bisect_left(seen, end + 1)
            for end in ends:
                insort(seen, end)
    return total


def _initial(hierarchy: Hierarchy) -> Order:
    """Depth first from the lowest ranks, so that connected items start side by side."""
    order: Order = [[] for _ in range(hierarchy.ranks)]
    seen: set[int] = set()
    roots = sorted(range(len(hierarchy.items)), key=lambda i: (hierarchy.items[i].rank, i))
    for root in roots:
        stack = [root]
        while stack:
            item = stack.pop()
            if item in seen:
                continue
            seen.add(item)
            order[hierarchy.items[item].rank].append(item)
            stack.extend(reversed(hierarchy.below[item]))
    return order


def _sort_by_medians(hierarchy: Hierarchy, order: Order, downwards: bool, turn_ties: bool) -> None:
    ranks = range(1, len(order)) if downwards else range(len(order) - 2, -1, -1)
    for rank in ranks:
        fixed = order[rank - 1 if downwards else rank + 1]
        place = {item: i for i, item in enumerate(fixed)}
        neighbours = hierarchy.above if downwards else hierarchy.below
        medians = {
            item: _median(sorted(place[other] for other in neighbours[item]))
            for item in order[rank]
            if neighbours[item]
        }
        movable = [item for item in order[rank] if item in medians]
        if turn_ties:
            movable.reverse()
        moved = iter(sorted(movable, key=medians.__getitem__))
        order[rank] = [next(moved) if item in medians else item for item in order[rank]]


def _median(places: list[int]) -> float:
    """The median; of two middle places, the mean weighted towards the denser side."""
    middle, odd = divmod(len(places), 2)
    if odd:
        return places[middle]
    if len(places) == 2:
        return sum(places) / 2
    left, right = places[middle - 1] - places[0], places[-1] - places[middle]
    if left + right == 0:
        return (places[middle - 1] + places[middle]) / 2
    return (places[middle - 1] * right + places[middle] * left) / (left + right)


def _exchange_neighbours(hierarchy: Hierarchy, order: Order) -> None:
    """Exchanges neighbours of a rank while that removes crossings."""
    place = {item: i for rank in order for i, item in enumerate(rank)}
    above = [sorted(place[o] for o in others) for others in hierarchy.above]
    below = [sorted(place[o] for o in others) for others in hierarchy.below]
    for _ in range(_EXCHANGES):
        improved = False
        for rank in order:
            changed = False
            for i in range(len(rank) - 1):
                left, right = rank[i], rank[i + 1]
                now = _pair(above[left], above[right]) + _pair(below[left], below[right])
                if not now:
                    continue
                then = _pair(above[right], above[left]) + _pair(below[right], below[left])
                if then < now:
                    rank[i], rank[i + 1] = right, left
                    place[left], place[right] = i + 1, i
                    changed = True
            if changed:
                improved = True
                for item in rank:
                    for other in hierarchy.above[item]:
                        below[other] = sorted(place[o] for o in hierarchy.below[other])
                    for other in hierarchy.below[item]:
                        above[other] = sorted(place[o] for o in hierarchy.above[other])
        if not improved:
            return


def _change_sides(hierarchy: Hierarchy, order: Order) -> None:
    """Moves long edges to the left or the right of all else where that removes crossings."""
    long = [chain for chain in hierarchy.chains.values() if len(chain) > 3]
    long.sort(key=lambda chain: hierarchy.items[chain[0]].rank)
    for _ in range(_SIDE_ROUNDS):
        changed = False
        for first, *inner, last in long:
            low, high = hierarchy.items[first].rank, hierarchy.items[last].rank
            here = order[low : high + 1]
            fewest = crossings(hierarchy, here)
            bare = [
                [other for other in rank if other != item]
                for rank, item in zip(here[1:-1], inner, strict=True)
            ]
            for left in (True, False):
                aside = [
                    [item, *rank] if left else [*rank, item]
                    for rank, item in zip(bare, inner, strict=True)
                ]
                count = crossings(hierarchy, [here[0], *aside, here[-1]])
                if count < fewest:
                    order[low + 1 : high], fewest, changed = aside, count, True
        if not changed:
            return


def _pair(left: list[int], right: list[int]) -> int:
    """Crossings between the segments of two neighbours, `left` standing before `right`."""
    total = smaller = 0
    for end in left:
        while smaller < len(right) and right[smaller] < end:
            smaller += 1
        total += smaller
    return total
