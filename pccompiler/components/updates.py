"""In which order an inference step changes the free nodes.

    synchronous    all from one gradient
    asynchronous   one colour after another, each from a gradient of its own; nodes of one
                   colour share no term of the energy, so that a step is a sweep of coordinate
                   descent over blocks

Colours are numbered along the distance from the nodes that are held: in a layered network odd
layers have the first colour and even ones the second.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pccompiler.components.member import Member


class UpdateOrder(Member):
    """Which nodes move together in an inference step."""


class Synchronous(UpdateOrder):
    """All free nodes move from one gradient."""

    name: ClassVar[str] = "synchronous"
    aliases: ClassVar[tuple[str, ...]] = ("sync", "parallel", "simultaneous", "jacobi")


class Asynchronous(UpdateOrder):
    """The nodes of one colour after those of another, each from a fresh gradient."""

    name: ClassVar[str] = "asynchronous"
    aliases: ClassVar[tuple[str, ...]] = ("async", "sequential", "alternating", "gauss_seidel")
    shorthand: ClassVar[str | None] = "order"

    order: Literal["odd_first", "even_first"] = Field(
        default="odd_first", description="the nodes next to the held inputs first, or last"
    )


UPDATE_ORDERS: tuple[type[UpdateOrder], ...] = (Synchronous, Asynchronous)
