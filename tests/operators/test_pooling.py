"""Pools and upsampling against their windows written out."""

from __future__ import annotations

from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from numpy.typing import NDArray

from pccompiler.components.operators import AvgPool, GlobalAvgPool, MaxPool, Operator, Upsample
from pccompiler.components.operators.base import ShapeError

WINDOWS = [
    ((4, 6, 2), (2, 2), (2, 2)),
    ((5, 7, 2), (2, 3), (2, 3)),
    ((6, 5, 1), (3, 2), (1, 2)),
    ((7, 4, 2), (2, 2), (3, 1)),
    ((9, 3), (3,), (2,)),
    ((3, 4, 5, 1), (1, 2, 2), (1, 2, 2)),
]
every_window = pytest.mark.parametrize(("shape", "window", "stride"), WINDOWS)


def batch(*shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(2, *shape))


def pooled(x: NDArray[Any], window: Any, stride: Any, take: Any) -> NDArray[Any]:
    """take(the window's entries, axes) at every place where the window fits."""
    counts = [(n - w) // s + 1 for n, w, s in zip(x.shape[1:-1], window, stride, strict=True)]
    y = np.zeros((len(x), *counts, x.shape[-1]))
    for i in product(*map(range, counts)):
        place = [slice(a * s, a * s + w) for a, s, w in zip(i, stride, window, strict=True)]
        y[(slice(None), *i)] = take(x[(slice(None), *place)], axis=tuple(range(1, x.ndim - 1)))
    return y


@every_window
def test_max_pool_takes_the_largest_of_each_window_and_drops_the_remainder(
    shape: Any, window: Any, stride: Any
) -> None:
    pool = MaxPool(window=window, stride=stride)
    y = pooled(batch(*shape), window, stride, np.max)
    assert pool.output_shape(shape, None) == y.shape[1:]
    np.testing.assert_array_equal(pool.apply({}, jnp.asarray(batch(*shape))), y)


@every_window
def test_avg_pool_takes_the_mean_of_each_window_and_drops_the_remainder(
    shape: Any, window: Any, stride: Any
) -> None:
    pool = AvgPool(window=window, stride=stride)
    y = pooled(batch(*shape), window, stride, np.mean)
    assert pool.output_shape(shape, None) == y.shape[1:]
    np.testing.assert_allclose(pool.apply({}, jnp.asarray(batch(*shape))), y, rtol=1e-13)


@every_window
@pytest.mark.parametrize("member", [MaxPool, AvgPool])
def test_the_derivatives_of_pools_are_those_of_finite_differences(
    member: Any, shape: Any, window: Any, stride: Any
) -> None:
    pool = member(window=window, stride=stride)
    x = jnp.asarray(batch(*shape))
    check_grads(lambda x: pool.apply({}, x), (x,), order=1, modes=("fwd", "rev"), rtol=1e-6)


def gradient(pool: Operator, x: Any) -> Any:
    return jax.grad(lambda x: pool.apply({}, x).sum())(jnp.asarray(x, jnp.float64))


def test_of_equal_entries_the_first_in_row_major_order_has_the_whole_gradient() -> None:
    x = np.array([[0, 0, 3, 5], [0, 0, 5, 1], [1, 2, 7, 7], [2, 2, 7, 7]]).reshape(1, 4, 4, 1)
    first = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(gradient(MaxPool(), x)[0, ..., 0], first)


def test_so_it_is_in_every_one_of_overlapping_windows() -> None:
    x = np.zeros((1, 3, 3, 1))
    expected = [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(gradient(MaxPool(window=2, stride=1), x)[0, ..., 0], expected)


def test_a_remainder_has_no_gradient() -> None:
    assert not gradient(MaxPool(), np.ones((1, 5, 4, 1)))[0, 4].any()
    assert not gradient(AvgPool(), np.ones((1, 5, 4, 1)))[0, 4].any()


def test_global_avg_pool_is_the_mean_of_each_channel() -> None:
    x = batch(3, 4, 2)
    np.testing.assert_allclose(
        GlobalAvgPool().apply({}, jnp.asarray(x)), x.mean(axis=(1, 2)), rtol=1e-13
    )


def test_upsampling_repeats_entries_in_blocks() -> None:
    x = jnp.asarray([[[[1.0], [2.0]], [[3.0], [4.0]]]])
    y = Upsample(factor=(1, 2)).apply({}, x)[0, ..., 0]
    np.testing.assert_array_equal(y, [[1, 1, 2, 2], [3, 3, 4, 4]])
    y = Upsample().apply({}, x)[0, ..., 0]
    np.testing.assert_array_equal(y, np.kron([[1, 2], [3, 4]], np.ones((2, 2))))


def test_upsampling_knows_the_only_input_that_gives_the_wanted_output() -> None:
    assert Upsample(factor=(2, 3)).input_wanted((4, 6, 5)) == (2, 2, 5)
    assert Upsample().input_wanted((4, 5, 3)) is None
    assert Upsample().input_wanted(None) is None
    assert MaxPool().input_wanted((2, 2, 1)) is None


@pytest.mark.parametrize("pool", [MaxPool(window=(2, 3)), AvgPool(window=(2, 3)), GlobalAvgPool()])
def test_the_transpose_of_a_pool_is_undone_by_the_pool(pool: Operator) -> None:
    shape = (4, 6, 2)
    output = pool.output_shape(shape, None)
    transpose = pool.transposed(shape, output)
    assert transpose is not None
    y = jnp.asarray(batch(*output))
    x = transpose.apply({}, y)
    assert x.shape[1:] == transpose.output_shape(output, None) == shape
    np.testing.assert_allclose(pool.apply({}, x), y, rtol=1e-13)


@pytest.mark.parametrize(
    ("operator", "shape", "message", "help"),
    [
        (MaxPool(), (4,), r"\[4\] has none", "channels last"),
        (GlobalAvgPool(), (4,), r"\[4\] has none", "channels last"),
        (Upsample(), (4,), r"\[4\] has none", "channels last"),
        (MaxPool(window=5), (4, 4, 1), r"window \[5, 5\] of max_pool is larger", "smaller window"),
        (AvgPool(window=(2, 2)), (4, 1), "`window` lists 2 sizes", "single number"),
        (MaxPool(stride=(2,)), (4, 4, 1), "`stride` lists 1 sizes", "single number"),
        (Upsample(factor=(2, 2)), (4, 1), "`factor` lists 2 sizes", "single number"),
    ],
)
def test_mistakes_are_told_with_help(
    operator: Operator, shape: tuple[int, ...], message: str, help: str
) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        operator.output_shape(shape, None)
    assert help in caught.value.help


@pytest.mark.parametrize(
    ("pool", "shape", "message", "help"),
    [
        (MaxPool(window=3, stride=2), (7, 7, 1), "overlapping", "`stride`"),
        (AvgPool(window=1, stride=2), (7, 7, 1), "spaced", "`stride`"),
        (MaxPool(), (5, 4, 1), r"drops a part of \[5, 4\]", "divides"),
    ],
)
def test_pools_that_upsampling_cannot_undo_have_no_transpose(
    pool: Operator, shape: tuple[int, ...], message: str, help: str
) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        pool.transposed(shape, pool.output_shape(shape, None))
    assert help in caught.value.help


def test_transposing_a_global_mean_between_nodes_of_other_shapes_is_told_with_help() -> None:
    transpose = GlobalAvgPool().transposed((4, 4, 2), (2,))
    assert transpose is not None
    with pytest.raises(ShapeError, match=r"receives \[3\]") as caught:
        transpose.output_shape((3,), None)
    assert caught.value.help


def test_pools_cost_an_operation_per_entry_of_each_window() -> None:
    assert MaxPool(window=3, stride=2).flops((7, 7, 4), (3, 3, 4)) == 3 * 3 * 4 * 9
    assert AvgPool().flops((4, 4), (2, 4)) == 2 * 4 * 2
    assert GlobalAvgPool().flops((3, 5, 2), (2,)) == 30
