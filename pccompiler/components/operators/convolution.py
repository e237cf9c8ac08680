"""Convolution and its transpose, by the algorithms that XLA computes fast.

    y[n, i, o] = sum over k, c of x[n, i stride + k dilation - padding, c] W[k, c, o]

x: (batch, *sizes, in); W: (*kernel, in / groups, out); y: (batch, *outputs, out); i and k run
over one or two axes. With groups, the channels of x and y are cut into as many equal parts,
and part g of y sees part g of x alone.

On a GPU this is XLA's convolution with JAX's derivatives. On a CPU, XLA (of JAX 0.10) has fast
code for some convolutions only, and needs ten to several hundred times as long for the others:

- In a loop, and training is one, the fast layout is (batch, *sizes, channels) by (*kernel, in,
  out). JAX's derivatives of such a convolution are convolutions of other layouts.
- Where the kernel has more positions than the input, XLA exchanges the two, and so leaves the
  fast layout.
- Groups have no fast code at all.

So a plan chooses, by `algorithm_of` and `algorithm_of_transpose`, algorithms whose gradients
are fast as well; all of them compute the same map.
"""

from __future__ import annotations

from enum import StrEnum
from math import prod
from typing import Any

from pccompiler.components.operators.windows import Window
from pccompiler.components.target import Target
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.lazy import jax, jnp


class Algorithm(StrEnum):
    """Algorithms of a convolution, or of its transpose; all compute the same map."""

    PLAIN = "convolution"
    """XLA's convolution with JAX's derivatives, or its transpose."""
    FAST = "convolution whose derivatives keep the fast layout"
    PRODUCTS = "products of matrices"
    TURNED = "convolution with the turned kernel, whose derivatives keep the fast layout"
    TURNED_PRODUCTS = "products of matrices with the turned kernel"


def algorithm_of(shape: Shape, weight: Shape, window: Window, target: Target) -> Algorithm:
    """The best algorithm of the convolution of (*sizes, in) with a kernel of this shape."""
    if target.backend != "cpu":
        return Algorithm.PLAIN
    return Algorithm.FAST if _is_fast_on_cpu(shape, weight, window) else Algorithm.PRODUCTS


def algorithm_of_transpose(
    shape: Shape, weight: Shape, window: Window, target: Target
) -> Algorithm:
    """The best algorithm of its transpose, back to (*sizes, in)."""
    if target.backend != "cpu":
        return Algorithm.PLAIN
    if max(window.stride) > 1 or not _is_fast_on_cpu(shape, weight, window):
        return Algorithm.PRODUCTS
    given = (*window.outputs(shape[:-1]), weight[-1])
    turned = (*weight[:-2], weight[-1], weight[-2])
    fast = _is_fast_on_cpu(given, turned, _turned(window))
    return Algorithm.TURNED if fast else Algorithm.TURNED_PRODUCTS


def convolve(x: Array, weight: Array, window: Window, algorithm: Algorithm) -> Array:
    """The convolution y of x with `weight`; their channels tell the number of groups."""
    if algorithm is Algorithm.PLAIN:
        return _convolution(x, weight, window)
    if algorithm is Algorithm.PRODUCTS:
        return _by_products(x, weight, window)
    assert algorithm is Algorithm.FAST

    @jax.custom_jvp
    def convolution(x: Array, weight: Array) -> Array:
        return _convolution(x, weight, window)

    @convolution.defjvp
    def derivative(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> Any:
        (x, weight), (dx, dweight) = primals, tangents
        dy = _for_input_gradient(dx, weight, window) + _for_weight_gradient(x, dweight, window)
        return convolution(x, weight), dy

    return convolution(x, weight)


def convolve_back(
    y: Array, weight: Array, window: Window, shape: Shape, algorithm: Algorithm
) -> Array:
    """The transpose in x of `convolve`: from (batch, *outputs, out) back to (batch, *shape)."""
    if algorithm in (Algorithm.TURNED, Algorithm.TURNED_PRODUCTS):
        turned = jnp.flip(weight, tuple(range(weight.ndim - 2))).swapaxes(-1, -2)
        again = Algorithm.FAST if algorithm is Algorithm.TURNED else Algorithm.PRODUCTS
        return convolve(y, turned, _turned(window), again)
    plain = _convolution if algorithm is Algorithm.PLAIN else _by_products
    like = jax.ShapeDtypeStruct((y.shape[0], *shape), y.dtype)
    [x] = jax.linear_transpose(lambda x: plain(x, weight, window), like)(y)
    return x


def _is_fast_on_cpu(shape: Shape, weight: Shape, window: Window) -> bool:
    """Whether XLA has a fast path for the convolution of (*sizes, channels), and for the
    gradient of its input, which is a convolution of the output with the same kernel."""
    sizes = shape[:-1]
    smaller = min(prod(sizes), prod(window.outputs(sizes)))
    return shape[-1] == weight[-2] and prod(window.kernel) <= smaller


def _turned(window: Window) -> Window:
    """The window with which a convolution of stride 1 undoes the shift of this one."""
    padding = tuple(
        (extent - 1 - before, extent - 1 - after)
        for extent, (before, after) in zip(window.extent, window.padding, strict=True)
    )
    return Window(window.kernel, window.stride, window.dilation, padding)


# -- the map, in XLA's words ---------------------------------------------------------------


def _convolution(
    x: Array, weight: Array, window: Window, layout: tuple[str, str, str] = ("NSC", "SIO", "NSC")
) -> Array:
    """XLA's convolution. `layout`: the axes of x, weight and y; S stands for all of a window's."""
    spatial = "HW"[: len(window.kernel)]
    given, kernel, result = (names.replace("S", spatial) for names in layout)
    channels, per_group = x.shape[given.index("C")], weight.shape[kernel.index("I")]
    return jax.lax.conv_general_dilated(
        x,
        weight,
        window_strides=window.stride,
        padding=window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=(given, kernel, result),
        feature_group_count=channels // per_group,
    )


def _for_input_gradient(x: Array, weight: Array, window: Window) -> Array:
    """The map in the layout whose transpose in x is of the fast one."""
    return _convolution(x, weight.swapaxes(-1, -2), window, ("NSC", "SOI", "NSC"))


def _for_weight_gradient(x: Array, weight: Array, window: Window) -> Array:
    """The map in the layout whose transpose in the weight is of the fast one, with the batch
    in the place of the channels; there the output's gradient is the kernel."""
    if prod(window.outputs(x.shape[1:-1])) > prod(x.shape[1:-1]):
        return _by_products(x, weight, window)
    x, weight = x.swapaxes(0, -1), jnp.moveaxis(weight, -2, 0)
    y = _convolution(x, weight, window, ("CSN", "ISO", "SNC"))
    return jnp.moveaxis(y, -2, 0)


# -- the map as products of matrices -------------------------------------------------------


def _by_products(x: Array, weight: Array, window: Window) -> Array:
    """The same from products of matrices; they take more memory than a convolution."""
    views = window.views(x)
    per_group, out = weight.shape[-2:]
    groups = x.shape[-1] // per_group
    if groups == 1:
        return jnp.concatenate(views, axis=-1) @ weight.reshape(-1, out)
    kernels = weight.reshape(len(views), per_group, groups, out // groups)
    parts = [view.reshape(*view.shape[:-1], groups, per_group) for view in views]
    terms = [_grouped(part, kernel) for part, kernel in zip(parts, kernels, strict=True)]
    y: Array = sum(terms[1:], start=terms[0])
    return y.reshape(*y.shape[:-2], out)


def _grouped(x: Array, kernel: Array) -> Array:
    """(..., groups, in) by (in, groups, out) to (..., groups, out)."""
    if kernel.shape[0] == 1:  # depthwise: no sum, which a product of matrices would make slow
        return x * kernel[0]
    return jnp.einsum("...gi,igo->...go", x, kernel)
