"""Feedback alignment against its equations in NumPy, and against backpropagation."""

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

FEEDBACK = {"learning": {"rule": "feedback_alignment"}}


def trained(spec: Any, seed: int = 0, samples: int = 5) -> tuple[Any, Any]:
    model = pcc.compile(spec)
    state = model.init_training(jax.random.key(seed), dtype=jnp.float64, batch_size=samples)
    return model, state


def reference(network: DenseNetwork, params: Any, feedback: Any, x: Array, y: Array) -> Any:
    """One pass back by hand: errors go to a source through `feedback` where there is some."""
    states, slopes = network.forward(params, x)
    errors = {"y": states["y"] - y}
    gradient: dict[str, Any] = {}
    for node in reversed(list(network.sizes)):
        if node == "x":
            continue
        arriving = errors[node] * slopes[node]
        for a, b in network.into(node):
            name = f"{a}->{b}"
            gradient[name] = {
                "weight": states[a].T @ arriving / len(x),
                "bias": arriving.mean(axis=0),
            }
            if a != "x":
                back = arriving @ feedback[name]["weight"].T
                errors[a] = errors[a] + back if a in errors else back
    return gradient


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_one_pass_back_through_the_feedback_weights(seed: int) -> None:
    network = random_network(seed)
    model, state = trained(network.spec | FEEDBACK, seed)
    x, y = data_for(network, seed)
    found = model.gradients(state.params, {"x": x, "y": y}, aux=state.aux)
    feedback = as_numpy(state.aux["rule"]["arrays"])
    assert feedback.keys() == {f"{a}->{b}" for a, b in network.edges if a != "x"}
    expected = reference(network, as_numpy(state.params), feedback, x, y)
    assert largest_difference(as_numpy(found), expected) < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_with_the_weights_themselves_as_feedback_it_is_backpropagation(seed: int) -> None:
    network = random_network(seed)
    model, state = trained(network.spec | FEEDBACK, seed)
    x, y = data_for(network, seed)
    own = {edge: {"weight": state.params[edge]["weight"]} for edge in state.aux["rule"]["arrays"]}
    aux = {"rule": {"arrays": own, "optimizer": {}}}
    found = model.gradients(state.params, {"x": x, "y": y}, aux=aux)
    backprop = pcc.compile(network.spec | {"learning": {"rule": "backprop"}})
    expected = backprop.gradients(state.params, {"x": x, "y": y})
    assert largest_difference(as_numpy(found), as_numpy(expected)) < 1e-12


CONVOLUTIONS: dict[str, Any] = {
    "pcc": 1,
    "name": "convolutions",
    "nodes": {
        "x": {"shape": [4, 4, 2], "role": "input"},
        "a": {"activation": "tanh"},
        "sum": {"shape": [12], "energy": "none"},
        "y": {"shape": [3], "role": "output"},
    },
    "edges": [
        {"from": "x", "to": "a", "op": {"conv": {"channels": 3, "kernel": 3, "padding": 1}}},
        {
            "from": "a",
            "to": "sum",
            "op": [
                {"conv": {"channels": 4, "kernel": 2, "padding": 0}},
                "tanh",
                {"conv": {"channels": 3, "kernel": 2, "padding": 0}},
                "flatten",
            ],
        },
        {"from": "a", "to": "sum", "kind": "skip", "name": "around", "op": ["flatten", "dense"]},
        {"from": "sum", "to": "y"},
    ],
    "energy": {"loss": "cross_entropy"},
}


def test_pipelines_of_convolutions_and_nodes_without_a_state_are_gone_back_through_too() -> None:
    model, state = trained(CONVOLUTIONS | FEEDBACK)
    own = state.aux["rule"]["arrays"]
    assert {name: sorted(arrays) for name, arrays in own.items()} == {
        "a->sum": ["weight0", "weight2"],
        "around": ["weight"],
        "sum->y": ["weight"],
    }
    params = state.params
    aligned = {
        "a->sum": {
            "weight0": params["a->sum"]["conv"]["weight"],
            "weight2": params["a->sum"]["conv2"]["weight"],
        },
        **{edge: {"weight": params[edge]["weight"]} for edge in ("around", "sum->y")},
    }
    batch = {
        "x": np.random.default_rng(0).normal(size=(5, 4, 4, 2)),
        "y": np.eye(3)[[0, 1, 2, 0, 1]],
    }
    aux = {"rule": {"arrays": aligned, "optimizer": {}}}
    found = model.gradients(params, batch, aux=aux)
    backprop = pcc.compile(CONVOLUTIONS | {"learning": {"rule": "backprop"}})
    expected = backprop.gradients(params, batch)
    assert largest_difference(as_numpy(found), as_numpy(expected)) < 1e-12
    random = as_numpy(model.gradients(params, batch, aux=state.aux))
    # what no feedback weight stands before is that of backpropagation
    assert largest_difference(random["sum->y"], as_numpy(expected)["sum->y"]) < 1e-12
    assert largest_difference(random["x->a"], as_numpy(expected)["x->a"]) > 1e-3


def test_the_feedback_weights_stay_as_they_were_drawn() -> None:
    network = random_network(0)
    model, state = trained(network.spec | FEEDBACK)
    x, y = data_for(network, 0)
    after, _ = model.step(state, {"x": x, "y": y})
    before = as_numpy(state.aux["rule"]["arrays"])
    assert largest_difference(as_numpy(after.aux["rule"]["arrays"]), before) == 0
    assert largest_difference(as_numpy(after.params), as_numpy(state.params)) > 0


def test_gradients_without_the_arrays_of_the_rule_are_refused() -> None:
    network = random_network(0)
    model, state = trained(network.spec | FEEDBACK)
    x, y = data_for(network, 0)
    with pytest.raises(ValueError, match=r"aux=state\.aux"):
        model.gradients(state.params, {"x": x, "y": y})


def test_a_network_with_a_cycle_is_refused_with_what_to_do() -> None:
    network = random_network(0)
    spec = network.spec | FEEDBACK | {"time": {"steps": 3}}
    spec["edges"].append({"from": "h1", "to": "h1", "kind": "recurrent"})
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(spec)
    [problem] = caught.value.diagnostics
    assert problem.code == "PC329"
    assert "recurrent" in problem.message
    assert "backprop" in problem.help
