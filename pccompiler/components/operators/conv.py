"""Convolution, in one or two dimensions.

    y[i, o] = sum over k, c of x[i stride + k dilation - padding, c] W[k, c, o] + b[o]

x: a sample of shape (length, in) or (height, width, in), channels last, zero outside; i and k
run over the positions of the output and of the kernel; W: (*kernel, in / groups, out); b:
(out,). Not flipped, as everywhere in the field: a cross-correlation in signal processing.
"""

from abc import abstractmethod
from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field, PrivateAttr

from pccompiler.components.initializers import (
    BIAS_INITIALIZERS,
    INITIALIZERS,
    Initializer,
    LecunNormal,
    Zeros,
)
from pccompiler.components.member import NameOf, OneOf
from pccompiler.components.operators.base import Operator, Parameter, ShapeError, Transposed
from pccompiler.components.operators.convolution import (
    Algorithm,
    algorithm_of,
    algorithm_of_transpose,
    convolve,
    convolve_back,
)
from pccompiler.components.operators.windows import Sizes, Window, per_axis
from pccompiler.components.target import Target
from pccompiler.components.vocabulary import Array, Shape

_Padding = Annotated[int, Field(ge=0)]


class Convolution(Operator):
    """Base of convolution and transposed convolution."""

    option_aliases: ClassVar[Mapping[str, str]] = {
        **Operator.option_aliases,
        **dict.fromkeys(("filters", "features", "out_channels", "units"), "channels"),
        **dict.fromkeys(("kernel_size", "kernel_shape", "size", "window"), "kernel"),
        "strides": "stride",
        "pad": "padding",
        "rate": "dilation",
    }
    linear: ClassVar[bool] = True

    channels: int | None = Field(
        default=None,
        ge=1,
        description="channels of the output; taken from the target node where left out",
    )
    kernel: Sizes = Field(
        default=3, description="size of the kernel: a number, or a list with one for each axis"
    )
    stride: Sizes = Field(
        default=1, description="step of the kernel: a number, or a list with one for each axis"
    )
    padding: (
        _Padding | tuple[_Padding, ...] | Annotated[str, NameOf("padding", ("same", "valid"))]
    ) = Field(
        default="same",
        description="zeros on both sides: a number, a list with one for each axis, `valid` for "
        "none, or `same` for as many as keep the size at stride 1",
    )
    dilation: Sizes = Field(
        default=1, description="distance of the kernel's entries: a number, or one for each axis"
    )
    bias: bool = Field(default=True, description="add a bias of shape (channels,)")
    weight_init: Annotated[Initializer, OneOf(INITIALIZERS)] = Field(
        default=LecunNormal(), description="how W is drawn"
    )
    bias_init: Annotated[Initializer, OneOf(BIAS_INITIALIZERS)] = Field(
        default=Zeros(), description="how b is drawn"
    )

    _algorithm: Algorithm = PrivateAttr(default=Algorithm.PLAIN)

    def computed_by(self, algorithm: str) -> Operator:
        chosen = self.model_copy()
        chosen._algorithm = Algorithm(algorithm)
        return chosen

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        y = self.linear_part(params, x)
        return y + params["bias"] if self.bias else y

    @abstractmethod
    def transposed_algorithm(self, shape: Shape, output: Shape, target: Target) -> Algorithm:
        """The algorithm of the transpose on a target; `output` is what the transpose receives."""

    @abstractmethod
    def transposed_part(self, params: Mapping[str, Array], y: Array, shape: Shape) -> Array:
        """The transpose of the linear part: from (batch, *output) back to (batch, *shape)."""

    def transposed(self, shape: Shape, output: Shape) -> Operator:
        return TransposedConvolution(inner=self, shape=shape)

    def _with_bias(self, weight: Shape) -> Mapping[str, Parameter]:
        table = {"weight": Parameter(weight, self.weight_init)}
        return table | {"bias": Parameter(weight[-1:], self.bias_init)} if self.bias else table

    def _channels(self, wanted: Shape | None) -> int:
        if self.channels is not None:
            return self.channels
        if wanted is None:
            raise ShapeError(
                f"{self.name} cannot tell the channels of its output",
                "give the target node a `shape`, or the operator its channels: "
                f"{{{self.name}: {{channels: 32}}}}",
            )
        return wanted[-1]

    def _check_rank(self, shape: Shape) -> None:
        if len(shape) not in (2, 3):
            raise ShapeError(
                f"{self.name} maps (length, channels) or (height, width, channels), but receives "
                f"{list(shape)}",
                "give the source node such a shape, for a grey image [28, 28, 1], or reshape "
                "first: op: [{reshape: [28, 28, 1]}, " + self.name + "]",
            )

    def _window(self, sizes: Shape) -> Window:
        """The window of the kernel over the larger of the two sides, with these sizes."""
        axes = len(sizes)
        kernel = per_axis(self.kernel, axes, "kernel")
        stride = per_axis(self.stride, axes, "stride")
        dilation = per_axis(self.dilation, axes, "dilation")
        bare = Window(kernel, stride, dilation, ((0, 0),) * axes)
        if self.padding == "valid":
            return bare
        if self.padding == "same":
            padding = tuple(map(_same, sizes, bare.extent, stride))
        else:
            assert not isinstance(self.padding, str)
            padding = tuple((p, p) for p in per_axis(self.padding, axes, "padding"))
        return Window(kernel, stride, dilation, padding)


class TransposedConvolution(Transposed):
    """The transpose of a convolution, by an algorithm whose gradients are fast too."""

    def apply(self, params: Mapping[str, Array], x: Array) -> Array:
        assert isinstance(self.inner, Convolution)
        return self.inner.transposed_part(params, x, self.shape)

    def algorithm(self, shape: Shape, output: Shape, target: Target) -> str | None:
        assert isinstance(self.inner, Convolution)
        return self.inner.transposed_algorithm(output, shape, target)

    def computed_by(self, algorithm: str) -> Operator:
        return self.model_copy(update={"inner": self.inner.computed_by(algorithm)})


class Conv(Convolution):
    """Convolution over (length, channels) or (height, width, channels)."""

    name: ClassVar[str] = "conv"
    aliases: ClassVar[tuple[str, ...]] = ("convolution", "conv1d", "conv2d", "conv3d")

    groups: int = Field(
        default=1, ge=1, description="parts of the channels that do not see each other"
    )

    def output_shape(self, shape: Shape, wanted: Shape | None) -> Shape:
        self._check_rank(shape)
        channels = self._channels(wanted)
        if shape[-1] % self.groups or channels % self.groups:
            raise ShapeError(
                f"conv cannot cut {shape[-1]} channels of its input and {channels} of its output "
                f"into {self.groups} groups",
                "choose `groups` so that it divides both numbers of channels",
            )
        window = self._window(shape[:-1])
        outputs = window.outputs(shape[:-1])
        if min(outputs) < 1:
            raise ShapeError(
                f"the kernel of conv spans {list(window.extent)}, more than the "
                f"{list(shape[:-1])} of its input and their padding",
                "use a smaller kernel or dilation, or padding: same",
            )
        return (*outputs, channels)

    def parameters(self, shape: Shape, output: Shape) -> Mapping[str, Parameter]:
        kernel = self._window(shape[:-1]).kernel
        return self._with_bias((*kernel, shape[-1] // self.groups, output[-1]))

    def linear_part(self, params: Mapping[str, Array], x: Array) -> Array:
        return convolve(x, params["weight"], self._window(x.shape[1:-1]), self._algorithm)

    def transposed_part(self, params: Mapping[str, Array], y: Array, shape: Shape) -> Array:
        window = self._window(shape[:-1])
        return convolve_back(y, params["weight"], window, shape, self._algorithm)

    def algorithm(self, shape: Shape, output: Shape, target: Target) -> str | None:
        weight = self.parameters(shape, output)["weight"].shape
        return algorithm_of(shape, weight, self._window(shape[:-1]), target)

    def transposed_algorithm(self, shape: Shape, output: Shape, target: Target) -> Algorithm:
        weight = self.parameters(shape, output)["weight"].shape
        return algorithm_of_transpose(shape, weight, self._window(shape[:-1]), target)

    def flops(self, shape: Shape, output: Shape) -> int:
        terms = prod(self._window(shape[:-1]).kernel) * shape[-1] // self.groups
        return prod(output) * (2 * terms + self.bias)


def _same(size: int, extent: int, stride: int) -> tuple[int, int]:
    """Zeros that make ceil(size / stride) outputs; an odd one goes after the axis."""
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2
