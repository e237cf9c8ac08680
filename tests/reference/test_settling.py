"""The judges of fixed points and colours are judged: by minima in closed form and by descent."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.activations import Array
from tests.reference.network import Tree, leaves
from tests.reference.settling import SettlingNetwork
from tests.reference.test_energy_network import CHAIN

LINEAR: Tree = {
    "nodes": {
        "x": {"shape": [3], "role": "input"},
        "h": {"shape": [2]},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [{"path": "x -> h -> y"}],
}


def built(spec: Tree, rule: object = "predictive_coding", scale: float = 0.3, **inference: object):
    spec = {**spec, "learning": {"rule": rule}, "inference": inference}
    network, rng = SettlingNetwork(spec), np.random.default_rng(3)
    return network, network.draw_params(rng, scale), network.draw_batch(rng, 3)


def minimum(params: Tree, batch: Tree) -> Array:
    """h = (a + (y - b) W^T) (1 + W W^T)^-1 minimises 1/2 |h - a|^2 + 1/2 |y - h W - b|^2."""
    first, second = params["x->h"], params["h->y"]
    a, w = batch["x"] @ first["weight"] + first["bias"], second["weight"]
    return (a + (batch["y"] - second["bias"]) @ w.T) @ np.linalg.inv(np.eye(2) + w @ w.T)


@pytest.mark.parametrize("damping", [0.0, 0.4])
def test_fixed_points_settle_at_the_minimum(damping: float) -> None:
    optimizer = {"fixed_point": {"damping": damping}}
    network, params, batch = built(LINEAR, optimizer=optimizer, steps=200)
    h = network.trace(params, batch, "clamped").states[-1]["h"]
    np.testing.assert_allclose(h, minimum(params, batch), atol=1e-12)


def test_a_fixed_point_step_takes_a_node_to_its_prediction_and_what_its_errors_add() -> None:
    network, params, batch = built(LINEAR, optimizer="fixed_point", steps=1, init="zeros")
    h = network.trace(params, batch, "clamped").states[1]["h"]
    first, second = params["x->h"], params["h->y"]
    a = batch["x"] @ first["weight"] + first["bias"]
    np.testing.assert_allclose(h, a + (batch["y"] - second["bias"]) @ second["weight"].T)


def test_states_settle_inside_the_range_of_their_node() -> None:
    """One unit between scalars: the minimum over [-0.1, 0.2] is the nearer end."""
    one = {"shape": [1]}
    nodes = {"x": {**one, "role": "input"}, "h": {**one, "range": [-0.1, 0.2]}}
    nodes["y"] = {**one, "role": "output"}
    for optimizer in ("fixed_point", {"sgd": {"learning_rate": 0.2}}):
        network, params, batch = built({**LINEAR, "nodes": nodes}, optimizer=optimizer, steps=300)
        states = network.trace(params, batch, "clamped").states
        free, _, _ = built({**LINEAR, "nodes": {**nodes, "h": one}}, optimizer="fixed_point")
        free.steps = 300
        expected = np.clip(free.trace(params, batch, "clamped").states[-1]["h"], -0.1, 0.2)
        np.testing.assert_allclose(states[-1]["h"], expected, atol=1e-12)
        assert all(np.all((row["h"] >= -0.1) & (row["h"] <= 0.2)) for row in states)


@pytest.mark.parametrize("spec", [LINEAR, CHAIN], ids=["linear", "chain"])
def test_colours_change_the_way_and_not_the_end(spec: Tree) -> None:
    sgd = {"sgd": {"learning_rate": 0.1}}
    network, params, batch = built(spec, optimizer=sgd, steps=3000)
    together = network.trace(params, batch, "clamped").states
    free = [name for name in network.nodes if name not in network.inputs + network.outputs]
    network.colours = {"clamped": tuple((name,) for name in free)}
    by_turns = network.trace(params, batch, "clamped").states
    moved = any(np.abs(together[3][n] - by_turns[3][n]).max() > 1e-6 for n in free)
    assert moved == (len(free) > 1)
    for name in free:
        np.testing.assert_allclose(together[-1][name], by_turns[-1][name], atol=1e-9)


def test_of_two_colours_the_second_sees_what_the_first_has_done() -> None:
    network, params, batch = built(CHAIN, optimizer="fixed_point", steps=1, init="zeros")
    network.colours = {"clamped": (("b",), ("a",))}
    start, end = network.trace(params, batch, "clamped").states
    phase = network.phases["clamped"]
    b = start["b"] - network.state_gradient(params, start, batch, phase)["b"]
    between = {**start, "b": b}
    a = between["a"] - network.state_gradient(params, between, batch, phase)["a"]
    np.testing.assert_allclose(end["b"], b, atol=1e-15)
    np.testing.assert_allclose(end["a"], a, atol=1e-15)


@pytest.mark.parametrize("variant", ["positive", "negative", "centred"])
def test_an_output_held_part_of_the_way_teaches_a_single_edge_the_gradient(variant: str) -> None:
    """Without hidden nodes x_out - mu = -beta dC/dmu, so dE/dparams is beta times backprop's."""
    nodes = {"x": LINEAR["nodes"]["x"], "y": LINEAR["nodes"]["y"]}
    spec = {"nodes": nodes, "edges": [{"from": "x", "to": "y"}]}
    rule = {"predictive_coding": {"output": "clamp_nudge", "beta": 0.3, "variant": variant}}
    network, params, batch = built(spec, rule)
    loss = leaves(network.loss_gradient(params, batch))
    for path, gradient in leaves(network.gradients(params, batch)).items():
        np.testing.assert_allclose(gradient, loss[path], atol=1e-13)


def test_an_output_held_part_of_the_way_keeps_its_gaussian_energy() -> None:
    rule = {"predictive_coding": {"output": "clamp_nudge", "beta": 0.3, "variant": "positive"}}
    network, params, batch = built(LINEAR, rule, steps=300, optimizer="fixed_point")
    trace = network.trace(params, batch, "nudged")
    start = network.trace(params, batch, "free").states[-1]
    held = start["y"] - 0.3 * (start["y"] - batch["y"])
    np.testing.assert_allclose(trace.states[0]["y"], held, atol=1e-14)
    h = trace.states[-1]["h"]
    np.testing.assert_allclose(h, minimum(params, {**batch, "y": held}), atol=1e-12)
    mu = network.prediction(params, trace.states[-1], "y")
    energy = ((held - mu) ** 2).sum(axis=-1) / 2
    np.testing.assert_allclose(trace.energies[-1]["y"], energy, atol=1e-14)
