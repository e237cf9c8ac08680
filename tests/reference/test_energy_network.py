"""The judge is judged: finite differences, closed forms and published numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.reference.activations import Array
from tests.reference.energy_network import NEVER, EnergyNetwork, Phase
from tests.reference.network import Tree, leaves

CHAIN: Tree = {
    "nodes": {
        "x": {"shape": [3], "role": "input"},
        "a": {"shape": [4], "activation": "tanh"},
        "b": {"shape": [2], "activation": "sigmoid"},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [{"path": "x -> a -> b -> y"}],
}

TANGLE: Tree = {
    "nodes": {
        "y": {"shape": [3], "role": "output"},
        "x": {"shape": [2, 3], "role": "input"},
        "c": {"shape": [2, 2], "activation": "softplus"},
        "h": {"shape": [4], "activation": "gelu"},
        "root": {"shape": [4]},
        "z": {"shape": [3], "role": "output", "activation": "silu"},
    },
    "edges": [
        {"from": "x", "to": "c", "op": ["tanh", {"dense": {"bias": False}}]},
        {"from": "x", "to": "h", "op": ["flatten", {"dense": {"units": 5}}, "tanh", "dense"]},
        {"from": "x", "to": "h", "name": "second", "op": ["flatten", "dense"]},
        {"from": "c", "to": "y", "op": ["flatten", "dense"]},
        {"from": "root", "to": "h", "op": "sigmoid"},
        {"from": "h", "to": "y"},
        {"from": "y", "to": "z", "op": ["dense", "tanh"]},
        {"from": "h", "to": "z", "op": [{"dense": {"bias": False}}]},
    ],
    "energy": {"precision": {"per_node": {"h": 2.5, "y": 0.5, "z": 1.7}}},
}


def built(
    spec: Tree, loss: str = "squared_error", rule: Any = "predictive_coding", **inference: Any
):
    energy = {"precision": 1.0, **spec.get("energy", {}), "loss": loss}
    network = EnergyNetwork(
        {**spec, "energy": energy, "learning": {"rule": rule}, "inference": inference}
    )
    rng = np.random.default_rng(3)
    return network, network.draw_params(rng), network.draw_batch(rng, 3), rng


def difference(function: Callable[[], float], entry: Array, index: Any) -> float:
    """The central difference by one entry of an array that the function reads."""
    step, before = 1e-6, entry[index]
    entry[index] = before + step
    above = function()
    entry[index] = before - step
    below = function()
    entry[index] = before
    return (above - below) / (2 * step)


def numeric(function: Callable[[], float], array: Array) -> Array:
    return np.array([difference(function, array, i) for i in np.ndindex(array.shape)]).reshape(
        array.shape
    )


def every_phase(loss: str) -> Iterator[tuple[EnergyNetwork, Tree, Tree, Tree, Phase]]:
    for rule in ("predictive_coding", {"predictive_coding": {"output": "nudge", "beta": 0.7}}):
        network, params, batch, rng = built(TANGLE, loss, rule)
        for phase in network.phases.values():
            states = {n: rng.normal(size=(3, *v.shape)) for n, v in network.nodes.items()}
            for name in phase.clamped:
                states[name] = batch[name]
            yield network, params, batch, states, phase


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_gradients_of_the_energy_are_its_finite_differences(loss: str) -> None:
    for network, params, batch, states, phase in every_phase(loss):

        def total(network=network, params=params, batch=batch, states=states, phase=phase):
            inner = sum(e.sum() for e in network.node_energies(params, states, phase).values())
            return inner + network.external_energy(states, batch, phase).sum()

        by_state = network.state_gradient(params, states, batch, phase)
        assert set(by_state) == set(network.nodes) - set(phase.clamped)
        for name, gradient in by_state.items():
            np.testing.assert_allclose(gradient, numeric(total, states[name]), atol=1e-7)
        by_params = leaves(network.energy_gradient(params, states, phase))
        for path, array in leaves(params).items():
            np.testing.assert_allclose(by_params[path], numeric(total, array) / 3, atol=1e-7)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_loss_gradient_is_the_finite_difference_of_the_mean_loss(loss: str) -> None:
    spec = {**TANGLE, "nodes": {**TANGLE["nodes"], "root": {"shape": [4], "role": "input"}}}
    network, params, batch, _ = built(spec, loss, "backprop")
    gradients = leaves(network.loss_gradient(params, batch))
    for path, array in leaves(params).items():
        expected = numeric(lambda: network.mean_loss(params, batch), array)
        np.testing.assert_allclose(gradients[path], expected, atol=1e-7)


def test_loss_is_half_the_squared_distance_or_minus_the_log_likelihood() -> None:
    network, *_ = built(CHAIN)
    assert network.loss_value(np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])) == [2.5]
    network, *_ = built(CHAIN, "cross_entropy")
    value = network.loss_value(np.array([[0.0, 1.0]]), np.log(np.array([[3.0, 1.0]])))
    np.testing.assert_allclose(value, [np.log(4)])


def test_after_a_feedforward_start_the_error_travels_one_edge_per_step() -> None:
    network, *_ = built(CHAIN)
    clamped = network.phases["clamped"]
    assert network.arrivals(clamped, {"y"}, 5) == {"y": 1, "b": 2, "a": 3}
    assert network.arrivals(clamped, {"y"}, 1) == {"y": 1, "b": 2, "a": NEVER}


def test_a_nudged_output_moves_first_and_has_an_error_from_the_second_step_on() -> None:
    network, *_ = built(CHAIN, rule={"predictive_coding": {"output": "nudge"}})
    nudged = network.phases["nudged"]
    assert network.arrivals(nudged, set(), 4) == {"y": 2, "b": 3, "a": 4}


def test_on_a_tangle_the_error_arrives_by_the_shortest_way_and_through_co_parents() -> None:
    """y -> z: both are clamped; h and c move at step 1, hence root (parent of h) at step 2."""
    network, *_ = built(TANGLE)
    arrival = network.arrivals(network.phases["clamped"], {"y", "z"}, 6)
    assert arrival == {"y": 1, "z": 1, "h": 2, "c": 2}
    network, params, batch, _ = built(TANGLE, steps=3)
    root = [states["root"] for states in network.trace(params, batch, "clamped").states]
    assert not root[1].any()
    assert root[2].all()


def test_masking_changes_nothing_beyond_rounding_under_gradient_descent() -> None:
    network, params, batch, _ = built(TANGLE, steps=6, optimizer={"sgd": {"momentum": 0.5}})
    phase = network.phases["clamped"]
    masked = network.trace(params, batch, "clamped")
    start, everything = masked.states[0], set(masked.arrival)
    unmasked = network._descend(params, batch, phase, start, everything)
    for ours, theirs in zip(masked.states, unmasked.states, strict=True):
        for name in network.nodes:
            np.testing.assert_allclose(ours[name], theirs[name], atol=1e-14)


def test_first_adam_step_moves_every_reached_unit_by_the_rate() -> None:
    network, params, batch, _ = built(CHAIN, steps=2, optimizer={"adam": {"learning_rate": 0.03}})
    states = network.trace(params, batch, "clamped").states
    np.testing.assert_allclose(np.abs(states[1]["b"] - states[0]["b"]), 0.03, rtol=1e-4)
    np.testing.assert_array_equal(states[1]["a"], states[0]["a"])


def test_small_steps_lower_the_energy_at_every_step() -> None:
    network, params, batch, _ = built(TANGLE, steps=50, init="zeros", optimizer="sgd")
    energies = network.trace(params, batch, "clamped").energies
    totals = [sum(energy.sum() for energy in row.values()) for row in energies]
    assert all(after < before for before, after in pairwise(totals))


BEAR: Tree = {
    "nodes": {
        "x": {"shape": [1], "role": "input"},
        "h": {"shape": [1]},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [{"path": "x -> h -> y", "op": {"dense": {"bias": False}}}],
}


@pytest.mark.parametrize(
    ("rule", "published"),
    [
        ("predictive_coding", [(0.8504, 0.9748), (0.7300, 0.9563), (0.6318, 0.9436)]),
        ("backprop", [(0.6400, 0.8000), (0.5145, 0.7612), (0.4446, 0.7632)]),
    ],
)
def test_interference_in_the_bear_network_is_the_published_one(
    rule: str, published: list[tuple[float, float]]
) -> None:
    """Song et al. 2024: linear 1-1-2, all weights 1, input 1, target (0, 1), rate 0.2."""
    sgd = {"sgd": {"learning_rate": 0.2}}
    network, *_ = built(BEAR, rule=rule, steps=200, optimizer=sgd)
    params = {"x->h": {"weight": np.ones((1, 1))}, "h->y": {"weight": np.ones((1, 2))}}
    batch = {"x": np.ones((1, 1)), "y": np.array([[0.0, 1.0]])}
    if rule == "predictive_coding":
        h = network.trace(params, batch, "clamped").states[-1]["h"]
        np.testing.assert_allclose(h, (1 + 1) / (1 + 2))  # (w0 + w1.y) / (1 + |w1|^2)
    for expected in published:
        gradient = network.gradients(params, batch)
        for edge in params:
            params[edge]["weight"] = params[edge]["weight"] - 0.2 * gradient[edge]["weight"]
        np.testing.assert_allclose(network.predict(params, batch)["y"][0], expected, atol=6e-5)


def test_nudged_gradient_without_hidden_nodes_is_backprops_over_one_plus_beta() -> None:
    """x_out - mu = beta/(1 + beta) (y - mu) at the minimum of 1/2|x-mu|^2 + beta/2|y-x|^2."""
    spec = {
        "nodes": {"x": {"shape": [3], "role": "input"}, "y": {"shape": [2], "role": "output"}},
        "edges": [{"from": "x", "to": "y"}],
    }
    rule = {"predictive_coding": {"output": "nudge", "beta": 0.25, "variant": "positive"}}
    network, params, batch, _ = built(spec, rule=rule, steps=400)
    loss = leaves(network.loss_gradient(params, batch))
    for path, gradient in leaves(network.gradients(params, batch)).items():
        np.testing.assert_allclose(gradient, loss[path] / 1.25, atol=1e-12)
