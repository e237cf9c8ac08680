"""Energies that grow linearly with large errors, so that outliers pull less.

    laplace   E(x, mu) = sum_units |x - mu|
    huber     E(x, mu) = sum_units h(x - mu),   h(e) = e^2 / 2                     for |e| <= delta
                                                h(e) = delta (|e| - delta / 2)     beyond

both times the node's precision. `laplace` is the negative log-likelihood of a Laplace
distribution up to a constant; its gradient at zero error is taken as zero. `huber` is
quadratic like the Gaussian energy near zero error (Huber 1964,
doi:10.1214/aoms/1177703732).
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pccompiler.components.energies.base import Energy
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


class Laplace(Energy):
    """The absolute prediction error, summed over a node's units."""

    name: ClassVar[str] = "laplace"
    aliases: ClassVar[tuple[str, ...]] = ("l1", "mae", "absolute_error")
    zero_at_prediction: ClassVar[bool] = True

    def value(self, x: Array, mu: Array) -> Array:
        error = x - mu
        # not jnp.abs, whose derivative at zero is one
        return jnp.sum(error * jnp.sign(error), axis=tuple(range(1, error.ndim)))


class Huber(Energy):
    """Quadratic for errors up to delta, linear beyond, summed over a node's units."""

    name: ClassVar[str] = "huber"
    aliases: ClassVar[tuple[str, ...]] = ("smooth_l1",)
    shorthand: ClassVar[str | None] = "delta"
    zero_at_prediction: ClassVar[bool] = True

    delta: float = Field(default=1.0, gt=0, description="the error from which it is linear")

    def value(self, x: Array, mu: Array) -> Array:
        error = x - mu
        # min(|e|, delta) written so that it has the gradient of both sides where they meet
        inner = jnp.clip(error, -self.delta, self.delta)
        terms = inner * (error - 0.5 * inner)
        return jnp.sum(terms, axis=tuple(range(1, error.ndim)))
