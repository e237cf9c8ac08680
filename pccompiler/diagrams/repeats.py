"""Repeating parts of a picture: the same block of nodes, several times in a row.

Nodes stand in the order of their layers. A run is `count` blocks of `period` nodes in which

- nodes at the same place of their blocks look alike, and have names that differ in numbers only;
- an edge between two blocks, or within one, is there again for every pair of blocks at that
  distance;
- edges to other nodes lead to the blocks at the ends, or to the same node from every block.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pccompiler.diagrams.layers import layers, turned_edges
from pccompiler.diagrams.picture import Picture, PictureEdge, PictureNode
from pccompiler.diagrams.text import printable
from pccompiler.spec.names import natural_key

LEAST = 3
"""Least number of blocks that make a stack."""

_LONGEST = 32  # nodes of a block
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Run:
    """`blocks` holds the names of the nodes of every block."""

    blocks: tuple[tuple[str, ...], ...]

    @property
    def hidden(self) -> int:
        """The number of nodes that a stack in its place saves."""
        return len(self.blocks) * len(self.blocks[0]) - 1


def runs(picture: Picture) -> list[Run]:
    """Runs that share no node, those that hide most first."""
    layer = layers(picture, turned_edges(picture))
    nodes = sorted(picture.nodes, key=lambda node: (layer[node.name], natural_key(node.name)))
    search = _Search(nodes, picture.edges)
    found: list[Run] = []
    open_parts = [(0, len(nodes))]
    while open_parts:
        start, end = open_parts.pop()
        best = search.best(start, end)
        if best is None:
            continue
        at, run = best
        found.append(run)
        open_parts += [(start, at), (at + len(run.blocks) * len(run.blocks[0]), end)]
    return sorted(found, key=lambda run: -run.hidden)


def pattern(name: str) -> str:
    """A name without its numbers."""
    return _NUMBERS.sub("#", name)


def _detail(node: PictureNode) -> str:
    """The detail of a node, without the name that stands there where a mark is the title."""
    return node.detail.replace(printable(node.name), "", 1)


class _Search:
    """Runs among nodes in a given order."""

    def __init__(self, nodes: Sequence[PictureNode], edges: Sequence[PictureEdge]) -> None:
        self.names = [node.name for node in nodes]
        self.signs = [(pattern(n.name), n.look, _detail(n), n.clamped) for n in nodes]
        self.place = {name: i for i, name in enumerate(self.names)}
        self.incident: dict[int, list[PictureEdge]] = defaultdict(list)
        for edge in edges:
            for end in {edge.source, edge.target}:
                self.incident[self.place[end]].append(edge)

    def best(self, start: int, end: int) -> tuple[int, Run] | None:
        """The run from `start` to `end` that hides most; of equals that of the shortest blocks,
        whose nodes carry the same number, such as a1 and h1."""
        best: tuple[int, ...] | None = None
        for period in range(1, min(_LONGEST, (end - start) // LEAST) + 1):
            for first, count in self._alike(start, end, period):
                for at, blocks in self._conforming(first, period, count):
                    numbers = {tuple(_NUMBERS.findall(n)) for n in self.names[at : at + period]}
                    candidate = (period * blocks, -period, -len(numbers), -at)
                    best = max(best or candidate, candidate)
        if best is None:
            return None
        covered, period, at = best[0], -best[1], -best[3]
        names = self.names[at : at + covered]
        return at, Run(tuple(tuple(names[i : i + period]) for i in range(0, covered, period)))

    def _alike(self, start: int, end: int, period: int) -> Iterator[tuple[int, int]]:
        """Stretches of blocks whose nodes look alike, at every alignment."""
        same = [self.signs[i] == self.signs[i + period] for i in range(start, end - period)]
        at = 0
        while at < len(same):
            stop = at
            while stop < len(same) and same[stop]:
                stop += 1
            for shift in range(min(period, stop - at)):
                count = (stop - at - shift) // period + 1
                if count >= LEAST:
                    yield start + at + shift, count
            at = stop + 1

    def _conforming(self, first: int, period: int, count: int) -> Iterator[tuple[int, int]]:
        """The parts of a stretch whose edges repeat too."""
        waiting = [(first, count)]
        while waiting:
            at, blocks = waiting.pop()
            if blocks < LEAST:
                continue
            cut = self._cut(at, period, blocks)
            if cut is None:
                yield at, blocks
            else:
                waiting += [(at, cut), (at + cut * period, blocks - cut)]

    def _cut(self, first: int, period: int, count: int) -> int | None:
        """None where all edges repeat; else a block before which the run must end."""
        inside: dict[tuple[object, ...], set[int]] = defaultdict(set)
        outside: dict[tuple[object, ...], set[int]] = defaultdict(set)
        stop = first + period * count
        for i in range(first, stop):
            block, position = divmod(i - first, period)
            for edge in self.incident[i]:
                look = (edge.kind, pattern(" ".join(edge.label)), edge.delayed)
                leaves = edge.source == self.names[i]
                other = self.place[edge.target if leaves else edge.source]
                if not first <= other < stop:
                    outside[position, leaves, other, *look].add(block)
                elif leaves:
                    far, place = divmod(other - first, period)
                    inside[far - block, position, place, *look].add(block)
        reach = 1
        for (distance, *_), blocks in inside.items():
            assert isinstance(distance, int)
            reach = max(reach, abs(distance))
            low, high = max(0, -distance), min(count, count - distance)
            for block in range(low, high):
                if (block in blocks) != (low in blocks):
                    side = min if block in blocks else max  # the longer part keeps its edges
                    return side(block, block + distance)
        for blocks in outside.values():
            if len(blocks) < count:
                for block in sorted(blocks):
                    if reach <= block < count - reach:
                        return block
        return None
