"""The contract of energies: a number per sample that measures the misfit of a prediction to a
state."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Array, Support


class Energy(Member):
    """The energy of a node's state x (or of a target) under its prediction mu.

    `zero_at_prediction`: energy and both gradients vanish at x = mu, so that after a feedforward
    start the term does nothing until information has reached the node. `curvature` is c where E =
    c/2 sum (x - mu)^2, else None. `over_classes`: it is a distribution over the last axis, which
    then needs two entries or more. `passes_through`: the node has no state and no energy, its
    prediction is read in its place. `used_for`: "node" where a node may name it as its energy,
    "loss" where it may be the loss of an output, or both. `takes_logits`: the prediction is not in
    the units of the state, but its logits. `inverse_link`: the name of the function from mu to the
    mean of x, where mu are logits.
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
        """Returns the energy per sample, shape (batch,), of x and mu of shape (batch, *shape)."""

    def suits_free_states(self) -> bool:
        """Whether it is bounded below in x, and so usable for a free state."""
        return True

    def expected(self, mu: Array) -> Array:
        """The mean of x under the prediction mu, of the same shape: mu itself, or the inverse link
        of logits."""
        return mu

    def support(self) -> Support:
        """The data to which a node with this energy may be clamped."""
        return Support.NUMBERS
