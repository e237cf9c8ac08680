"""Starts: the free states before the first inference step."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import Field

from pccompiler.components.family import Family
from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.lazy import jax, jnp


class StateInit(Member):
    """The states of the free nodes before the first inference step.

    `sweeps`: it starts from the predictions of a feedforward pass, which the network must then
    have. `at_predictions`: every state starts exactly at that prediction, so that no error is
    there before information arrives. `draws`: it draws random numbers. `carries`: in training,
    a batch starts where the first phase of the batch before ended, and only the first batch at
    `start`.
    """

    sweeps: ClassVar[bool] = False
    at_predictions: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    carries: ClassVar[bool] = False

    @classmethod
    def contradiction(cls) -> str | None:
        if cls.at_predictions and not cls.sweeps:
            return "`at_predictions` needs `sweeps`: without a pass there are no predictions"
        if cls.carries and cls.sweeps:
            return "`carries` excludes `sweeps`: a carried state stands at no prediction"
        return None

    @abstractmethod
    def start(self, shape: Shape, dtype: Any, key: Array | None, prediction: Array | None) -> Array:
        """The state of one node before the first step, of this shape (batch and, in a network
        unrolled in time, time included).

        `key` is the node's own, or None unless the start `draws`; `prediction`, of the same
        shape, is None unless it `sweeps`, and zero for a root.
        """


class Feedforward(StateInit):
    """Every free node starts at its prediction, in forward order; free roots at zero.

    Source: Whittington & Bogacz 2017, doi:10.1162/NECO_a_00949.
    """

    name: ClassVar[str] = "feedforward"
    aliases: ClassVar[tuple[str, ...]] = ("forward", "prediction", "predictions")
    sweeps: ClassVar[bool] = True
    at_predictions: ClassVar[bool] = True

    def start(self, shape: Shape, dtype: Any, key: Array | None, prediction: Array | None) -> Array:
        assert prediction is not None
        return prediction


class AtZero(StateInit):
    """Every free node starts at zero."""

    name: ClassVar[str] = "zeros"
    aliases: ClassVar[tuple[str, ...]] = ("zero",)

    def start(self, shape: Shape, dtype: Any, key: Array | None, prediction: Array | None) -> Array:
        return jnp.zeros(shape, dtype)


class AtRandom(StateInit):
    """Every free unit starts at an independent normal value with mean zero."""

    name: ClassVar[str] = "normal"
    aliases: ClassVar[tuple[str, ...]] = ("random", "gaussian", "randn")
    shorthand: ClassVar[str | None] = "std"
    draws: ClassVar[bool] = True
    std: float = Field(default=0.1, ge=0, description="standard deviation")

    def start(self, shape: Shape, dtype: Any, key: Array | None, prediction: Array | None) -> Array:
        assert key is not None
        return self.std * jax.random.normal(key, shape, dtype)


class Previous(StateInit):
    """Free nodes start where the first phase of the batch before left them; at first at zero.

    Outside training, where there is no batch before, at zero. Persistent states of the free
    phase: Scellier & Bengio 2017, arXiv:1602.05179.
    """

    name: ClassVar[str] = "previous"
    aliases: ClassVar[tuple[str, ...]] = ("last", "warm_start", "persistent", "carry")
    carries: ClassVar[bool] = True

    def start(self, shape: Shape, dtype: Any, key: Array | None, prediction: Array | None) -> Array:
        return jnp.zeros(shape, dtype)


STATE_INITS = Family("initialisation", StateInit, (Feedforward, AtZero, AtRandom, Previous))
