"""Energies of nodes whose units are probabilities; the prediction mu holds logits.

`state: probabilities`, for clamped data: the negative log-likelihood,

    bernoulli     E(x, mu) = - sum_units  x log s(mu) + (1 - x) log(1 - s(mu))
                           =   sum_units  log(1 + e^mu) - x mu
    categorical   E(x, mu) = - sum_classes x log softmax(mu)            (cross-entropy)

with s the logistic function and softmax on the last axis. It is linear in x, so a state that
is free to move would run away. `state: logits`, for free states, whose logits x are: the
divergence from the prediction, which is zero exactly at x = mu,

    bernoulli     E(x, mu) = sum_units KL(s(x) || s(mu))
    categorical   E(x, mu) = KL(softmax(x) || softmax(mu))

All times the node's precision. Divergences of distributions in the place of squared errors:
Pinchetti et al. 2022, arXiv:2211.03481.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pccompiler.components.energies.base import Energy
from pccompiler.components.vocabulary import Array, Support
from pccompiler.lazy import jax, jnp


class _Discrete(Energy):
    """The option that both energies share: whether a state holds probabilities or logits."""

    takes_logits: ClassVar[bool] = True

    state: Literal["probabilities", "logits"] = Field(
        default="probabilities",
        description="what x holds: probabilities (clamped data) or logits (free states)",
    )

    @property
    def zero_at_prediction(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.state == "logits"

    def suits_free_states(self) -> bool:
        return self.state == "logits"


class Bernoulli(_Discrete):
    """Independent binary units: log-likelihood of x, or divergence between two logits."""

    name: ClassVar[str] = "bernoulli"
    inverse_link: ClassVar[str | None] = "sigmoid"
    aliases: ClassVar[tuple[str, ...]] = (
        "bce",
        "binary",
        "binary_cross_entropy",
        "binary_crossentropy",
    )
    shorthand: ClassVar[str | None] = "state"

    def value(self, x: Array, mu: Array) -> Array:
        if self.state == "probabilities":
            terms = jax.nn.softplus(mu) - x * mu
        else:
            terms = jax.nn.sigmoid(x) * (x - mu) - (jax.nn.softplus(x) - jax.nn.softplus(mu))
        return jnp.sum(terms, axis=tuple(range(1, mu.ndim)))

    def expected(self, mu: Array) -> Array:
        return jax.nn.sigmoid(mu) if self.state == "probabilities" else mu

    def support(self) -> Support:
        return Support.PROBABILITIES if self.state == "probabilities" else Support.NUMBERS


class Categorical(_Discrete):
    """One of several classes along the last axis: cross-entropy, or divergence of logits."""

    name: ClassVar[str] = "categorical"
    over_classes: ClassVar[bool] = True
    inverse_link: ClassVar[str | None] = "softmax"
    aliases: ClassVar[tuple[str, ...]] = ("ce", "cross_entropy", "crossentropy", "nll", "softmax")
    shorthand: ClassVar[str | None] = "state"

    def value(self, x: Array, mu: Array) -> Array:
        predicted = jax.nn.log_softmax(mu, axis=-1)
        if self.state == "probabilities":
            terms = -x * predicted
        else:
            own = jax.nn.log_softmax(x, axis=-1)
            terms = jnp.exp(own) * (own - predicted)
        return jnp.sum(terms, axis=tuple(range(1, mu.ndim)))

    def expected(self, mu: Array) -> Array:
        return jax.nn.softmax(mu, axis=-1) if self.state == "probabilities" else mu

    def support(self) -> Support:
        return Support.DISTRIBUTIONS if self.state == "probabilities" else Support.NUMBERS
