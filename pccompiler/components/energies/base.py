"""What an energy is: a number per sample that says how badly a prediction fits a state."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Array, Held


class Energy(Member):
    """The energy of a node's state x (or of a target) under its prediction mu.

    `zero_at_prediction`: energy and both gradients vanish at x = mu, so that after a
    feedforward start the term does nothing until information has reached the node.
    `curvature` is c where E = c/2 sum (x - mu)^2, else None. `over_classes`: it is a
    distribution over the last axis, which then needs two entries or more. `passes_through`:
    the node has no state and no energy, its prediction is read in its place.
    `used_for`: "node" where a node may name it as its energy, "loss" where it may be the loss
    of an output, or both.
    `takes_logits`: the prediction is not in the units of the state, but its logits.
    `inverse_link`: the name of the function that makes of mu what x is compared with, where mu
    are logits.
    """

    used_for: ClassVar[tuple[str, ...]] = ("node",)
    zero_at_prediction: ClassVar[bool] = False
    takes_logits: ClassVar[bool] = False
    curvature: ClassVar[float | None] = None
    over_classes: ClassVar[bool] = False
    passes_through: ClassVar[bool] = False
    inverse_link: ClassVar[str | None] = None

    @abstractmethod
    def value(self, x: Array, mu: Array) -> Array:
        """Energy per sample, shape (batch,), from x and mu of shape (batch, *shape)."""

    def suits_free_states(self) -> bool:
        """Whether it is bounded below in x, so that a state that is not held may have it."""
        return True

    def expected(self, mu: Array) -> Array:
        """The mean of x under the prediction mu, of the same shape: mu, or what it makes of
        logits."""
        return mu

    def held_at(self) -> Held:
        """What data a node may be held at whose energy this is."""
        return Held.NUMBERS
