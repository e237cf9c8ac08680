"""The order of the items of each rank, with few crossings.

Sweeps of weighted medians with exchanges of neighbours in between (Gansner et al. 1993,
section 3). Ties keep their order in two sweeps and are turned round in the next two, or the
search would stay where no single exchange helps. In the end whole edges change sides where
that removes crossings, as two overlapping skips of a chain have none on either side of it.
Everything starts from canonical order, so the result depends on the network alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise

from pccompiler.diagrams.hierarchy import Hierarchy

Order = list[list[int]]

_SWEEPS, _WORK = 24, 30_000  # fewer sweeps where each is much work, but at least
_LEAST_SWEEPS, _MOST_WORK = 4, 650_000  # so many unless even these are too much
_PATIENCE = 8  # sweeps without a better order
_EXCHANGES = 8  # rounds of exchanges after a sweep, each over all ranks; fewer if too much
_SIDE_ROUNDS, _SIDE_WORK = 4, 20_000_000


def ordered(hierarchy: Hierarchy) -> tuple[tuple[int, ...], ...]:
    """Item numbers rank by rank, each rank in the order of its items across."""
    best = _initial(hierarchy)
    fewest = crossings(hierarchy, best)
    order = [list(rank) for rank in best]
    waited = 0
    for sweep in range(_sweeps(len(hierarchy.items))):
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


def _sweeps(items: int) -> int:
    """The number of sweeps for so many items: a limit that is the same on every machine."""
    wanted = max(_LEAST_SWEEPS, min(_SWEEPS, _WORK // (1 + items)))
    return max(1, min(wanted, _MOST_WORK // (1 + items)))


def crossings(hierarchy: Hierarchy, order: Order) -> int:
    """The number of pairs of segments that cross."""
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
    waiting = set(range(len(order)))  # a rank is done until it or one beside it changes
    for _ in range(max(1, min(_EXCHANGES, _MOST_WORK // len(place)))):
        for number, rank in enumerate(order):
            if number not in waiting:
                continue
            waiting.discard(number)
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
                waiting |= {n for n in (number - 1, number, number + 1) if 0 <= n < len(order)}
                for item in rank:
                    for other in hierarchy.above[item]:
                        below[other] = sorted(place[o] for o in hierarchy.below[other])
                    for other in hierarchy.below[item]:
                        above[other] = sorted(place[o] for o in hierarchy.above[other])
        if not waiting:
            return


def _change_sides(hierarchy: Hierarchy, order: Order) -> None:
    """Moves long edges to the left or the right of all else where that removes crossings."""
    long = [chain for chain in hierarchy.chains.values() if len(chain) > 3]
    long.sort(key=lambda chain: hierarchy.items[chain[0]].rank)
    gaps = Gaps(hierarchy, order)
    for _ in range(_SIDE_ROUNDS):
        changed = False
        for chain in long:
            rank = hierarchy.items[chain[0]].rank
            fewest = gaps.crossings(rank, chain)
            if not fewest:
                continue
            for left in (True, False):
                count = gaps.crossings_aside(rank, chain, left)
                if count < fewest:
                    gaps.move_aside(rank, chain, left)
                    fewest, changed = count, True
            if gaps.work > _SIDE_WORK:
                return
        if not changed:
            return


class Gaps:
    """The segments between ranks, by the places of their ends; kept while edges change sides.

    `work` counts segments looked at, so that a limit on it is the same on every machine.
    """

    def __init__(self, hierarchy: Hierarchy, order: Order) -> None:
        self.below, self.order, self.work = hierarchy.below, order, 0
        self.place = [0] * len(hierarchy.items)
        for rank in order:
            self._number(rank)
        self.ends = [self._ends(rank) for rank in range(len(order) - 1)]

    def crossings(self, rank: int, chain: Sequence[int]) -> int:
        """The number of segments that an edge starting on a rank crosses."""
        total = 0
        for gap, (upper, lower) in enumerate(pairwise(chain), rank):
            total += self._crossed(gap, self.place[upper], self.place[lower])
        return total

    def crossings_aside(self, rank: int, chain: Sequence[int], left: bool) -> int:
        """The number that it would cross if its inner items stood beside all else: its ends alone
        do."""
        first, last = self.place[chain[0]], self.place[chain[-1]]
        far = -1 if left else len(self.place)
        bottom = rank + len(chain) - 2
        return self._crossed(rank, first, far) + self._crossed(bottom, far, last)

    def move_aside(self, rank: int, chain: Sequence[int], left: bool) -> None:
        """Puts the inner items of an edge beside all else."""
        for number, item in enumerate(chain[1:-1], rank + 1):
            row = self.order[number]
            row.remove(item)
            row.insert(0 if left else len(row), item)
            self._number(row)
        for gap in range(rank, rank + len(chain) - 1):
            self.ends[gap] = self._ends(gap)

    def _number(self, row: list[int]) -> None:
        for place, item in enumerate(row):
            self.place[item] = place

    def _ends(self, gap: int) -> tuple[list[int], list[int]]:
        """The places of the upper and of the lower ends of the segments after a rank."""
        row = self.order[gap]
        self.work += len(row)
        uppers = [self.place[item] for item in row for _ in self.below[item]]
        return uppers, [self.place[other] for item in row for other in self.below[item]]

    def _crossed(self, gap: int, upper: int, lower: int) -> int:
        """The number of segments after a rank that cross one from `upper` to `lower`."""
        uppers, lowers = self.ends[gap]
        self.work += len(uppers)
        before, after = bisect_left(uppers, upper), bisect_right(uppers, upper)
        return sum([end > lower for end in lowers[:before]]) + sum(
            [end < lower for end in lowers[after:]]
        )


def _pair(left: list[int], right: list[int]) -> int:
    """Crossings between the segments of two neighbours, `left` standing before `right`."""
    total = smaller = 0
    for end in left:
        while smaller < len(right) and right[smaller] < end:
            smaller += 1
        total += smaller
    return total
