"""The copies of nodes in time: which terms are there, and which copies act on which.

A network without time has one copy of each node, at time 0. A forward edge of delay d reads
its source d steps before, a feedback edge d steps after; where that is outside 0 .. T-1, or
where the source is a pass-through node without a prediction, the term is absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pccompiler.ir.graph import Edge, Graph

Copy = tuple[str, int]
"""A node and a time."""


@dataclass(frozen=True)
class Copies:
    """Presence of terms and predictions in a typed graph."""

    graph: Graph

    @property
    def times(self) -> range:
        return range(self.graph.copies)

    def read_time(self, edge: Edge, t: int) -> int | None:
        """The time at which the term of the edge at time t reads its source; None outside."""
        at = t + edge.delay if edge.is_feedback else t - edge.delay
        return at if at in self.times else None

    @cached_property
    def terms(self) -> dict[str, tuple[bool, ...]]:
        """By edge, the times at which its term is there."""
        return {
            edge.name: tuple(self._is_there(edge, t) for t in self.times)
            for edge in self.graph.edges
        }

    @cached_property
    def forward(self) -> dict[str, tuple[bool, ...]]:
        """By node, the times at which it has a forward prediction (a prior always is one)."""
        return {
            node.name: (True,) * self.graph.copies
            if node.prior is not None
            else tuple(
                any(self.terms[edge.name][t] for edge in self.graph.forward_edges(node.name))
                for t in self.times
            )
            for node in self.graph.nodes
        }

    @cached_property
    def feedback(self) -> dict[str, tuple[int, ...]]:
        """By node, how many feedback terms it has at each time."""
        return {
            node.name: tuple(
                sum(self.terms[edge.name][t] for edge in self.graph.feedback_edges(node.name))
                for t in self.times
            )
            for node in self.graph.nodes
        }

    def curvatures(self, name: str) -> tuple[float | None, ...]:
        """By time, the curvature in x of the energy of a free state, its predictions fixed; None
        where it is not constant."""
        return tuple(
            self.graph.curvature(name, self.forward[name][t], self.feedback[name][t] > 0)
            for t in self.times
        )

    @cached_property
    def targets(self) -> tuple[bool, ...]:
        """The times at which targets hold."""
        last = self.graph.copies - 1
        every = self.graph.time is None or self.graph.time.every
        return tuple(every or t == last for t in self.times)

    @cached_property
    def read(self) -> dict[Copy, tuple[Copy, ...]]:
        """For every copy, the copies that its predictions read, pass-through ones included."""
        return {
            (node.name, t): tuple(dict.fromkeys(self._read(node.name, t)))
            for node in self.graph.nodes
            for t in self.times
        }

    @cached_property
    def readers(self) -> dict[Copy, tuple[Copy, ...]]:
        """For every copy, the copies whose predictions read it, pass-through ones included."""
        readers: dict[Copy, list[Copy]] = {copy: [] for copy in self.read}
        for copy, sources in self.read.items():
            for source in sources:
                readers[source].append(copy)
        return {copy: tuple(found) for copy, found in readers.items()}

    def across(
        self,
        start: Iterable[Copy],
        next_to: Mapping[Copy, tuple[Copy, ...]],
        passed: set[Copy] | None = None,
    ) -> Iterator[Copy]:
        """The copies of variables next to those of `start`, through pass-through nodes too, a
        copy perhaps more than once. Pass-through copies in `passed` are not entered, and those
        that are entered join it."""
        passed = set() if passed is None else passed
        waiting = list(start)
        while waiting:
            for copy in next_to[waiting.pop()]:
                if not self.graph.node[copy[0]].passes_through:
                    yield copy
                elif copy not in passed:
                    passed.add(copy)
                    waiting.append(copy)

    @cached_property
    def variables(self) -> tuple[Copy, ...]:
        """The copies of the nodes that have a state."""
        return tuple((node.name, t) for node in self.graph.variables for t in self.times)

    def _is_there(self, edge: Edge, t: int) -> bool:
        at = self.read_time(edge, t)
        if at is None:
            return False
        return not self.graph.node[edge.source].passes_through or self._passing[edge.source, at]

    @cached_property
    def _passing(self) -> dict[Copy, bool]:
        """Whether each copy of a pass-through node has a prediction."""
        there: dict[Copy, bool] = {}
        for name in self.graph.passing:
            for t in self.times:
                there[name, t] = False
                for edge in self.graph.forward_edges(name):
                    at = self.read_time(edge, t)
                    if at is not None and there.get((edge.source, at), True):
                        there[name, t] = True
        return there

    def _read(self, node: str, t: int) -> Iterator[Copy]:
        for edge in self.graph.edges_into(node):
            at = self.read_time(edge, t)
            if at is not None and self.terms[edge.name][t]:
                yield edge.source, at
