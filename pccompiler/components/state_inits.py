"""Where the free states stand when inference starts."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pccompiler.components.member import Member


class StateInit(Member):
    """The states of the free nodes before the first inference step."""


class Feedforward(StateInit):
    """Every free node starts at its prediction, in forward order; free roots at zero."""

    name: ClassVar[str] = "feedforward"
    aliases: ClassVar[tuple[str, ...]] = ("forward", "prediction", "predictions")


class AtZero(StateInit):
    """Every free node starts at zero."""

    name: ClassVar[str] = "zeros"
    aliases: ClassVar[tuple[str, ...]] = ("zero",)


class AtRandom(StateInit):
    """Every free unit starts at an independent normal value with mean zero."""

    name: ClassVar[str] = "normal"
    aliases: ClassVar[tuple[str, ...]] = ("random", "gaussian", "randn")
    shorthand: ClassVar[str | None] = "std"
    std: float = Field(default=0.1, ge=0, description="standard deviation")


class Previous(StateInit):
    """Free nodes start where the first phase of the batch before left them; at first at zero.

    Outside training, where there is no batch before, at zero.
    """

    name: ClassVar[str] = "previous"
    aliases: ClassVar[tuple[str, ...]] = ("last", "warm_start", "persistent", "carry")


STATE_INITS: tuple[type[StateInit], ...] = (Feedforward, AtZero, AtRandom, Previous)
