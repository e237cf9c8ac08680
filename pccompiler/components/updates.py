"""Update orders: which free nodes an inference step moves together.

    synchronous    all from one gradient
    asynchronous   one colour after another, each from a gradient of its own; nodes of one
                   colour share no term of the energy, so that a step is a sweep of coordinate
                   descent over blocks

Colours are numbered along the distance from the nodes that are clamped: in a layered network odd
layers have the first colour and even ones the second. Source: Scellier et al. 2023,
arXiv:2312.15103.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import Field

from pccompiler.components.family import Family
from pccompiler.components.member import Member

Groups = tuple[tuple[str, ...], ...]
"""Names of nodes that move together, in the order in which the groups move."""

Neighbours = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Coupling:
    """The free nodes of a phase and their couplings, as an update order sees them.

    `free` are the nodes that move, in forward order; `neighbours` those free nodes that share a
    term of the energy with a node; `distance` counts the couplings from a node to the nearest
    input, through nodes that are clamped too, and is 0 where none leads there.
    """

    free: tuple[str, ...]
    measured: Callable[[], tuple[Neighbours, Mapping[str, int]]]
    """(neighbours, distance), found when an order first asks: where every node reads all before
    it, there are as many couplings as pairs of nodes."""

    @cached_property
    def _found(self) -> tuple[Neighbours, Mapping[str, int]]:
        return self.measured()

    @property
    def neighbours(self) -> Neighbours:
        return self._found[0]

    @property
    def distance(self) -> Mapping[str, int]:
        return self._found[1]


class UpdateOrder(Member):
    """The order of an inference step: the groups of nodes that move together."""

    @abstractmethod
    def groups(self, coupling: Coupling) -> Groups:
        """The free nodes by group, every one once; each group moves from a gradient of its own,
        taken after the groups before it have moved. Empty: all move from one gradient."""


class Synchronous(UpdateOrder):
    """All free nodes move from one gradient."""

    name: ClassVar[str] = "synchronous"
    aliases: ClassVar[tuple[str, ...]] = ("sync", "parallel", "simultaneous", "jacobi")

    def groups(self, coupling: Coupling) -> Groups:
        return ()


class Asynchronous(UpdateOrder):
    """The nodes of one colour after those of another, each from a fresh gradient."""

    name: ClassVar[str] = "asynchronous"
    aliases: ClassVar[tuple[str, ...]] = ("async", "sequential", "alternating", "gauss_seidel")
    shorthand: ClassVar[str | None] = "order"

    order: Literal["odd_first", "even_first"] = Field(
        default="odd_first", description="the nodes next to the clamped inputs first, or last"
    )

    def groups(self, coupling: Coupling) -> Groups:
        found = _colours(coupling)
        return found if self.order == "odd_first" else found[::-1]


def _colours(coupling: Coupling) -> Groups:
    """The free nodes by colour: along the distance from the inputs, each takes the first colour
    that no neighbour has."""
    colour: dict[str, int] = {}
    for name in sorted(coupling.free, key=lambda n: coupling.distance[n]):
        taken = {colour[other] for other in coupling.neighbours[name] if other in colour}
        colour[name] = min(set(range(len(taken) + 1)) - taken)
    count = max(colour.values(), default=-1) + 1
    return tuple(tuple(n for n in coupling.free if colour[n] == c) for c in range(count))


UPDATE_ORDERS = Family("update order", UpdateOrder, (Synchronous, Asynchronous))
