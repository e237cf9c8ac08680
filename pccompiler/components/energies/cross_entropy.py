"""The cross-entropy loss of a categorical target.

    L(y, mu) = - sum_classes y log softmax(mu)

mu are logits; softmax acts on the last axis, any other axes (positions) are summed.
The gradient with respect to mu is softmax(mu) - y for targets that sum to one.
Source: Bridle 1990, doi:10.1007/978-3-642-76153-9_28; as the energy of an output in predictive
coding, Pinchetti et al. 2022, arXiv:2211.03481.
"""

from __future__ import annotations

from typing import ClassVar

from pccompiler.components.energies.base import Energy
from pccompiler.components.vocabulary import Array, Support
from pccompiler.lazy import jax, jnp


class CrossEntropy(Energy):
    """Cross-entropy of the target under the softmax of the prediction (logits)."""

    name: ClassVar[str] = "cross_entropy"
    over_classes: ClassVar[bool] = True
    inverse_link: ClassVar[str | None] = "softmax"
    aliases: ClassVar[tuple[str, ...]] = (
        "ce",
        "crossentropy",
        "nll",
        "log_loss",
        "categorical",
        "categorical_crossentropy",
        "softmax",
        "softmax_cross_entropy",
        "softmax_crossentropy",
    )
    used_for: ClassVar[tuple[str, ...]] = ("loss",)
    takes_logits: ClassVar[bool] = True

    def value(self, x: Array, mu: Array) -> Array:
        log_probabilities = jax.nn.log_softmax(mu, axis=-1)
        return -jnp.sum(x * log_probabilities, axis=tuple(range(1, mu.ndim)))

    def expected(self, mu: Array) -> Array:
        return jax.nn.softmax(mu, axis=-1)

    def support(self) -> Support:
        return Support.DISTRIBUTIONS
