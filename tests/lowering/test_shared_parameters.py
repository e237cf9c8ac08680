"""Parameters that several edges use, that do not learn, or that learn at another rate."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc
from tests.lowering.networks import Tree, batch, close, compiled, parameters, same_bits
from tests.lowering.test_derivatives import along, directions, finite_difference

RATE = 0.1


def network(nodes: Tree, edges: list[Tree], **sections: Any) -> pcc.CompiledModel:
    inference = {"steps": 3, "optimizer": {"sgd": {"learning_rate": 0.05}}}
    learning = {"optimizer": {"sgd": {"learning_rate": RATE}}}
    start: Tree = {"pcc": 1, "name": "shared", "nodes": nodes, "edges": edges}
    return pcc.compile({**start, "inference": inference, "learning": learning, **sections})


def numbers(model: pcc.CompiledModel, size: int = 3) -> Tree:
    rng = np.random.default_rng(3)
    names = [*model.graph.inputs, *model.graph.outputs]
    return {n: rng.normal(size=(size, *(model.graph.node[n].shape or ()))) for n in names}


def assert_gradient_is_the_energys_slope(model: pcc.CompiledModel) -> None:
    """dF/dparams at the settled states, against central differences of `model.energy`."""
    params, given = parameters(model), numbers(model)
    settled = model.infer(params, given)
    direction = directions(params)
    measured = finite_difference(
        lambda p: model.energy(p, settled)["total"].mean(), params, direction
    )
    found = along(model.gradients(params, given), direction)
    np.testing.assert_allclose(found, measured, rtol=1e-7, atol=1e-8)


def dense_pair(form: Any) -> pcc.CompiledModel:
    """x -> h -> y; y predicts h back through the transposed weight of h -> y."""
    nodes = {
        "x": {"shape": [4], "role": "input"},
        "h": {"shape": [3], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    }
    back = {"from": "y", "to": "h", "kind": "feedback", "op": {"transpose_of": "h->y"}}
    return network(nodes, [{"path": "x -> h -> y"}, back], energy={"form": form})


@pytest.mark.parametrize("errors", ["summed", "separate"])
def test_a_transposed_weight_is_one_array_that_learns_from_both_uses(errors: str) -> None:
    """By hand: from the forward error of y, and from the feedback error of h."""
    model = dense_pair({"bidirectional": {"errors": errors}})
    params, given = parameters(model), numbers(model)
    assert set(params) == {"x->h", "h->y"}
    settled = jax.tree.map(np.asarray, model.infer(params, given))
    x, h, y = given["x"], settled["h"], given["y"]
    weight, bias = params["h->y"]["weight"], params["h->y"]["bias"]
    mu = np.tanh(x @ params["x->h"]["weight"] + params["x->h"]["bias"])
    nu = np.tanh(y @ weight.T)
    error = h - nu if errors == "separate" else (h - mu) + (h - nu)
    above = y - (h @ weight + bias)
    forward = -h.T @ above / len(x)
    feedback = -(error * (1 - nu**2)).T @ y / len(x)
    found = model.gradients(params, given)["h->y"]
    assert abs(feedback).max() > 1e-3
    close(found["weight"], forward + feedback, 1e-12)
    close(found["bias"], -above.mean(0), 1e-12)


CONVOLUTIONS: Tree = {
    "plain": {"conv": {"channels": 3, "kernel": 3}},
    "strided, and not dividing": {"conv": {"channels": 3, "kernel": 3, "stride": 2}},
    "padded": {"conv": {"channels": 3, "kernel": 2, "stride": 3, "padding": 1}},
    "dilated, in groups": {"conv": {"channels": 4, "kernel": 2, "dilation": 2, "groups": 2}},
    "pooled": [{"conv": {"channels": 3, "kernel": 2}}, "tanh", {"max_pool": [7, 3]}],
    "transposed itself": {"conv_transpose": {"channels": 2, "kernel": 3, "stride": 2}},
}


@pytest.mark.parametrize("operators", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_transposed_convolution_learns_from_both_uses(operators: Any) -> None:
    nodes = {
        "x": {"shape": [7, 6, 2], "role": "input"},
        "h": {"activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    }
    edges = [
        {"from": "x", "to": "h", "op": operators},
        {"from": "h", "to": "y", "op": ["flatten", "dense"]},
        {"from": "h", "to": "x", "kind": "feedback", "op": {"transpose_of": "x->h"}},
        {"from": "y", "to": "h", "kind": "feedback", "op": {"transpose_of": "h->y"}},
    ]
    model = network(nodes, edges, energy={"form": "bidirectional"})
    assert set(parameters(model)) == {"x->h", "h->y"}
    assert_gradient_is_the_energys_slope(model)


def test_a_transposed_convolution_is_the_matrix_transpose_of_the_convolution() -> None:
    """<C x, z> = <x, C^T z> for the forward prediction of h and the feedback prediction of x."""
    convolution = {"conv": {"channels": 3, "kernel": 3, "stride": 2, "padding": 1, "bias": False}}
    nodes = {"x": {"shape": [6, 5, 2], "role": "input"}, "h": {"role": "input"}}
    edges = [
        {"from": "x", "to": "h", "op": convolution},
        {"from": "h", "to": "x", "kind": "feedback", "op": {"transpose_of": "x->h"}},
    ]
    model = network(nodes, edges, energy={"form": "bidirectional"})
    params, rng = parameters(model), np.random.default_rng(4)
    x = rng.normal(size=(1, 6, 5, 2))
    z = rng.normal(size=(1, *(model.graph.node["h"].shape or ())))

    def energies(x: Any, h: Any) -> Any:
        return {n: float(e[0]) for n, e in model.energy(params, {"x": x, "h": h})["nodes"].items()}

    # 1/2 |h - C x|^2 = 1/2 |h|^2 - <h, C x> + 1/2 |C x|^2, and the same for C^T
    forward = 0.5 * (z**2).sum() + energies(x, 0 * z)["h"] - energies(x, z)["h"]
    backward = 0.5 * (x**2).sum() + energies(0 * x, z)["x"] - energies(x, z)["x"]
    np.testing.assert_allclose(backward, forward, rtol=1e-12)


@pytest.mark.parametrize(
    "operator",
    ["dense", {"conv": {"channels": 2, "kernel": 3, "padding": 1}}],
    ids=["dense", "convolution"],
)
def test_tied_edges_share_one_leaf_and_learn_from_both(operator: Any) -> None:
    shape = [3] if operator == "dense" else [4, 5, 2]
    last = "dense" if operator == "dense" else ["flatten", "dense"]
    nodes = {
        "x": {"shape": shape, "role": "input"},
        "h[1..2]": {"shape": shape, "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    }
    edges = [
        {"from": "x", "to": "h1", "op": operator},
        {"from": "h1", "to": "h2", "op": operator, "tied_to": "x->h1"},
        {"from": "h2", "to": "y", "op": last},
    ]
    model = network(nodes, edges)
    assert set(parameters(model)) == {"x->h1", "h2->y"}
    assert_gradient_is_the_energys_slope(model)


def test_the_gradient_of_tied_edges_is_the_sum_of_those_of_free_ones() -> None:
    nodes = {
        "x": {"shape": [3], "role": "input"},
        "h[1..2]": {"shape": [3], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    }

    def chain(second: Tree) -> pcc.CompiledModel:
        edges = [{"from": "x", "to": "h1"}, {"from": "h1", "to": "h2", **second}]
        return network(nodes, [*edges, {"from": "h2", "to": "y"}])

    tied, free = chain({"tied_to": "x->h1"}), chain({})
    params = parameters(tied)
    given = numbers(tied)
    apart = free.gradients({**params, "h1->h2": params["x->h1"]}, given)
    total = jax.tree.map(lambda a, b: a + b, apart["x->h1"], apart["h1->h2"])
    close(tied.gradients(params, given)["x->h1"], total, 1e-12)


def test_parameters_that_are_not_trainable_keep_their_bits_under_weight_decay() -> None:
    edges = [{"path": "x -> h", "trainable": False}, {"path": "h -> y"}]
    decay = {"adamw": {"learning_rate": 0.1, "weight_decay": 0.5}}
    model = compiled(edges=edges, learning={"optimizer": decay})
    state = model.init_training(jax.random.key(0), dtype=np.float64)
    after = state
    for seed in range(3):
        after, _ = model.step(after, batch(seed=seed))
    same_bits(after.params["x->h"], state.params["x->h"])
    assert (after.params["h->y"]["weight"] != state.params["h->y"]["weight"]).all()


def test_a_learning_rate_scale_of_a_half_halves_the_update() -> None:
    halved = compiled(edges=[{"path": "x -> h", "learning_rate_scale": 0.5}, {"path": "h -> y"}])
    state = halved.init_training(jax.random.key(0), dtype=np.float64)
    gradient = halved.gradients(state.params, batch())
    after, _ = halved.step(state, batch())
    moved = jax.tree.map(lambda new, old: new - old, after.params, state.params)
    close(moved["x->h"], jax.tree.map(lambda g: -0.5 * RATE * g, gradient["x->h"]), 1e-15)
    close(moved["h->y"], jax.tree.map(lambda g: -RATE * g, gradient["h->y"]), 1e-15)
