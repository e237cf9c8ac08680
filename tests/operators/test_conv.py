"""Convolution against its sum written out, by the algorithm for CPUs and by that for the others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from numpy.typing import NDArray
from scipy.signal import correlate

from pccompiler.components.operators import Conv, ConvTranspose, Operator, ShapeError
from pccompiler.components.target import Target

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A convolution of a sample of `sizes` with `given` channels into `made` channels."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    channels: tuple[int, int] = (2, 3)
    groups: int = 1

    @property
    def options(self) -> dict[str, Any]:
        return {
            "kernel": self.kernel,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "channels": self.channels[1],
        }


PLAIN = (
    Example((7,), (3,), (1,), (1,), (1,)),
    Example((9,), (3,), (2,), (0,), (2,)),
    Example((5, 6), (3, 3), (1, 1), (1, 1), (1, 1)),
    Example((6, 5), (2, 3), (1, 1), (0, 0), (1, 1)),
    Example((7, 8), (3, 2), (2, 3), (1, 0), (1, 1)),
    Example((7, 9), (3, 2), (1, 2), (2, 1), (2, 3)),
    Example((4, 5), (1, 1), (1, 1), (0, 0), (1, 1)),
    Example((4, 5), (2, 2), (1, 1), (2, 3), (1, 1)),  # more outputs than inputs
    Example((2, 2), (3, 3), (1, 1), (1, 1), (1, 1)),  # a kernel larger than the input
    Example((4, 4), (3, 3), (1, 1), (0, 0), (1, 1)),  # a kernel larger than the output
    Example((5, 5), (1, 2), (3, 3), (0, 0), (1, 1)),  # a stride that skips entries
)
GROUPED = (
    Example((5, 6), (3, 3), (1, 1), (1, 1), (1, 1), (4, 6), groups=2),
    Example((7,), (3,), (2,), (1,), (1,), (3, 6), groups=3),
    Example((4, 4), (2, 2), (1, 1), (0, 0), (1, 1), (3, 3), groups=3),
)


def on_backends(*examples: Example) -> pytest.MarkDecorator:
    """The operators ask JAX for its backend; on all but CPUs they have one algorithm for all."""
    pairs = [*((e, "cpu") for e in examples), *((e, "gpu") for e in examples[2::3])]
    return pytest.mark.parametrize(("example", "backend"), pairs)


def drawn(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def convolution(x: Floats, w: Floats, e: Example) -> Floats:
    """y[n, i, o] = sum over k, c of x[n, i stride + k dilation - padding, c] W[k, c, o]."""
    x = np.pad(x, [(0, 0), *((p, p) for p in e.padding), (0, 0)])
    spans = [d * (k - 1) + 1 for k, d in zip(e.kernel, e.dilation, strict=True)]
    counts = [
        (n - span) // s + 1 for n, span, s in zip(x.shape[1:-1], spans, e.stride, strict=True)
    ]
    per_group, out = w.shape[-2], w.shape[-1]
    y = np.zeros((len(x), *counts, out))
    for i in product(*map(range, counts)):
        for k in product(*map(range, e.kernel)):
            place = tuple(
                a * s + b * d for a, s, b, d in zip(i, e.stride, k, e.dilation, strict=True)
            )
            for o in range(out):
                first = o // (out // e.groups) * per_group
                seen = x[(slice(None), *place, slice(first, first + per_group))]
                y[(slice(None), *i, o)] += seen @ w[(*k, slice(None), o)]
    return y


def transposed_convolution(x: Floats, w: Floats, e: Example) -> Floats:
    """y[n, i stride + k dilation - padding, o] += x[n, i, c] W[k, c, o] for all i, k and c."""
    spans = [d * (k - 1) + 1 for k, d in zip(e.kernel, e.dilation, strict=True)]
    sizes = [(n - 1) * s + span for n, s, span in zip(x.shape[1:-1], e.stride, spans, strict=True)]
    y = np.zeros((len(x), *sizes, w.shape[-1]))
    for i in product(*map(range, x.shape[1:-1])):
        for k in product(*map(range, e.kernel)):
            place = tuple(
                a * s + b * d for a, s, b, d in zip(i, e.stride, k, e.dilation, strict=True)
            )
            y[(slice(None), *place)] += x[(slice(None), *i)] @ w[k]
    crop = [slice(p, n - p) for p, n in zip(e.padding, sizes, strict=True)]
    return y[(slice(None), *crop)]


def planned(operator: Operator, shape: tuple[int, ...], backend: str) -> Any:
    """The operator, computed by the algorithm that a plan for this backend chooses."""
    output = operator.output_shape(shape, None)
    algorithm = operator.algorithm(shape, output, Target(backend))
    assert algorithm is not None
    return operator.computed_by(algorithm)


def setting(example: Example) -> tuple[Conv, dict[str, Any], Any]:
    given, made = example.channels
    params = {
        "weight": jnp.asarray(drawn(*example.kernel, given // example.groups, made, seed=1)),
        "bias": jnp.asarray(drawn(made, seed=2)),
    }
    x = jnp.asarray(drawn(2, *example.sizes, given))
    return Conv(**example.options, groups=example.groups), params, x


@on_backends(*PLAIN, *GROUPED)
def test_conv_is_the_sum_over_the_kernel_and_the_channels_of_a_group(
    example: Example, backend: str
) -> None:
    conv, params, x = setting(example)
    y = convolution(np.asarray(x), np.asarray(params["weight"]), example) + params["bias"]
    assert conv.output_shape(x.shape[1:], None) == y.shape[1:]
    found = planned(conv, x.shape[1:], backend).apply(params, x)
    np.testing.assert_allclose(found, y, rtol=1e-12, atol=1e-12)


@on_backends(*PLAIN[:7], *PLAIN[8:])
def test_conv_transpose_scatters_the_kernel_and_crops_the_padding(
    example: Example, backend: str
) -> None:
    _, params, x = setting(example)
    operator = ConvTranspose(**example.options)
    y = transposed_convolution(np.asarray(x), np.asarray(params["weight"]), example)
    y = y + np.asarray(params["bias"])
    assert operator.output_shape(x.shape[1:], None) == y.shape[1:]
    found = planned(operator, x.shape[1:], backend).apply(params, x)
    np.testing.assert_allclose(found, y, rtol=1e-12, atol=1e-12)


def assert_bilinear(
    operator: Conv | ConvTranspose,
    written_out: Any,
    example: Example,
    shape: tuple[int, ...],
    backend: str,
) -> None:
    """The map is linear in x and in W, so its derivative in a direction is the map of that
    direction, and its gradients are what gives the same products with all of them."""
    given, made = example.channels
    x, w = drawn(2, *shape), drawn(*example.kernel, given // example.groups, made, seed=1)
    dx, dw = drawn(*x.shape, seed=3), drawn(*w.shape, seed=4)
    of_dx, of_dw = written_out(dx, w, example), written_out(x, dw, example)
    y = drawn(*of_dx.shape, seed=5)

    forwards = planned(operator, shape, backend)

    def linear(w: Any, x: Any) -> Any:
        return forwards.linear_part({"weight": w}, x)

    @jax.jit
    def derivatives(w: Any, x: Any, y: Any) -> Any:
        _, forwards = jax.jvp(linear, (w, x), (jnp.asarray(dw), jnp.asarray(dx)))
        return forwards, *jax.vjp(linear, w, x)[1](y)

    forwards, gw, gx = derivatives(*map(jnp.asarray, (w, x, y)))
    np.testing.assert_allclose(forwards, of_dx + of_dw, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(np.vdot(gx, dx), np.vdot(y, of_dx), rtol=1e-10)
    np.testing.assert_allclose(np.vdot(gw, dw), np.vdot(y, of_dw), rtol=1e-10)

    transpose = planned(operator.transposed(shape, y.shape[1:]), y.shape[1:], backend)

    @jax.jit
    def back(w: Any, x: Any, y: Any) -> Any:
        result, pull = jax.vjp(lambda w, y: transpose.apply({"weight": w}, y), w, y)
        return result, *pull(x)

    result, gw, gy = back(*map(jnp.asarray, (w, dx, y)))
    np.testing.assert_allclose(result, gx, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(np.vdot(gw, dw), np.vdot(y, written_out(dx, dw, example)), rtol=1e-9)
    np.testing.assert_allclose(gy, of_dx, rtol=1e-10, atol=1e-10)


@on_backends(*PLAIN, *GROUPED)
def test_the_derivatives_and_the_transpose_of_conv_are_those_of_its_sum(
    example: Example, backend: str
) -> None:
    operator = Conv(**example.options, groups=example.groups)
    assert_bilinear(operator, convolution, example, (*example.sizes, example.channels[0]), backend)


@on_backends(*PLAIN[:7])
def test_the_derivatives_and_the_transpose_of_conv_transpose_are_those_of_its_sum(
    example: Example, backend: str
) -> None:
    operator, shape = ConvTranspose(**example.options), (*example.sizes, example.channels[0])
    assert_bilinear(operator, transposed_convolution, example, shape, backend)


@pytest.mark.parametrize("example", [PLAIN[0], PLAIN[8]])
def test_first_and_second_derivatives_are_those_of_finite_differences(example: Example) -> None:
    conv, params, x = setting(example)
    conv = planned(conv, x.shape[1:], "cpu")
    check_grads(jax.jit(conv.apply), (params, x), order=2, modes=("fwd", "rev"), rtol=1e-6)


def test_a_kernel_of_odd_size_with_padding_same_is_a_correlation_of_scipy() -> None:
    x, w = drawn(6, 7), drawn(3, 5, seed=1)
    conv = Conv(channels=1, kernel=(3, 5), bias=False)
    y = conv.apply({"weight": jnp.asarray(w[..., None, None])}, jnp.asarray(x[None, ..., None]))
    np.testing.assert_allclose(y[0, ..., 0], correlate(x, w, mode="same"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "zeros"),
    [(5, 3, 2, (1, 1)), (4, 3, 2, (0, 1)), (5, 4, 1, (1, 2)), (5, 2, 3, (0, 0)), (7, 1, 2, (0, 0))],
)
def test_padding_same_gives_size_over_stride_rounded_up_and_an_odd_zero_goes_last(
    size: int, kernel: int, stride: int, zeros: tuple[int, int]
) -> None:
    x, w = drawn(1, size, 1), jnp.asarray(drawn(kernel, 1, 1, seed=1))
    conv = Conv(channels=1, kernel=kernel, stride=stride, bias=False)
    same = conv.apply({"weight": w}, jnp.asarray(x))
    padded = jnp.asarray(np.pad(x, [(0, 0), zeros, (0, 0)]))
    valid = Conv(channels=1, kernel=kernel, stride=stride, padding="valid", bias=False)
    assert same.shape[1] == -(-size // stride)
    np.testing.assert_allclose(same, valid.apply({"weight": w}, padded), rtol=1e-12)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(3, 3, 2), (4, 2, 3), (5, 4, 1)])
def test_conv_transpose_with_padding_same_takes_back_what_conv_with_padding_same_did(
    size: int, kernel: int, stride: int
) -> None:
    w = jnp.asarray(drawn(kernel, 2, 3, seed=1))
    operator = ConvTranspose(channels=3, kernel=kernel, stride=stride, bias=False)
    assert operator.output_shape((size, 2), None) == (size * stride, 3)
    x, y = jnp.asarray(drawn(1, size, 2)), jnp.asarray(drawn(1, size * stride, 3, seed=2))
    conv = Conv(channels=2, kernel=kernel, stride=stride, bias=False)
    back = conv.apply({"weight": w.swapaxes(-1, -2)}, y)
    there = operator.apply({"weight": w}, x)
    np.testing.assert_allclose(np.vdot(there, y), np.vdot(x, back), rtol=1e-12)


def test_a_conv_under_vmap_is_that_of_each_member() -> None:
    conv, params, x = setting(PLAIN[2])
    many = jnp.stack([x, 2 * x, -x])

    def gradient(params: Any, x: Any) -> Any:
        return jax.grad(lambda p, x: (conv.apply(p, x) ** 2).sum(), argnums=(0, 1))(params, x)

    together = jax.vmap(gradient, in_axes=(None, 0))(params, many)
    alone = jax.tree.map(lambda *rows: jnp.stack(rows), *(gradient(params, x) for x in many))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), together, alone)


@pytest.mark.parametrize("example", [PLAIN[0], PLAIN[2], PLAIN[5]])
def test_on_a_cpu_the_map_and_its_gradients_are_convolutions_of_the_fast_layout(
    example: Example,
) -> None:
    """In a loop, XLA takes some hundred times as long for another one."""
    conv, params, x = setting(example)
    conv = planned(conv, x.shape[1:], "cpu")
    y = jnp.zeros((len(x), *conv.output_shape(x.shape[1:], None)))

    def gradients(params: Any, x: Any, y: Any) -> Any:
        return jax.vjp(conv.linear_part, params, x)[1](y)

    programs = [
        jax.make_jaxpr(conv.linear_part)(params, x),
        jax.make_jaxpr(gradients)(params, x, y),
    ]
    layouts = [layout for program in programs for layout in _convolutions(_needed(program.jaxpr))]
    last = x.ndim - 1
    spatial = tuple(range(1, last))
    kernel = (last, last - 1, *(axis - 1 for axis in spatial))
    assert layouts == [((0, last, *spatial), kernel, (0, last, *spatial))] * 3


def _needed(program: Any) -> Any:
    """The program without what its results do not depend on."""
    from jax.interpreters import partial_eval

    return partial_eval.dce_jaxpr(program, [True] * len(program.outvars))[0]


def _convolutions(program: Any) -> list[Any]:
    found = []
    for equation in program.eqns:
        if equation.primitive.name == "conv_general_dilated":
            layout = equation.params["dimension_numbers"]
            found.append((layout.lhs_spec, layout.rhs_spec, layout.out_spec))
        for inner in jax.tree.leaves(list(equation.params.values())):
            if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                found += _convolutions(getattr(inner, "jaxpr", inner))
    return found


def test_conv_costs_a_multiply_add_per_kernel_entry_and_input_channel_of_a_group() -> None:
    assert Conv(groups=2).flops((8, 8, 4), (8, 8, 6)) == 8 * 8 * 6 * (2 * 9 * 2 + 1)
    assert Conv(bias=False, kernel=(5,)).flops((8, 4), (8, 6)) == 8 * 6 * 2 * 5 * 4


def test_conv_transpose_costs_what_its_convolution_costs() -> None:
    conv, back = Conv(stride=2, bias=False), ConvTranspose(stride=2, bias=False)
    assert back.flops((4, 4, 6), (8, 8, 3)) == conv.flops((8, 8, 3), (4, 4, 6))


@pytest.mark.parametrize(
    ("operator", "shape", "message", "help"),
    [
        (Conv(channels=2), (4,), r"receives \[4\]", "reshape"),
        (Conv(channels=2), (4, 4, 4, 1), r"receives \[4, 4, 4, 1\]", "reshape"),
        (Conv(channels=2, kernel=(3, 3)), (28, 28), "`kernel` lists 2 sizes", r"\[28, 28, 1\]"),
        (Conv(channels=2, stride=(2,)), (4, 4, 1), "`stride` lists 1 sizes", "single number"),
        (Conv(channels=2, padding=(1,)), (4, 4, 1), "`padding` lists 1 sizes", "single number"),
        (Conv(channels=2, kernel=5, padding=0), (4, 4, 1), r"spans \[5, 5\]", "padding: same"),
        (Conv(channels=2, dilation=4, padding="valid"), (8, 1), r"spans \[9\]", "dilation"),
        (Conv(channels=2, groups=2), (4, 4, 3), "cannot cut 3 channels", "divides both"),
        (Conv(channels=3, groups=2), (4, 4, 4), "3 of its output", "divides both"),
        (Conv(), (4, 4, 3), "cannot tell the channels", "channels: 32"),
        (ConvTranspose(), (4, 4, 3), "cannot tell the channels", "conv_transpose: "),
        (ConvTranspose(channels=2, padding=4), (4, 2), "leaves nothing", "less padding"),
        (ConvTranspose(channels=2), (4,), r"receives \[4\]", "reshape"),
    ],
)
def test_mistakes_are_told_with_help(
    operator: Conv | ConvTranspose, shape: tuple[int, ...], message: str, help: str
) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        operator.output_shape(shape, None)
    assert any(word in caught.value.help for word in (help, help.replace("\\", "")))


def test_transposing_between_nodes_of_other_shapes_is_told_with_help() -> None:
    transpose = Conv(channels=3).transposed((4, 4, 2), (4, 4, 3))
    with pytest.raises(ShapeError, match=r"receives \[5, 5, 3\]") as caught:
        transpose.output_shape((5, 5, 3), None)
    assert caught.value.help
