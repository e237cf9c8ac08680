"""Normalisations of activity to a standard mean and scale.

Means and variances are over the entries named, and variances divide by their number. epsilon
keeps the root from zero; `scale` and `bias` are learned, of shape (channels,), 1 and 0 at first.
`transpose_of` leaves normalisations out.
"""

from collections.abc import Mapping
from math import prod
from typing import ClassVar

from pydantic import Field

from pccompiler.components.initializers import Ones, Zeros
from pccompiler.components.operators.base import Operator, Parameter, ShapeError
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.lazy import jax, jnp


class Normalisation(Operator):
    """Base of the normalisations."""

    eps: float = Field(default=1e-5, gt=0, description="added to the variance")
    scale: bool = Field(default=True, description="multiply by a learned number per channel")
    bias: bool = Field(default=True, description="add a learned number per channel")

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        return shape

    def input_wanted(self, wanted: Shape | None) -> Shape | None:
        return wanted

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        scale = {"scale": Parameter(shape[-1:], Ones())} if self.scale else {}
        bias = {"bias": Parameter(shape[-1:], Zeros())} if self.bias else {}
        return scale | bias

    def flops(self, shape: Shape, output: Shape) -> int:
        # mean, difference, square and its mean, division: one each for an entry
        return prod(shape) * (5 + self.scale + self.bias)

    def _scaled(self, params: Mapping[str, Array], x: Array) -> Array:
        x = x * params["scale"] if self.scale else x
        return x + params["bias"] if self.bias else x


class LayerNorm(Normalisation):
    """Layer normalisation: mean 0 and variance 1 over the last axis of a sample.

    y = scale (x - mean) / sqrt(variance + eps) + bias. Ba, Kiros and Hinton 2016,
    arXiv:1607.06450.
    """

    name: ClassVar[str] = "layer_norm"
    aliases: ClassVar[tuple[str, ...]] = ("ln", "layernorm", "layer_normalization")

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        if shape[-1] == 1:
            raise ShapeError(
                f"layer_norm of {list(shape)} leaves nothing: its last axis has a single entry, "
                "which is its own mean",
                "normalise a larger axis, or leave out layer_norm",
            )
        return shape

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        return self._scaled(params, centred * jax.lax.rsqrt(variance + self.eps))


class RMSNorm(Operator):
    """Root-mean-square normalisation: mean square 1 over the last axis of a sample.

    y = scale x / sqrt(mean(x^2) + eps). Zhang and Sennrich 2019, arXiv:1910.07467.
    """

    name: ClassVar[str] = "rms_norm"
    aliases: ClassVar[tuple[str, ...]] = ("rmsnorm",)

    eps: float = Field(default=1e-5, gt=0, description="added to the mean square")
    scale: bool = Field(default=True, description="multiply by a learned number per channel")

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        return shape

    def input_wanted(self, wanted: Shape | None) -> Shape | None:
        return wanted

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        return {"scale": Parameter(shape[-1:], Ones())} if self.scale else {}

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        y = x * jax.lax.rsqrt((x * x).mean(axis=-1, keepdims=True) + self.eps)
        return y * params["scale"] if self.scale else y

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(shape) * (3 + self.scale)


class BatchNorm(Normalisation):
    """Batch normalisation: mean 0 and variance 1 of each channel over the batch.

    y = scale (x - mean) / sqrt(variance + eps) + bias, with mean and variance of a channel (the
    last axis) over the samples and all other axes. Ioffe and Szegedy 2015, arXiv:1502.03167.

    Training uses the statistics of its batch, prediction running ones, r <- momentum r +
    (1 - momentum) measured. Where `frozen`, each training step updates them once, in the
    learning phase; otherwise each inference step does so too.
    """

    name: ClassVar[str] = "batch_norm"
    aliases: ClassVar[tuple[str, ...]] = ("bn", "batchnorm", "batchnorm2d", "batch_normalization")

    momentum: float = Field(
        default=0.9, ge=0, lt=1, description="how much of the running statistics an update keeps"
    )
    frozen: bool = Field(
        default=True, description="inference steps leave the running statistics as they are"
    )

    @property
    def updates_while_relaxing(self) -> bool:
        return not self.frozen

    def statistics(self, shape: Shape) -> Mapping[str, Parameter]:
        return {
            "mean": Parameter(shape[-1:], Zeros()),
            "variance": Parameter(shape[-1:], Ones()),
        }

    def values_per_sample(self, shape: Shape) -> int:
        return prod(shape[:-1])

    def measure(self, x: Array) -> Mapping[str, Array]:
        axes = tuple(range(x.ndim - 1))
        return {"mean": x.mean(axis=axes), "variance": jnp.var(x, axis=axes)}

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        return self.apply_with(params, self.measure(x), x)

    def apply_with(
        self, params: Mapping[str, Array], statistics: Mapping[str, Array], x: Array
    ) -> Array:
        root = jax.lax.rsqrt(statistics["variance"] + self.eps)
        return self._scaled(params, (x - statistics["mean"]) * root)

    def updated(
        self, running: Mapping[str, Array], measured: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        m = self.momentum
        return {name: m * running[name] + (1 - m) * measured[name] for name in running}
