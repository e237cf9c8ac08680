"""The Gaussian energy, and the squared-error loss, which is the same formula on an output.

    E(x, mu) = 1/2 sum_units (x - mu)^2        (times the node's precision 1/Sigma)

the negative log-likelihood of x ~ N(mu, Sigma) up to a constant. The factor 1/2 makes the
prediction error x - mu itself the gradient; without it the inference rate would double.
Sources: Rao & Ballard 1999, doi:10.1038/4580; Whittington & Bogacz 2017,
doi:10.1162/NECO_a_00949.
"""

from __future__ import annotations

from typing import ClassVar

from pccompiler.components.energies.base import Energy
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


class Gaussian(Energy):
    """Half the squared prediction error, summed over a node's units."""

    name: ClassVar[str] = "gaussian"
    curvature: ClassVar[float | None] = 1.0
    aliases: ClassVar[tuple[str, ...]] = ("normal", "squared_error", "mse", "l2", "quadratic")
    zero_at_prediction: ClassVar[bool] = True

    def value(self, x: Array, mu: Array) -> Array:
        error = x - mu
        return 0.5 * jnp.sum(error * error, axis=tuple(range(1, error.ndim)))


class SquaredError(Gaussian):
    """Half the squared distance between target and prediction, summed over units."""

    name: ClassVar[str] = "squared_error"
    aliases: ClassVar[tuple[str, ...]] = (
        "mse",
        "mse_loss",
        "mean_squared_error",
        "l2",
        "quadratic",
        "gaussian",
        "sse",
    )
    used_for: ClassVar[tuple[str, ...]] = ("loss",)
