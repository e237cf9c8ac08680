"""Which nodes are clamped when: `inference.clamp`, `prediction`, and masks in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pccompiler as pcc
from tests.lowering.networks import Tree, batch, close, compiled, parameters, same_bits

NODES: Tree = {
    "x": {"shape": [4], "role": "input"},
    "g": {"shape": [3], "activation": "tanh"},
    "h": {"shape": [3], "activation": "tanh"},
    "y": {"shape": [2], "role": "output"},
}
CHAIN: list[Tree] = [{"path": "x -> g -> h -> y"}]
BACK: list[Tree] = [
    {"from": "g", "to": "x", "kind": "feedback", "op": {"transpose_of": "x->g"}},
    {"from": "h", "to": "g", "kind": "feedback", "op": {"transpose_of": "g->h"}},
    {"from": "y", "to": "h", "kind": "feedback", "op": {"transpose_of": "h->y"}},
]
HELD = np.random.default_rng(5).normal(size=(3, 3))
LONG = {"steps": 3000, "optimizer": {"sgd": {"learning_rate": 0.1}}}


def test_a_hidden_node_can_be_held_at_data_while_learning() -> None:
    """What the spec holds in a phase is what the caller can hold too."""
    clamp = {"clamped": ["x", "h", "y"]}
    chosen = compiled(nodes=NODES, edges=CHAIN, inference={"clamp": clamp})
    plain = compiled(nodes=NODES, edges=CHAIN)
    params = parameters(plain)
    held = {**batch(), "h": HELD}
    close(chosen.infer(params, held), plain.infer(params, batch(), clamp={"h": HELD}))
    close(chosen.gradients(params, held), plain.gradients(params, batch(), clamp={"h": HELD}))


def test_an_output_left_out_of_a_phase_is_free_there() -> None:
    """With x alone held the feedforward pass is the minimum: no error, no gradient."""
    model = compiled(nodes=NODES, edges=CHAIN, inference={"clamp": {"clamped": ["x"]}})
    params = parameters(model)
    total = model.energy(params, model.infer(params, batch()))["total"]
    close(total, np.zeros(3), 1e-14)


def test_a_missing_array_of_a_held_node_is_named() -> None:
    model = compiled(nodes=NODES, edges=CHAIN, inference={"clamp": {"clamped": ["x", "h", "y"]}})
    with pytest.raises(ValueError, match="node `h` is missing"):
        model.infer(parameters(model), batch())


@pytest.mark.parametrize("errors", ["summed", "separate"])
def test_a_spec_that_predicts_from_the_label_is_a_call_that_reads_the_input(errors: str) -> None:
    form = {"form": {"bidirectional": {"errors": errors}}}
    chosen = compiled(
        nodes=NODES, edges=CHAIN + BACK, energy=form, prediction={"clamp": ["y"], "read": ["x"]}
    )
    plain = compiled(nodes=NODES, edges=CHAIN + BACK, energy=form)
    params, label = parameters(plain), {"y": batch()["y"]}
    found = chosen.predict(params, label)
    assert set(found) == {"x"}
    close(found, plain.predict(params, label, read=["x"]))


def test_an_imagined_input_stands_where_the_energy_is_flat() -> None:
    """With y held, dF/dx = 0, dF/dg = 0 and dF/dh = 0 at the end of a long relaxation."""
    import jax

    form = {"form": {"bidirectional": {"errors": "separate"}}}
    model = compiled(nodes=NODES, edges=CHAIN + BACK, energy=form, inference=LONG)
    params, label = parameters(model), {"y": batch()["y"]}
    read = ["x", "g", "h", "y"]
    states = model.predict(params, label, read=read)
    same_bits(states["y"], label["y"])

    def total(free: Tree) -> Any:
        given = {**states, **free}
        # x is free, so its term is the Gaussian one, which is what a clamped root has too
        return model.energy(params, given)["total"].sum()

    slopes = jax.grad(total)({name: states[name] for name in "xgh"})
    close(slopes, {name: np.zeros_like(states[name]) for name in "xgh"}, 1e-8)


TIME = {"steps": 4}
RECURRENT: list[Tree] = [
    {"path": "x -> g -> h -> y"},
    {"from": "g", "to": "g", "kind": "recurrent"},
]


def timed_batch() -> Tree:
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(3, 4, 4)), "y": rng.normal(size=(3, 4, 2))}


@pytest.mark.parametrize(
    ("shape", "held"),
    [((3,), "units"), ((3, 3), "samples"), ((1, 4, 1), "times"), ((3, 4, 3), "entries")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mask_has_a_time_axis_or_holds_at_all_times(shape: tuple[int, ...], held: str) -> None:
    model = compiled(nodes=NODES, edges=RECURRENT, time=TIME)
    rng = np.random.default_rng(1)
    value, mask = rng.normal(size=(3, 4, 3)), rng.random(shape) < 0.5
    whole = mask[:, None] if held == "samples" else mask
    whole = np.broadcast_to(whole, value.shape)
    found = model.infer(parameters(model), timed_batch(), clamp={"h": (value, mask)})["h"]
    np.testing.assert_array_equal(np.asarray(found == value), whole)


def test_a_value_without_time_is_held_at_all_times() -> None:
    model = compiled(nodes=NODES, edges=RECURRENT, time=TIME)
    found = model.infer(parameters(model), timed_batch(), clamp={"h": HELD})["h"]
    same_bits(found, np.repeat(HELD[:, None], 4, axis=1))


def test_the_past_that_is_held_predicts_the_future_that_is_free() -> None:
    """y feeds itself: with its first two copies held, the others follow by x <- x W + b."""
    nodes = {"y": {"shape": [2], "role": "output"}}
    edges = [{"from": "y", "to": "y", "kind": "recurrent"}]
    time = {"steps": 4, "targets": "every"}
    settling = {"steps": 4000, "optimizer": {"sgd": {"learning_rate": 0.2}}}
    start: Tree = {"pcc": 1, "name": "series", "nodes": nodes, "edges": edges, "time": time}
    model = pcc.compile({**start, "inference": settling})
    params = parameters(model)
    value = np.random.default_rng(2).normal(size=(3, 4, 2))
    mask = np.array([True, True, False, False])[None, :, None]
    found = np.asarray(model.predict(params, {}, clamp={"y": (value, mask)})["y"])
    weight, bias = params["y->y"]["weight"], params["y->y"]["bias"]
    same_bits(found[:, :2], value[:, :2])
    third = value[:, 1] @ weight + bias
    close(found[:, 2], third, 1e-8)
    close(found[:, 3], third @ weight + bias, 1e-8)


def test_a_prediction_reads_the_last_time_or_every_one() -> None:
    last = compiled(nodes=NODES, edges=RECURRENT, time={"steps": 4, "targets": "last"})
    every = compiled(nodes=NODES, edges=RECURRENT, time={"steps": 4, "targets": "every"})
    params, given = parameters(last), {"x": timed_batch()["x"]}
    whole = every.predict(params, given, read=["h", "y"])
    assert whole["h"].shape == (3, 4, 3)
    close(last.predict(params, given, read=["h", "y"]), {n: v[:, -1] for n, v in whole.items()})
