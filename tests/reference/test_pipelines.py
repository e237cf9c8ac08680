"""The judge's operators are judged: sums written out by SciPy, and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate

from tests.reference.pipelines import draw, pull, run, steps_of
from tests.reference.test_energy_network import numeric

IMAGE = (5, 4, 2)
PIPELINES: dict[str, tuple[Any, tuple[int, ...], tuple[int, ...]]] = {
    "dense": ("dense", (3,), (2,)),
    "rows": ({"dense": {"bias": False}}, (2, 3), (2, 4)),
    "two dense": ([{"dense": {"units": 5}}, "tanh", "dense"], (3,), (2,)),
    "flatten": (["flatten", "dense"], (2, 3), (4,)),
    "reshape": ([{"dense": {"units": 6}}, {"reshape": [3, 2]}], (4,), (3, 2)),
    "conv": ("conv", IMAGE, (5, 4, 3)),
    "strided": ({"conv": {"kernel": [2, 3], "stride": 2, "bias": False}}, IMAGE, (3, 2, 3)),
    "padded": ({"conv": {"kernel": 2, "padding": 2}}, IMAGE, (8, 7, 1)),
    "valid": ({"conv": {"kernel": 3, "padding": "valid"}}, IMAGE, (3, 2, 2)),
    "pooled": ([{"conv": {"channels": 3}}, "max_pool"], IMAGE, (2, 2, 3)),
    "mean": (["tanh", {"avg_pool": 2}, "flatten", "dense"], IMAGE, (3,)),
    "channels": (["conv", "global_avg_pool", "sigmoid"], IMAGE, (2,)),
    "many": ([{"conv": {"channels": 2}}, "tanh", "conv", "flatten", "dense"], IMAGE, (3,)),
}
every_pipeline = pytest.mark.parametrize("name", PIPELINES)


def drawn(name: str) -> Any:
    op, shape, target = PIPELINES[name]
    rng, steps = np.random.default_rng(0), steps_of(op, shape, target)
    own = draw(steps, rng, 1.0)
    x, dy = rng.normal(size=(3, *shape)), rng.normal(size=(3, *target))
    return steps, own, x, dy


def arrays(tree: Any) -> list[Any]:
    if not isinstance(tree, dict):
        return [tree]
    return [leaf for key in sorted(tree) for leaf in arrays(tree[key])]


@every_pipeline
def test_cotangents_are_the_finite_differences(name: str) -> None:
    steps, own, x, dy = drawn(name)

    def value() -> float:
        return (run(steps, own, x) * dy).sum()

    back, gradient = pull(steps, own, x, dy)
    np.testing.assert_allclose(back, numeric(value, x), atol=1e-7)
    found, parameters = arrays(gradient), arrays(own)
    assert len(found) == len(parameters)
    for part, array in zip(found, parameters, strict=True):
        np.testing.assert_allclose(part, numeric(value, array), atol=1e-7)


@every_pipeline
def test_an_affine_pipeline_without_biases_is_linear(name: str) -> None:
    steps, own, x, dy = drawn(name)
    if not all(step.affine for step in steps):
        return
    difference = run(steps, own, 3 * x) - run(steps, own, x)
    np.testing.assert_allclose(run(steps, own, 2 * x, bias=False), difference, atol=1e-12)
    _, gradient = pull(steps, own, x, dy, bias=False)

    def value() -> float:
        return (run(steps, own, x, bias=False) * dy).sum()

    for part, array in zip(arrays(gradient), arrays(own), strict=True):
        np.testing.assert_allclose(part, numeric(value, array), atol=1e-7)


def test_a_convolution_is_the_correlation_of_the_padded_image() -> None:
    steps, own, x, _ = drawn("conv")
    expected = np.zeros((3, 5, 4, 3))
    for n, i, o in np.ndindex(3, 2, 3):
        expected[n, ..., o] += correlate(x[n, ..., i], own["weight"][:, :, i, o], mode="same")
    np.testing.assert_allclose(run(steps, own, x), expected + own["bias"], atol=1e-12)


def test_of_equal_entries_the_first_in_row_major_order_has_the_gradient_of_max_pool() -> None:
    steps = steps_of("max_pool", (2, 2, 1), (1, 1, 1))
    x = np.array([[0.0, 1.0], [1.0, 1.0]]).reshape(1, 2, 2, 1)
    back, _ = pull(steps, {}, x, np.ones((1, 1, 1, 1)))
    np.testing.assert_array_equal(back.ravel(), [0, 1, 0, 0])
