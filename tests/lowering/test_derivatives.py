"""Differentiating through inference and prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.lowering.networks import batch, close, compiled, parameters

STEP = 1e-5

FIXED: dict[str, Any] = {
    "sgd": {"sgd": {"learning_rate": 0.1, "momentum": 0.5}},
    "adam": {"adam": {"learning_rate": 0.05, "eps": 1e-3}},
}


def finite_difference(f: Callable[[Any], Any], at: Any, along: Any) -> float:
    up = jax.tree.map(lambda p, d: p + STEP * d, at, along)
    down = jax.tree.map(lambda p, d: p - STEP * d, at, along)
    return float((f(up) - f(down)) / (2 * STEP))


def directions(tree: Any) -> Any:
    rng = np.random.default_rng(2)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), tree)


def along(gradient: Any, direction: Any) -> float:
    products = jax.tree.map(lambda g, d: (g * d).sum(), gradient, direction)
    return float(sum(jax.tree.leaves(products)))


@pytest.mark.parametrize("optimizer", FIXED)
def test_reverse_mode_through_a_fixed_number_of_steps_is_the_finite_difference(
    optimizer: str,
) -> None:
    model, given = compiled(inference={"optimizer": FIXED[optimizer]}), batch()
    params = parameters(model)

    def settled(p: Any) -> Any:
        return (model.infer(p, given)["h"] ** 2).sum()

    direction = directions(params)
    measured = finite_difference(settled, params, direction)
    np.testing.assert_allclose(along(jax.grad(settled)(params), direction), measured, rtol=1e-6)


def test_reverse_mode_reaches_the_inputs() -> None:
    model, given = compiled(), batch()
    params = parameters(model)

    def settled(x: Any) -> Any:
        return (model.infer(params, {**given, "x": x})["h"] ** 2).sum()

    direction = directions(given["x"])
    measured = finite_difference(settled, given["x"], direction)
    found = along(jax.grad(settled)(jnp.asarray(given["x"])), direction)
    np.testing.assert_allclose(found, measured, rtol=1e-6)


@pytest.mark.parametrize("passes_off", [(), ("hoist", "wavefront")])
def test_backprop_is_the_finite_difference_of_the_mean_loss(passes_off: tuple[str, ...]) -> None:
    model, given = compiled(passes_off, learning={"rule": "backprop"}), batch()
    params = parameters(model)

    def loss(p: Any) -> Any:
        predicted = model.predict(p, {"x": given["x"]})["y"]
        return (0.5 * (given["y"] - predicted) ** 2).sum(-1).mean()

    direction = directions(params)
    gradient = model.gradients(params, given)
    np.testing.assert_allclose(
        along(gradient, direction), finite_difference(loss, params, direction), rtol=1e-7
    )


def test_backprop_through_a_relaxation_is_the_finite_difference_of_its_loss() -> None:
    """A free root makes the prediction a relaxation of 4 steps."""
    nodes = {
        "x": {"shape": [4], "role": "input"},
        "cause": {"shape": [2]},
        "h": {"shape": [3], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    }
    model = compiled(
        nodes=nodes,
        edges=[{"path": "x -> h -> y"}, {"from": "cause", "to": "h"}],
        inference={"steps": 4, "init": {"normal": {"std": 0.5}}},
        learning={"rule": "backprop"},
    )
    params, given = parameters(model), batch()

    def loss(p: Any) -> Any:
        predicted = model.predict(p, {"x": given["x"]})["y"]
        return (0.5 * (given["y"] - predicted) ** 2).sum(-1).mean()

    direction = directions(params)
    np.testing.assert_allclose(
        along(model.gradients(params, given), direction),
        finite_difference(loss, params, direction),
        rtol=1e-6,
    )


@pytest.mark.parametrize("what", ["infer", "gradients", "trace"])
def test_reverse_mode_through_a_stop_is_a_clear_error(what: str) -> None:
    model = compiled(inference={"stop": {"residual": 1e-3}})
    params = parameters(model)

    def total(p: Any) -> Any:
        found = getattr(model, what)(p, batch())
        return sum(leaf.sum() for leaf in jax.tree.leaves(found))

    with pytest.raises(ValueError, match=r"fixed number of steps.*inference\.stop"):
        jax.grad(total)(params)


def test_forward_mode_through_a_stop_is_that_of_the_steps_taken() -> None:
    """As many steps as allowed are taken here, so a fixed number of them is the same program."""
    stopping = compiled(inference={"stop": {"residual": 1e-300}})
    fixed = compiled()
    params = parameters(fixed)
    direction = directions(params)

    def tangent(model: Any) -> Any:
        return jax.jvp(lambda p: model.infer(p, batch())["h"], (params,), (direction,))

    close(tangent(stopping), tangent(fixed))


def test_inference_can_be_mapped_over_parameters_and_samples() -> None:
    model, given = compiled(), batch()
    several = [parameters(model, seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
    mapped = jax.vmap(lambda p: model.infer(p, given))(stacked)
    for i, params in enumerate(several):
        close(jax.tree.map(lambda leaf, i=i: leaf[i], mapped), model.infer(params, given), 1e-12)
    one = jax.vmap(lambda x, y: model.infer(several[0], {"x": x[None], "y": y[None]})["h"][0])
    close(one(given["x"], given["y"]), model.infer(several[0], given)["h"], 1e-12)
