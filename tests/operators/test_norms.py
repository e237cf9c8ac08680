"""Normalisations: what their results have in common, and running statistics by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from numpy.typing import NDArray

from pccompiler.components.operators import BatchNorm, LayerNorm, Operator, RMSNorm, ShapeError


def batch(*shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(loc=2.0, scale=3.0, size=shape)


def plain(operator: Operator, x: NDArray[np.float64]) -> Any:
    return operator.apply({}, jnp.asarray(x))


def test_layer_norm_gives_each_position_mean_zero_and_variance_one() -> None:
    y = plain(LayerNorm(scale=False, bias=False, eps=1e-12), batch(4, 3, 6))
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=-1), 1, rtol=1e-10)


def test_rms_norm_gives_each_position_mean_square_one_and_keeps_its_direction() -> None:
    x = batch(4, 3, 6)
    y = plain(RMSNorm(scale=False, eps=1e-12), x)
    np.testing.assert_allclose((y * y).mean(axis=-1), 1, rtol=1e-10)
    ratio = y / x
    np.testing.assert_allclose(ratio, ratio[..., :1] * np.ones(6), rtol=1e-12)


def test_batch_norm_gives_each_channel_mean_zero_and_variance_one_over_all_other_axes() -> None:
    y = plain(BatchNorm(scale=False, bias=False, eps=1e-12), batch(4, 3, 5, 6))
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(0, 1, 2)), 1, rtol=1e-10)


@pytest.mark.parametrize("operator", [LayerNorm(eps=0.5), BatchNorm(eps=0.5)])
def test_scale_and_bias_come_after_a_division_by_the_root_of_variance_and_eps(
    operator: Operator,
) -> None:
    x = np.array([[0.0, 4.0], [4.0, 0.0]])  # mean 2 and variance 4 along both axes
    params = {"scale": jnp.array([3.0, 1.0]), "bias": jnp.array([0.0, 5.0])}
    expected = 2 / np.sqrt(4.5) * np.array([[-1, 1], [1, -1]]) * [3, 1] + [0, 5]
    np.testing.assert_allclose(operator.apply(params, jnp.asarray(x)), expected, rtol=1e-13)


@pytest.mark.parametrize("operator", [LayerNorm(), RMSNorm(), BatchNorm()])
def test_the_derivatives_flow_through_the_statistics(operator: Operator) -> None:
    x = jnp.asarray(batch(3, 2, 4))
    shapes = operator.parameters(x.shape[1:], x.shape[1:])
    params = {name: jnp.asarray(batch(*p.shape)) for name, p in shapes.items()}
    check_grads(operator.apply, (params, x), order=1, modes=("fwd", "rev"), rtol=1e-5)


def test_the_gradient_of_batch_norm_does_not_see_a_shift_of_a_channel_or_its_size() -> None:
    operator, x = BatchNorm(scale=False, bias=False, eps=1e-12), jnp.asarray(batch(5, 3))
    gradient = jax.grad(lambda x: (operator.apply({}, x) ** 3).sum())(x)
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((gradient * x).sum(axis=0), 0, atol=1e-10)


def test_batch_norm_measures_mean_and_biased_variance() -> None:
    x = np.array([[1.0, 0.0], [3.0, 4.0]])
    measured = BatchNorm().measure(jnp.asarray(x))
    np.testing.assert_array_equal(measured["mean"], [2.0, 2.0])
    np.testing.assert_array_equal(measured["variance"], [1.0, 4.0])


def test_running_statistics_start_at_a_standard_normal() -> None:
    table = BatchNorm().statistics((4, 3))
    assert {name: p.initializer.name for name, p in table.items()} == {
        "mean": "zeros",
        "variance": "ones",
    }


def test_momentum_is_how_much_of_the_running_statistics_remains() -> None:
    running = {"mean": jnp.array([0.0]), "variance": jnp.array([1.0])}
    measured = {"mean": jnp.array([10.0]), "variance": jnp.array([5.0])}
    updated = BatchNorm(momentum=0.75).updated(running, measured)
    np.testing.assert_allclose(updated["mean"], [2.5], rtol=1e-15)
    np.testing.assert_allclose(updated["variance"], [2.0], rtol=1e-15)


def test_given_statistics_take_the_place_of_those_of_the_batch() -> None:
    given = {"mean": jnp.array([1.0]), "variance": jnp.array([4.0])}
    operator = BatchNorm(scale=False, bias=False, eps=1e-12)
    y = operator.apply_with({}, given, jnp.array([[3.0], [7.0]]))
    np.testing.assert_allclose(y, [[1.0], [3.0]], rtol=1e-10)


@pytest.mark.parametrize("operator", [LayerNorm(), RMSNorm(), BatchNorm()])
def test_a_transposed_pipeline_leaves_normalisations_out(operator: Operator) -> None:
    assert operator.transposed((4,), (4,)) is None


def test_layer_norm_of_a_single_entry_is_told_with_help() -> None:
    with pytest.raises(ShapeError, match="single entry") as caught:
        LayerNorm().output_shape((4, 1), None)
    assert "larger axis" in caught.value.help


def test_unfrozen_statistics_follow_the_relaxation() -> None:
    assert BatchNorm(frozen=False).updates_while_relaxing
    assert not BatchNorm().updates_while_relaxing
