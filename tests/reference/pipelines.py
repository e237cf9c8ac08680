"""Pipelines of vectors and images, and their vector-Jacobian products by hand, in NumPy.

Every operator is a class with `apply` and `pull`; parameters are those of the edge, or the part
of them under the operator's key where several operators of the edge own some. A linear
operator's `apply` can leave out its bias, which is what its derivative applies to a direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from tests.reference.activations import Array
from tests.reference.inverse_activations import SLOPES, VALUES
from tests.reference.network import Tree, option

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """An operator between two shapes of a sample. `key`: see above, None for the edge's own."""

    shape: Shape
    output: Shape
    key: str | None = None

    affine = False

    def parameters(self) -> dict[str, Shape]:
        return {}

    def apply(self, own: Tree, x: Array, bias: bool = True) -> Array:
        raise NotImplementedError

    def pull(self, own: Tree, x: Array, dy: Array) -> tuple[Array, Tree]:
        """Cotangents of x, per sample, and of the parameters, summed over the samples."""
        raise NotImplementedError


@dataclass(frozen=True)
class Elementwise(Step):
    function: str = "identity"

    def apply(self, own: Tree, x: Array, bias: bool = True) -> Array:
        return VALUES[self.function](x)

    def pull(self, own: Tree, x: Array, dy: Array) -> tuple[Array, Tree]:
        return dy * SLOPES[self.function](x), {}


@dataclass(frozen=True)
class Reshape(Step):
    affine = True

    def apply(self, own: Tree, x: Array, bias: bool = True) -> Array:
        return x.reshape(len(x), *self.output)

    def pull(self, own: Tree, x: Array, dy: Array) -> tuple[Array, Tree]:
        return dy.reshape(x.shape), {}


@dataclass(frozen=True)
class Dense(Step):
    biased: bool = True
    affine = True

    def parameters(self) -> dict[str, Shape]:
        weight = {"weight": (self.shape[-1], self.output[-1])}
        return weight | ({"bias": self.output[-1:]} if self.biased else {})

    def apply(self, own: Tree, x: Array, bias: bool = True) -> Array:
        return x @ own["weight"] + (own["bias"] if bias and self.biased else 0.0)

    def pull(self, own: Tree, x: Array, dy: Array) -> tuple[Array, Tree]:
        rows_in, rows_out = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        gradient = {"weight": rows_in.T @ rows_out}
        if self.biased:
            gradient["bias"] = rows_out.sum(axis=0)
        return dy @ own["weight"].T, gradient


@dataclass(frozen=True)
class Windowed(Step):
    """Windows over images: position k of output i lies at i stride + k - padding."""

    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    def positions(self) -> list[tuple[slice, slice]]:
        """For every position of the kernel, what all outputs see of the padded image there."""
        spans = [
            [slice(k, k + (n - 1) * self.stride + 1, self.stride) for k in range(size)]
            for size, n in zip(self.kernel, self.output[:2], strict=True)
        ]
        return list(product(*spans))  # pyright: ignore[reportReturnType]

    def views(self, x: Array) -> Array:
        """(positions, batch, height, width, channels)."""
        padded = np.pad(x, ((0, 0), *self.padding, (0, 0)))
        return np.stack([padded[:, rows, columns] for rows, columns in self.positions()])

    def unview(self, views: Array) -> Array:
        """The transpose of `views`."""
        (top, bottom), (left, right) = self.padding
        height, width, channels = self.shape
        padded = np.zeros((views.shape[1], top + height + bottom, left + width + right, channels))
        for (rows, columns), view in zip(self.positions(), views, strict=True):
            padded[:, rows, columns] += view
        return padded[:, top : top + height, left : left + width]


@dataclass(frozen=True)
class Conv(Windowed):
    biased: bool = True
    affine = True

    def parameters(self) -> dict[str, Shape]:
        weight = {"weight": (*self.kernel, self.shape[-1], self.output[-1])}
        return weight | ({"bias": self.output[-1:]} if self.biased else {})

    def _kernels(self, own: Tree) -> Array:
        return own["weight"].reshape(prod(self.kernel), self.shape[-1], self.output[-1])

    def apply(self, own: Tree, x: Array, bias: bool = True) -> Array:
        y = np.einsum("knhwc,kco->nhwo", self.views(x), self._kernels(own))
        return y + (own["bias"] if bias and self.biased else 0.0)

    def pull(self, own: Tree, x: Array, dy: Array) -> tuple[Array, Tree]:
        weight = np.einsum("knhwc,nhwo->kco", self.views(x), dy)
        gradient = {"weight": weight.reshape(own["weight"].shape)}
        if self.biased:
            gradient["bias"] = dy.sum(axis=(0, 1, 2))
        return self.unview(np.einsum("nhwo,kco->knhwc", dy, self._kernels(own))), gradient


@dataclass(frozen=True)
class AvgPool(Windowed):
    affine = True

    def apply(self, own: Tree, x: Array, bias: bool = True) -> Array:
        return self.views(x).mean(axis=0)

    def pull(self, own: Tree, x: Array, dy: Array) -> tuple[Array, Tree]:
        size = prod(self.kernel)
        return self.unview(np.stack([dy / size] * size)), {}


@dataclass(frozen=True)
class MaxPool(Windowed):
    """Of several largest entries of a window, the first in row-major order counts."""

    def apply(self, own: Tree, x: Array, bias: bool = True) -> Array:
        return self.views(x).max(axis=0)

    def pull(self, own: Tree, x: Array, dy: Array) -> tuple[Array, Tree]:
        best = self.views(x).argmax(axis=0)
        return self.unview(np.stack([dy * (best == k) for k in range(prod(self.kernel))])), {}


@dataclass(frozen=True)
class GlobalAvgPool(Step):
    affine = True

    def apply(self, own: Tree, x: Array, bias: bool = True) -> Array:
        return x.mean(axis=(1, 2))

    def pull(self, own: Tree, x: Array, dy: Array) -> tuple[Array, Tree]:
        spread = dy[:, None, None] / prod(x.shape[1:3])
        return np.broadcast_to(spread, x.shape).copy(), {}


def steps_of(op: Any, shape: Shape, target: Shape) -> tuple[Step, ...]:
    """The operators of an edge as a spec writes them, from one shape to another."""
    members = op if isinstance(op, list | tuple) else [op]
    owners = sum(_name(member) in ("dense", "conv") for member in members)
    steps: list[Step] = []
    seen: dict[str, int] = {}
    for member in members:
        name = _name(member)
        key = None
        if name in ("dense", "conv") and owners > 1:
            seen[name] = count = seen.get(name, 0) + 1
            key = name if count == 1 else f"{name}{count}"
        step = _step(name, member, shape, target, key)
        steps.append(step)
        shape = step.output
    if shape != target:
        raise ValueError(f"the pipeline {op} gives {shape}, not {target}")
    return tuple(steps)


def _name(member: Any) -> str:
    return member if isinstance(member, str) else next(iter(member))


def _step(name: str, member: Any, shape: Shape, target: Shape, key: str | None) -> Step:
    if name == "reshape":
        return Reshape(shape, tuple(member["reshape"]))
    if name == "flatten":
        return Reshape(shape, (prod(shape),))
    if name == "global_avg_pool":
        return GlobalAvgPool(shape, shape[-1:])
    if name in ("max_pool", "avg_pool"):
        window = 2 if isinstance(member, str) else member[name]
        output = (*((size - window) // window + 1 for size in shape[:2]), shape[-1])
        kind = MaxPool if name == "max_pool" else AvgPool
        return kind(shape, output, key, (window, window), window)
    if name not in ("dense", "conv"):
        return Elementwise(shape, shape, key, name)
    _, options = option(member)
    biased = options.get("bias", True)
    if name == "dense":
        return Dense(shape, (*shape[:-1], options.get("units", target[-1])), key, biased)
    return _conv(options, shape, target, key, biased)


def _conv(options: Tree, shape: Shape, target: Shape, key: str | None, biased: bool) -> Conv:
    size, stride = options.get("kernel", 3), options.get("stride", 1)
    kernel = (size, size) if isinstance(size, int) else tuple(size)
    given = options.get("padding", "same")
    padding, outputs = [], []
    for length, extent in zip(shape[:2], kernel, strict=True):
        if given == "same":  # as few zeros as make ceil(length / stride) outputs
            total = max((-(-length // stride) - 1) * stride + extent - length, 0)
            before, after = total // 2, total - total // 2
        else:
            before = after = 0 if given == "valid" else given
        padding.append((before, after))
        outputs.append((length + before + after - extent) // stride + 1)
    output = (*outputs, options.get("channels", target[-1]))
    return Conv(shape, output, key, kernel, stride, tuple(padding), biased)


def run(steps: Sequence[Step], own: Tree, x: Array, bias: bool = True) -> Array:
    """The pipeline's output; without biases where they are left out."""
    for step in steps:
        x = step.apply(_part(own, step), x, bias)
    return x


def pull(
    steps: Sequence[Step], own: Tree, x: Array, dy: Array, bias: bool = True
) -> tuple[Array, Tree]:
    """Vector-Jacobian products of the pipeline: (to its source, to its parameters).

    Without `bias` they are those of the affine pipeline's linear part.
    """
    received = []
    for step in steps:
        received.append(x)
        x = step.apply(_part(own, step), x, bias)
    gradients: Tree = {}
    for step, x_in in zip(reversed(steps), reversed(received), strict=True):
        dy, gradient = step.pull(_part(own, step), x_in, dy)
        if not bias and "bias" in gradient:
            gradient["bias"] = np.zeros_like(gradient["bias"])
        if gradient:
            gradients.update(gradient if step.key is None else {step.key: gradient})
    return dy, gradients


def _part(own: Tree, step: Step) -> Tree:
    return own if step.key is None or not step.parameters() else own[step.key]


def draw(steps: Sequence[Step], rng: np.random.Generator, scale: float) -> Tree:
    """Normal weights of variance scale^2/fan_in and biases of deviation 0.3 scale."""
    params: Tree = {}
    for step in steps:
        own = {}
        for name, shape in step.parameters().items():
            spread = 0.3 if name == "bias" else 1 / np.sqrt(prod(shape[:-1]))
            own[name] = scale * spread * rng.normal(size=shape)
        if own:
            params.update(own if step.key is None else {step.key: own})
    return params
