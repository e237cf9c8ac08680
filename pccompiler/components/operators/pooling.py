"""Pooling and upsampling.

They act on all axes of a sample but the last one, the channels. A window that an axis does
not divide drops the remainder: an axis of size n gives floor((n - window) / stride) + 1.
"""

from collections.abc import Mapping
from math import prod
from typing import ClassVar

from pydantic import Field

from pccompiler.components.operators.base import Operator, ShapeError
from pccompiler.components.operators.windows import Sizes, Window, per_axis
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.lazy import jnp


class Pool(Operator):
    """Base of the pools with a window."""

    option_aliases: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("kernel", "kernel_size", "window_shape", "pool_size", "size"), "window"),
        "strides": "stride",
    }
    shorthand: ClassVar[str | None] = "window"

    window: Sizes = Field(
        default=2, description="size of the window: a number, or a list with one for each axis"
    )
    stride: Sizes | None = Field(
        default=None, description="step of the window; default: its size, so without overlap"
    )

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        _check_axes(self.name, shape)
        window = self._sliding(len(shape) - 1)
        outputs = window.outputs(shape[:-1])
        if min(outputs) < 1:
            raise ShapeError(
                f"the window {list(window.kernel)} of {self.name} is larger than the "
                f"{list(shape[:-1])} of its input",
                "use a smaller window, or fewer pools before it",
            )
        return (*outputs, shape[-1])

    def transposed(self, shape: Shape, output: Shape) -> Operator:
        """Nearest upsampling by the window; undoes a mean, where the exact transpose would
        divide by the window's size once more."""
        window = self._sliding(len(shape) - 1)
        if window.stride != window.kernel:
            raise ShapeError(
                f"{self.name} with overlapping or spaced windows has no upsampling that undoes it",
                "leave out its `stride`, or write the backward edge with operators of its own",
            )
        if tuple(n * w for n, w in zip(output, window.kernel, strict=False)) != shape[:-1]:
            raise ShapeError(
                f"{self.name} drops a part of {list(shape[:-1])}, so upsampling cannot undo it",
                "use sizes that the window divides",
            )
        return Upsample(factor=window.kernel)

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(output) * prod(self._sliding(len(shape) - 1).kernel)

    def _sliding(self, axes: int) -> Window:
        kernel = per_axis(self.window, axes, "window")
        stride = kernel if self.stride is None else per_axis(self.stride, axes, "stride")
        return Window(kernel, stride, dilation=(1,) * axes, padding=((0, 0),) * axes)


class MaxPool(Pool):
    """The largest entry of each window.

    y[i, c] = max over k of x[i stride + k, c]. The gradient goes to the largest entry; of
    several equal ones, to the first in row-major order.
    """

    name: ClassVar[str] = "max_pool"
    smooth: ClassVar[bool] = False
    aliases: ClassVar[tuple[str, ...]] = (
        "pool",
        "pooling",
        "max_pooling",
        "maxpool",
        "maxpool2d",
        "max_pool2d",
    )

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        # XLA's own pooling has a gradient that takes ten times as long on a CPU, and jnp.maximum
        # would divide it between equal entries.
        best, *others = self._sliding(x.ndim - 2).views(x)
        for candidate in others:
            best = jnp.where(candidate > best, candidate, best)
        return best


class AvgPool(Pool):
    """The mean of each window.

    y[i, c] = 1/|K| sum over k in K of x[i stride + k, c], with K the positions of the window.
    """

    name: ClassVar[str] = "avg_pool"
    aliases: ClassVar[tuple[str, ...]] = (
        "average_pool",
        "avg_pooling",
        "average_pooling",
        "avgpool",
        "avgpool2d",
        "mean_pool",
    )
    linear: ClassVar[bool] = True

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        first, *others = views = self._sliding(x.ndim - 2).views(x)
        return sum(others, start=first) / len(views)


class GlobalAvgPool(Operator):
    """The mean over all axes but the last: one number for each channel."""

    name: ClassVar[str] = "global_avg_pool"
    aliases: ClassVar[tuple[str, ...]] = (
        "gap",
        "global_average_pool",
        "global_average_pooling",
        "global_pool",
        "adaptive_avg_pool2d",
    )
    linear: ClassVar[bool] = True

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        _check_axes(self.name, shape)
        return shape[-1:]

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        return x.mean(axis=tuple(range(1, x.ndim - 1)))

    def transposed(self, shape: Shape, output: Shape) -> Operator:
        return Spread(shape=shape)

    def flops(self, shape: Shape, output: Shape) -> int:
        return prod(shape)


class Spread(Operator):
    """The transpose of global_avg_pool up to a factor: one number per channel, at all positions of
    `shape`."""

    name: ClassVar[str] = "spread"
    linear: ClassVar[bool] = True

    shape: Shape

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        if shape != self.shape[-1:]:
            raise ShapeError(
                f"the transpose of global_avg_pool maps {list(self.shape[-1:])} to "
                f"{list(self.shape)}, but receives {list(shape)}",
                "the nodes must have the shapes of the transposed edge, in reverse",
            )
        return self.shape

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        x = x.reshape(x.shape[0], *(1,) * (len(self.shape) - 1), x.shape[-1])
        return jnp.broadcast_to(x, (x.shape[0], *self.shape))

    def flops(self, shape: Shape, output: Shape) -> int:
        return 0


class Upsample(Operator):
    """Nearest-neighbour upsampling: every entry becomes a block of `factor` equal ones.

    y[i, c] = x[floor(i / factor), c]
    """

    name: ClassVar[str] = "upsample"
    aliases: ClassVar[tuple[str, ...]] = (
        "upsampling",
        "unpool",
        "unpooling",
        "resize",
        "interpolate",
        "nearest",
    )
    shorthand: ClassVar[str | None] = "factor"
    linear: ClassVar[bool] = True

    factor: Sizes = Field(
        default=2, description="size of the blocks: a number, or a list with one for each axis"
    )

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        _check_axes(self.name, shape)
        factors = per_axis(self.factor, len(shape) - 1, "factor")
        return (*(n * f for n, f in zip(shape, factors, strict=False)), shape[-1])

    def input_wanted(self, wanted: Shape | None) -> Shape | None:
        if wanted is None:
            return None
        factors = (*per_axis(self.factor, len(wanted) - 1, "factor"), 1)
        if any(n % f for n, f in zip(wanted, factors, strict=True)):
            return None
        return tuple(n // f for n, f in zip(wanted, factors, strict=True))

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        for axis, factor in enumerate(per_axis(self.factor, x.ndim - 2, "factor"), start=1):
            x = jnp.repeat(x, factor, axis=axis)
        return x

    def flops(self, shape: Shape, output: Shape) -> int:
        return 0


def _check_axes(name: str, shape: Shape) -> None:
    if len(shape) < 2:
        raise ShapeError(
            f"{name} acts on the axes before the channels, but {list(shape)} has none",
            "give the source node a shape with its channels last, such as [28, 28, 1]",
        )
