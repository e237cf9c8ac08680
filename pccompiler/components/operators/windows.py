"""Windows that slide over the axes of a sample, as convolutions and pools use them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Annotated

from pydantic import Field

from pccompiler.components.operators.base import ShapeError
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jax, jnp

_Size = Annotated[int, Field(ge=1)]
Sizes = _Size | tuple[_Size, ...]
"""An option that is one size for all axes, or a list with one for each."""


def per_axis(sizes: int | tuple[int, ...], axes: int, option: str) -> tuple[int, ...]:
    """One size for each of `axes` axes. Raises ShapeError where a list has another length."""
    if isinstance(sizes, int):
        return (sizes,) * axes
    if len(sizes) == axes:
        return sizes
    raise ShapeError(
        f"`{option}` lists {len(sizes)} sizes, but there are {axes} axes besides the channels",
        "give one size for each axis, or a single number for all; channels are the last axis of "
        "a shape, so a grey image has shape [28, 28, 1]",
    )


@dataclass(frozen=True)
class Window:
    """A window that slides over the axes between batch and channels: one entry per axis.

    Position k of output i lies at i stride + k dilation - padding. What remains at the end of
    an axis and does not fill a stride is dropped.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    """Zeros before and after each axis; negative ones crop."""

    @property
    def extent(self) -> tuple[int, ...]:
        """The number of entries that the window spans."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def outputs(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The number of positions of the window. Not positive where an axis is too short."""
        return tuple(
            (size + before + after - extent) // stride + 1
            for size, (before, after), extent, stride in zip(
                sizes, self.padding, self.extent, self.stride, strict=True
            )
        )

    def views(self, x: Array) -> list[Array]:
        """The entries under each position of the window, in row-major order: each (batch, *outputs,
        channels)."""
        margins = [(0, 0, 0), *((before, after, 0) for before, after in self.padding), (0, 0, 0)]
        axes = zip(
            self.kernel, self.stride, self.dilation, self.outputs(x.shape[1:-1]), strict=True
        )
        x = jax.lax.pad(x, jnp.zeros((), x.dtype), margins)
        slices = [
            [slice(k * dilation, k * dilation + (count - 1) * stride + 1, stride) for k in range(n)]
            for n, stride, dilation, count in axes
        ]
        return [x[(slice(None), *position)] for position in product(*slices)]
