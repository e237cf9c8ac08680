"""Coordinates across the reading direction: straight chains, balanced rest.

1. Items are glued into blocks of equal coordinate, the most important segments first: the
   inner segments of long edges, each node's main edge, then the ends of edges that have one
   side of a node to themselves. A segment that crosses a glued one is not glued.
2. The blocks move to where  sum over segments of weight * (difference)^2  is small, while
   neighbours keep their distance: blocks that push against each other move as one, as in
   the pendulum method (Sander, "Graph Layout through the VCG Tool", 1994).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import networkx as nx

from pccompiler.diagrams.hierarchy import NODE, Hierarchy
from pccompiler.diagrams.picture import Picture
from pccompiler.diagrams.styles import precedence

_ROUNDS, _WORK = 300, 400_000  # fewer rounds where each is much work
_CLOSE = 1e-6  # pixels at which blocks touch
_STILL = 0.02  # pixels; a round that moves nothing farther is the last
_DAMPING = 0.8  # part of the way to a group's rest that a round goes; the whole way may swing
_WEAKEST = 1e-9  # stiffness of a block without springs, so that nothing divides by zero


def across(
    hierarchy: Hierarchy, order: tuple[tuple[int, ...], ...], picture: Picture
) -> list[float]:
    """The coordinate of every item, by number, with neighbours of a rank never overlapping."""
    block = _blocks(hierarchy, order, picture)
    distances: dict[tuple[int, int], float] = {}
    for rank in order:
        for left, right in pairwise(rank):
            ends = (block[left], block[right])
            distances[ends] = max(distances.get(ends, 0.0), _distance(hierarchy, left, right))
    springs: dict[tuple[int, int], float] = defaultdict(float)
    for upper, lower in _segments(hierarchy):
        if block[upper] != block[lower]:
            ends = (min(block[upper], block[lower]), max(block[upper], block[lower]))
            bends = (hierarchy.items[upper].kind != NODE) + (hierarchy.items[lower].kind != NODE)
            springs[ends] += (1.0, 2.0, 6.0)[bends]  # bends in the middle of an edge cost most
    place = _balanced(max(block, default=-1) + 1, distances, springs)
    return [place[b] for b in block]


def _distance(hierarchy: Hierarchy, left: int, right: int) -> float:
    one, other = hierarchy.items[left].size, hierarchy.items[right].size
    return one.after + max(one.margin, other.margin) + other.before


def _segments(hierarchy: Hierarchy) -> Iterable[tuple[int, int]]:
    for chain in hierarchy.chains.values():
        yield from pairwise(chain)


def _blocks(
    hierarchy: Hierarchy, order: tuple[tuple[int, ...], ...], picture: Picture
) -> list[int]:
    """The block of every item; blocks are numbered by their first item.

    Glued segments between two ranks never cross, so blocks are disjoint curves that are
    monotone along the ranks, and "stands before" has no cycle among them.
    """
    place = {item: i for rank in order for i, item in enumerate(rank)}
    glued: dict[int, list[tuple[int, int]]] = defaultdict(list)
    joined: nx.Graph[int] = nx.Graph()
    joined.add_nodes_from(range(len(hierarchy.items)))
    for upper, lower in _glueings(hierarchy, picture):
        segment = (place[upper], place[lower])
        others = glued[hierarchy.items[upper].rank]
        at = bisect_left(others, segment)
        fits_left = at == 0 or all(a < b for a, b in zip(others[at - 1], segment, strict=True))
        fits_right = at == len(others) or all(
            a < b for a, b in zip(segment, others[at], strict=True)
        )
        if fits_left and fits_right:
            others.insert(at, segment)
            joined.add_edge(upper, lower)
    block = [0] * len(hierarchy.items)
    components = sorted(nx.connected_components(joined), key=min)
    for number, members in enumerate(components):
        for item in members:
            block[item] = number
    return block


def _glueings(hierarchy: Hierarchy, picture: Picture) -> list[tuple[int, int]]:
    """Segments to be straight, the most important first."""
    inner: list[tuple[int, int]] = []
    for chain in sorted(hierarchy.chains.values(), key=len, reverse=True):
        segments = list(pairwise(chain))
        inner += segments[1:-1] if len(chain) > 3 else []
    main: list[tuple[int, int]] = []
    for name in _main_edges(hierarchy, picture):
        chain = hierarchy.chains[name]
        main += pairwise(chain)
    alone: list[tuple[int, int]] = []
    for chain in hierarchy.chains.values():
        if len(hierarchy.below[chain[0]]) == 1:
            alone.append((chain[0], chain[1]))
        if len(hierarchy.above[chain[-1]]) == 1:
            alone.append((chain[-2], chain[-1]))
    return inner + main + alone


def _main_edges(hierarchy: Hierarchy, picture: Picture) -> list[str]:
    """Edges that are the main one at both their ends, the short ones first.

    The candidates of a node's side are its shortest edges of the first kind; the middle one
    is its main edge, and an even number of them has none, so that forks stay symmetric.
    """
    kind = {edge.name: precedence(edge.kind) for edge in picture.edges}
    leaving: dict[int, list[str]] = defaultdict(list)
    entering: dict[int, list[str]] = defaultdict(list)
    for name, chain in hierarchy.chains.items():
        leaving[chain[0]].append(name)
        entering[chain[-1]].append(name)

    def main(names: list[str]) -> str | None:
        rank = {name: (kind[name], len(hierarchy.chains[name])) for name in names}
        first = [name for name in names if rank[name] == min(rank.values())]
        return first[len(first) // 2] if len(first) % 2 else None

    mains = {main(names) for names in leaving.values()} & {main(n) for n in entering.values()}
    found = [name for name in hierarchy.chains if name in mains]
    return sorted(found, key=lambda name: len(hierarchy.chains[name]))


def _balanced(
    count: int, distances: dict[tuple[int, int], float], springs: dict[tuple[int, int], float]
) -> list[float]:
    """Positions of the blocks: weighted least squares under the distances, by relaxation."""
    place = _packed(count, distances)
    stiffness = [_WEAKEST] * count
    for (one, other), weight in springs.items():
        stiffness[one] += weight
        stiffness[other] += weight
    for _ in range(max(20, min(_ROUNDS, _WORK // (1 + len(springs) + len(distances))))):
        pull = [0.0] * count
        for (one, other), weight in springs.items():
            force = weight * (place[other] - place[one])
            pull[one] += force
            pull[other] -= force
        if _move(place, pull, stiffness, distances) < _STILL:
            break
    return place


def _move(
    place: list[float],
    pull: list[float],
    stiffness: list[float],
    distances: dict[tuple[int, int], float],
) -> float:
    """One round: touching blocks that push at each other join, then every group moves."""
    group = list(range(len(place)))
    members = {b: [b] for b in group}
    total, weight = list(pull), list(stiffness)
    touching = [
        (left, right)
        for (left, right), distance in distances.items()
        if place[right] - place[left] - distance < _CLOSE
    ]
    joined = True
    while joined:
        joined = False
        for left, right in touching:
            one, other = group[left], group[right]
            if one == other or total[one] / weight[one] <= total[other] / weight[other]:
                continue
            for b in members[other]:
                group[b] = one
            members[one] += members.pop(other)
            total[one] += total[other]
            weight[one] += weight[other]
            joined = True
    room: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    for (left, right), distance in distances.items():
        if group[left] != group[right]:
            room[group[left]].append((left, right, distance))
            room[group[right]].append((left, right, distance))
    farthest = 0.0
    # Groups that move right go first from the right, so that they make room for the others.
    for g in sorted(members, key=lambda g: max(place[b] for b in members[g]), reverse=True):
        step = _DAMPING * total[g] / weight[g]
        if step > 0:
            slack = (place[r] - place[x] - d for x, r, d in room[g] if group[x] == g)
            farthest = max(farthest, _shift(place, members[g], min(step, *slack, step)))
    for g in sorted(members, key=lambda g: min(place[b] for b in members[g])):
        step = _DAMPING * total[g] / weight[g]
        if step < 0:
            slack = (place[x] + d - place[r] for x, r, d in room[g] if group[r] == g)
            farthest = max(farthest, _shift(place, members[g], max(step, *slack, step)))
    return farthest


def _shift(place: list[float], members: list[int], step: float) -> float:
    for block in members:
        place[block] += step
    return abs(step)


def _packed(count: int, distances: dict[tuple[int, int], float]) -> list[float]:
    """A first placement that keeps all distances: the mean of packing left and packing right."""
    following: dict[int, list[tuple[int, float]]] = defaultdict(list)
    before = [0] * count
    for (left, right), distance in distances.items():
        following[left].append((right, distance))
        before[right] += 1
    sequence = [b for b in range(count) if not before[b]]
    for b in sequence:
        for right, _ in following[b]:
            before[right] -= 1
            if not before[right]:
                sequence.append(right)
    first = [0.0] * count
    for b in sequence:
        for right, distance in following[b]:
            first[right] = max(first[right], first[b] + distance)
    last = [max(first, default=0.0)] * count
    for b in reversed(sequence):
        for right, distance in following[b]:
            last[b] = min(last[b], last[right] - distance)
    return [(one + other) / 2 for one, other in zip(first, last, strict=True)]
