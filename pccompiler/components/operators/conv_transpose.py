"""Transposed convolution, in one or two dimensions: the map that takes a gradient back.

    y[j, o] = sum over i, k, c with i stride + k dilation - padding = j of x[i, c] W[k, c, o] + b[o]

x: a sample of shape (length, in) or (height, width, in), channels last; W: (*kernel, in, out);
b: (out,). The output has (size - 1) stride + dilation (kernel - 1) + 1 - 2 padding entries along
an axis of the input with `size` (the rule of PyTorch, without its output padding), and
size * stride with padding `same`. It is the transpose of a convolution of y with W, the
channels of W exchanged, with the same options.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import ClassVar

from pccompiler.components.operators.base import Parameter, ShapeError
from pccompiler.components.operators.conv import Convolution
from pccompiler.components.operators.convolution import (
    Algorithm,
    algorithm_of,
    algorithm_of_transpose,
    convolve,
    convolve_back,
)
from pccompiler.components.operators.windows import per_axis
from pccompiler.components.target import Target
from pccompiler.components.vocabulary import Array, Shape


class ConvTranspose(Convolution):
    """Transposed convolution (deconvolution): a stride enlarges."""

    name: ClassVar[str] = "conv_transpose"
    aliases: ClassVar[tuple[str, ...]] = (
        "deconv",
        "deconvolution",
        "transposed_conv",
        "convtranspose2d",
        "conv_transpose2d",
        "conv2d_transpose",
    )

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        self._check_rank(shape)
        outputs = self._outputs(shape[:-1])
        if min(outputs) < 1:
            raise ShapeError(
                "the padding of conv_transpose leaves nothing of its output",
                "use less padding, or padding: same",
            )
        return (*outputs, self._channels(wanted))

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        kernel = self._window(output[:-1]).kernel
        return self._with_bias((*kernel, shape[-1], output[-1]))

    def linear_part(self, params: Mapping[str, Array], x: Array) -> Array:
        outputs = self._outputs(x.shape[1:-1])
        weight = params["weight"].swapaxes(-1, -2)
        shape = (*outputs, weight.shape[-2])
        return convolve_back(x, weight, self._window(outputs), shape, self._algorithm)

    def transposed_part(self, params: Mapping[str, Array], y: Array, shape: Shape) -> Array:
        weight = params["weight"].swapaxes(-1, -2)
        return convolve(y, weight, self._window(y.shape[1:-1]), self._algorithm)

    def algorithm(self, shape: Shape, output: Shape, target: Target) -> str | None:
        weight = (*self._window(output[:-1]).kernel, output[-1], shape[-1])
        return algorithm_of_transpose(output, weight, self._window(output[:-1]), target)

    def transposed_algorithm(self, shape: Shape, output: Shape, target: Target) -> Algorithm:
        weight = (*self._window(output[:-1]).kernel, output[-1], shape[-1])
        return algorithm_of(output, weight, self._window(output[:-1]), target)

    def flops(self, shape: Shape, output: Shape) -> int:
        kernel = self._window(output[:-1]).kernel
        return 2 * prod(shape) * prod(kernel) * output[-1] + self.bias * prod(output)

    def _outputs(self, sizes: Shape) -> Shape:
        stride = per_axis(self.stride, len(sizes), "stride")
        if self.padding == "same":
            return tuple(size * s for size, s in zip(sizes, stride, strict=True))
        window = self._window(sizes)  # whose padding does not depend on the sizes
        axes = zip(sizes, stride, window.extent, window.padding, strict=True)
        return tuple((size - 1) * s + extent - sum(zeros) for size, s, extent, zeros in axes)
