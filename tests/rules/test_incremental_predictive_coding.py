"""Incremental predictive coding against a loop written by hand in NumPy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from tests.rules.dense_networks import (
    Array,
    DenseNetwork,
    as_numpy,
    data_for,
    largest_difference,
    random_network,
)

STEPS, STATE_RATE, RATE, DECAY, MOMENTUM = 7, 0.1, 0.05, 0.01, 0.6

TRAINING: dict[str, Any] = {
    "inference": {
        "steps": STEPS,
        "optimizer": {"sgd": {"learning_rate": STATE_RATE, "momentum": MOMENTUM}},
    },
    "learning": {
        "rule": {"predictive_coding": {"update": "incremental"}},
        "optimizer": {"sgd": {"learning_rate": RATE, "weight_decay": DECAY}},
    },
}


def by_hand(network: DenseNetwork, params: Any, x: Array, y: Array) -> tuple[Any, Any]:
    """(parameters, states) after one batch: at every step the errors of the present states and
    parameters give both gradients, and then both are stepped."""
    states, _ = network.forward(params, x)
    states["y"] = y
    free = [name for name in network.sizes if name not in ("x", "y")]
    velocity = {name: np.zeros_like(states[name]) for name in free}
    for _ in range(STEPS):
        errors, slopes = {}, {}
        for node in network.sizes:
            if node == "x":
                continue
            total = network.arriving(params, states, node)
            mu = total if node == "y" else np.tanh(total)
            slopes[node] = np.ones_like(total) if node == "y" else 1 - mu**2
            errors[node] = states[node] - mu
        pulls = {name: errors[name].copy() for name in free}
        gradient: dict[str, Any] = {}
        for a, b in network.edges:
            arriving = -errors[b] * slopes[b]
            name = f"{a}->{b}"
            gradient[name] = {
                "weight": states[a].T @ arriving / len(x),
                "bias": arriving.mean(axis=0),
            }
            if a in pulls:
                pulls[a] = pulls[a] + arriving @ params[name]["weight"].T
        for name in free:
            velocity[name] = MOMENTUM * velocity[name] + pulls[name]
            states[name] = states[name] - STATE_RATE * velocity[name]
        params = {
            edge: {n: p - RATE * (gradient[edge][n] + DECAY * p) for n, p in table.items()}
            for edge, table in params.items()
        }
    return params, states


@pytest.mark.parametrize("seed", range(3))
def test_states_and_parameters_step_together_from_the_same_states(seed: int) -> None:
    network = random_network(seed)
    model = pcc.compile(network.spec | TRAINING)
    state = model.init_training(jax.random.key(seed), dtype=jnp.float64, batch_size=5)
    expected = as_numpy(state.params)
    for batch in range(2):
        x, y = data_for(network, 10 * seed + batch)
        state, metrics = model.step(state, {"x": x, "y": y})
        expected, states = by_hand(network, expected, x, y)
        assert largest_difference(as_numpy(state.params), expected) < 1e-10
        errors = {"y": states["y"]}
        energy = 0.0
        for node in network.sizes:
            if node == "x":
                continue
            total = network.arriving(expected, states, node)
            errors[node] = states[node] - (total if node == "y" else np.tanh(total))
            energy += 0.5 * (errors[node] ** 2).sum(axis=1).mean()
        assert abs(float(metrics["energy"]["clamped"]) - energy) < 1e-10


def test_many_steps_in_one_call_are_the_single_steps() -> None:
    network = random_network(1)
    model = pcc.compile(network.spec | TRAINING)
    state = model.init_training(jax.random.key(0), dtype=jnp.float64, batch_size=4)
    x, y = data_for(network, 1, samples=8)
    order = jnp.array([[0, 1, 2, 3], [4, 5, 6, 7]], jnp.int32)
    together, _, done = model.train(state, {"x": x, "y": y}, order, 2)
    for rows in np.asarray(order):
        state, _ = model.step(state, {"x": x[rows], "y": y[rows]})
    assert done == 2
    assert int(together.step) == int(state.step) == 2
    assert largest_difference(as_numpy(together.params), as_numpy(state.params)) < 1e-12


def test_frozen_edges_stay_and_the_single_gradient_is_refused() -> None:
    network = random_network(0)
    spec = network.spec | TRAINING
    spec["edges"][0] = {**spec["edges"][0], "trainable": False}
    model = pcc.compile(spec)
    state = model.init_training(jax.random.key(0), dtype=jnp.float64, batch_size=5)
    x, y = data_for(network, 0)
    after, _ = model.step(state, {"x": x, "y": y})
    frozen = "->".join(network.edges[0])
    assert largest_difference(as_numpy(after.params[frozen]), as_numpy(state.params[frozen])) == 0
    with pytest.raises(ValueError, match=r"model\.step"):
        model.gradients(state.params, {"x": x, "y": y})


def test_a_relaxation_that_may_stop_early_and_an_output_that_is_nudged_are_refused() -> None:
    network = random_network(0)
    stopping = TRAINING["inference"] | {"stop": {"residual": 1e-3}}
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(network.spec | TRAINING | {"inference": stopping})
    assert [d.code for d in caught.value.diagnostics] == ["PC317"]
    rule = {"predictive_coding": {"update": "incremental", "output": "nudge"}}
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(network.spec | {"learning": {"rule": rule}})
    assert "output: clamp" in str(caught.value)
