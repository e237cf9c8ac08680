"""What a training step does to the parameters, by the optimisers' written formulas.

g is what `gradients` gives before the step; SGD then makes p - rate g.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import cos, pi
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from tests.lowering.networks import batch, close, compiled

RATE = 0.3


def steps(model: pcc.CompiledModel, count: int, horizon: int | None = None) -> list[Any]:
    """The states before and after each of `count` steps on the same batch."""
    states = [model.init_training(jax.random.key(0), horizon, jnp.float64)]
    for _ in range(count):
        states.append(model.step(states[-1], batch())[0])
    return states


def learning(**settings: Any) -> pcc.CompiledModel:
    return compiled(learning={"optimizer": {"sgd": {"learning_rate": RATE}}, **settings})


def moved(params: Any, gradient: Any, factor: float) -> Any:
    return jax.tree.map(lambda p, g: p - factor * g, params, gradient)


SCHEDULES: dict[str, tuple[Any, Callable[[float], float]]] = {
    "constant": ("constant", lambda p: 1.0),
    "cosine": ({"cosine": {"end": 0.2}}, lambda p: 0.2 + 0.8 * (1 + cos(pi * p)) / 2),
    "step": (
        {"step": {"at": [0.25, 0.5], "gamma": 0.5}},
        lambda p: 0.5 ** ((p >= 0.25) + (p >= 0.5)),
    ),
    "warmup": (
        {"warmup_cosine": {"warmup_fraction": 0.5, "start": 0.1, "peak": 1.1, "end": 0.1}},
        lambda p: 0.1 + p / 0.5 if p < 0.5 else 0.1 + (1 + cos(pi * (p - 0.5) / 0.5)) / 2,
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_multiplies_the_rate_by_its_factor_at_the_fraction_done(name: str) -> None:
    written, factor = SCHEDULES[name]
    model = learning(schedule=written)
    states = steps(model, 8, horizon=8)
    for index, (before, after) in enumerate(pairwise(states)):
        gradient = model.gradients(before.params, batch())
        expected = moved(before.params, gradient, RATE * factor(index / 8))
        close(after.params, expected, 1e-12)


def test_a_schedule_without_a_horizon_is_a_clear_error() -> None:
    model = learning(schedule="cosine")
    assert model.needs_horizon
    with pytest.raises(ValueError, match=r"cosine needs `horizon`"):
        model.init_training(jax.random.key(0))


def test_clipping_by_norm_keeps_the_direction() -> None:
    limit = 0.01
    model = learning(gradient_clip={"global_norm": limit})
    before, after = steps(model, 1)
    gradient = model.gradients(before.params, batch())
    norm = np.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(gradient)))
    assert norm > limit
    close(after.params, moved(before.params, gradient, RATE * limit / norm))


def test_a_gradient_within_the_norm_is_not_scaled_up() -> None:
    model = learning(gradient_clip={"global_norm": 1e6})
    before, after = steps(model, 1)
    close(after.params, moved(before.params, model.gradients(before.params, batch()), RATE))


def test_clipping_by_value_bounds_every_entry_after_the_norm() -> None:
    model = learning(gradient_clip={"global_norm": 0.5, "value": 0.05})
    before, after = steps(model, 1)
    gradient = model.gradients(before.params, batch())
    norm = np.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(gradient)))
    clipped = jax.tree.map(lambda g: np.clip(g * min(1, 0.5 / norm), -0.05, 0.05), gradient)
    close(after.params, moved(before.params, clipped, RATE))


def test_weight_decay_of_sgd_is_added_to_the_gradient() -> None:
    model = compiled(learning={"optimizer": {"sgd": {"learning_rate": RATE, "weight_decay": 0.1}}})
    before, after = steps(model, 1)
    gradient = model.gradients(before.params, batch())
    decayed = jax.tree.map(lambda g, p: g + 0.1 * p, gradient, before.params)
    close(after.params, moved(before.params, decayed, RATE))


def test_momentum_gathers_gradients() -> None:
    optimizer = {"momentum": {"learning_rate": RATE, "momentum": 0.5}}
    model = compiled(learning={"optimizer": optimizer})
    first, second, third = steps(model, 2)
    g1 = model.gradients(first.params, batch())
    g2 = model.gradients(second.params, batch())
    velocity = jax.tree.map(lambda a, b: 0.5 * a + b, g1, g2)
    close(second.params, moved(first.params, g1, RATE))
    close(third.params, moved(second.params, velocity, RATE))


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_first_step_of_adam_is_the_sign_of_the_gradient(name: str) -> None:
    """With bias correction m = g and v = g^2, so the direction is g / (|g| + eps)."""
    options = {"learning_rate": RATE, "eps": 1e-3, "weight_decay": 0.1}
    model = compiled(learning={"optimizer": {name: options}})
    before, after = steps(model, 1)
    gradient = model.gradients(before.params, batch())

    def expected(p: Any, g: Any) -> Any:
        if name == "adam":  # the decay is a part of the gradient
            g = g + 0.1 * p
            return p - RATE * g / (abs(g) + 1e-3)
        return p - RATE * (g / (abs(g) + 1e-3) + 0.1 * p)

    close(after.params, jax.tree.map(expected, before.params, gradient), 1e-9)


def test_a_decoupled_decay_follows_the_schedule_too() -> None:
    """A factor of one half halves the whole update, the decay with it."""
    options = {"learning_rate": RATE, "weight_decay": 0.1}
    plain = compiled(learning={"optimizer": {"adamw": options}})
    half_rate = {"step": {"at": [0.0], "gamma": 0.5}}
    halved = compiled(learning={"optimizer": {"adamw": options}, "schedule": half_rate})
    before, after = steps(plain, 1)
    _, half = steps(halved, 1, horizon=4)
    difference = jax.tree.map(lambda a, b: 0.5 * (a - b), after.params, before.params)
    close(half.params, jax.tree.map(jnp.add, before.params, difference))


def test_metrics_are_batch_means_of_the_step_before_the_update() -> None:
    model = learning()
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    _, metrics = model.step(state, batch())
    params, given = state.params, batch()
    predicted = model.predict(params, {"x": given["x"]})["y"]
    np.testing.assert_allclose(
        metrics["loss"], 0.5 * ((given["y"] - predicted) ** 2).sum(-1).mean(), rtol=1e-12
    )
    hits = predicted.argmax(-1) == given["y"].argmax(-1)
    np.testing.assert_allclose(metrics["accuracy"], np.asarray(hits).mean(), rtol=1e-12)
    settled = model.energy(params, model.infer(params, given), given)
    np.testing.assert_allclose(metrics["energy"]["clamped"], settled["total"].mean(), rtol=1e-12)
    for name, per_sample in settled["nodes"].items():
        mean = metrics["node_energy"]["clamped"][name]
        np.testing.assert_allclose(mean, per_sample.mean(), rtol=1e-12)
    gradient = model.gradients(params, given)
    for edge, node in (("x->h", "h"), ("h->y", "y")):
        norm = np.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(gradient[edge])))
        np.testing.assert_allclose(metrics["gradient_norm"][node], norm, rtol=1e-12)
    assert metrics["steps"] == {"clamped": 5}
