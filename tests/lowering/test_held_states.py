"""The keywords `clamp` and `states`: values that the caller holds, and where inference starts."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.lowering.networks import batch, close, compiled, energy, parameters, same_bits, spec

LONG = {"steps": 600, "optimizer": {"sgd": {"learning_rate": 0.3}}}
HELD = np.random.default_rng(7).normal(size=(3, 3))


def slope(params: Any, h: Any, given: Any) -> Any:
    """dF/dh of the chain, from its equations."""
    return jax.grad(lambda free: energy(params, free, given).sum())(jnp.asarray(h))


@pytest.mark.parametrize(
    "mask",
    [np.eye(3, dtype=bool), np.array([True, False, True]), np.array([[True], [False], [True]])],
    ids=["by entry", "by unit", "by sample"],
)
def test_masked_entries_are_held_and_the_others_settle(mask: np.ndarray) -> None:
    model, given = compiled(inference=LONG), batch()
    params = parameters(model)
    settled = model.infer(params, given, clamp={"h": (HELD, mask)})["h"]
    whole = np.broadcast_to(mask, HELD.shape)
    same_bits(settled[whole], HELD[whole])
    left = slope(params, settled, given)
    assert abs(left[~whole]).max() < 1e-10
    assert abs(left[whole]).min() > 1e-4


def test_an_empty_mask_holds_nothing() -> None:
    model, given = compiled(inference=LONG), batch()
    params = parameters(model)
    nothing = np.zeros((3, 3), bool)
    close(
        model.infer(params, given, clamp={"h": (HELD, nothing)})["h"],
        model.infer(params, given)["h"],
        1e-9,
    )


def test_a_mask_holds_at_every_step() -> None:
    model, given = compiled(), batch()
    mask = np.eye(3, dtype=bool)
    trace = model.trace(parameters(model), given, clamp={"h": (HELD, mask)})["states"]["h"]
    for states in trace:
        same_bits(states[mask], HELD[mask])


def test_a_fully_held_node_is_a_clamped_node() -> None:
    """x -> g -> h -> y with g held, against the same network with g bound to data."""

    def network(role: str) -> Any:
        nodes: dict[str, Any] = {
            "x": {"shape": [4], "role": "input"},
            "g": {"shape": [3], "activation": "tanh", "role": role},
            "h": {"shape": [3], "activation": "tanh"},
            "y": {"shape": [2], "role": "output"},
        }
        return compiled(nodes=nodes, edges=[{"path": "x -> g -> h -> y"}])

    free, bound = network("hidden"), network("input")
    params = parameters(free)
    close(
        free.infer(params, batch(), clamp={"g": HELD}),
        bound.infer(params, {**batch(), "g": HELD}),
    )
    close(
        free.gradients(params, batch(), clamp={"g": HELD}),
        bound.gradients(params, {**batch(), "g": HELD}),
    )


def test_a_held_output_needs_no_target_in_the_batch() -> None:
    model, given = compiled(), batch()
    params = parameters(model)
    held = model.infer(params, {"x": given["x"]}, clamp={"y": given["y"]})
    close(held, model.infer(params, given))


def test_a_prediction_completes_an_output_that_is_known_in_part() -> None:
    """With h free and y1 held, F is least where dF/dh = 0 and y2 stands at its prediction."""
    model, given = compiled(inference=LONG), batch()
    params = parameters(model)
    known = np.array([True, False])
    how: Any = {"clamp": {"y": (given["y"], known)}}
    completed = model.predict(params, {"x": given["x"]}, **how)["y"]
    same_bits(completed[:, 0], given["y"][:, 0])
    h = model.infer(params, {"x": given["x"]}, phase="prediction", **how)["h"]
    second = params["h->y"]
    predicted = h @ second["weight"] + second["bias"]
    close(completed[:, 1], predicted[:, 1], 1e-9)
    assert abs(slope(params, h, {"x": given["x"], "y": completed})).max() < 1e-9


def test_inference_starts_at_the_given_states() -> None:
    """One step of gradient descent from there: h - rate dF/dh(h)."""
    model, given = compiled(inference={"steps": 1}), batch()
    params = parameters(model)
    found = model.infer(params, given, states={"h": HELD})["h"]
    close(found, HELD - 0.1 * slope(params, HELD, given))


def test_inference_goes_on_where_it_stopped() -> None:
    """Without momentum, 5 steps and then 5 are 10, since the start is not the prediction."""
    params, given = parameters(compiled()), batch()
    five, ten = compiled(), compiled(inference={"steps": 10})
    first = five.infer(params, given)
    close(five.infer(params, given, states={"h": first["h"]}), ten.infer(params, given))


def test_given_states_do_not_move_what_the_data_hold() -> None:
    model, given = compiled(), batch()
    params = parameters(model)
    elsewhere = {name: 0 * values for name, values in given.items()}
    close(model.infer(params, given, states=elsewhere), model.infer(params, given))


def test_arguments_stay_as_they_are() -> None:
    model, given = compiled(), batch()
    params = parameters(model)
    before = jax.tree.map(np.array, (params, given, HELD))
    model.infer(params, given, states={"h": HELD}, clamp={"h": (HELD, np.eye(3, dtype=bool))})
    same_bits((params, given, HELD), before)


def test_states_come_in_the_dtype_of_the_parameters() -> None:
    model = compiled()
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), parameters(model))
    assert {str(x.dtype) for x in model.infer(params, batch()).values()} == {"float32"}
    assert {str(x.dtype) for x in model.infer(parameters(model), batch()).values()} == {"float64"}


def test_a_network_without_parameters_can_still_infer() -> None:
    nodes = {"x": {"shape": [2], "role": "input"}, "y": {"shape": [2], "role": "output"}}
    import pccompiler as pcc

    model = pcc.compile(spec(nodes=nodes, edges=[{"path": "x -> y", "op": "tanh"}]))
    values = np.ones((3, 2))
    close(model.predict(model.init(jax.random.key(0)), {"x": values})["y"], np.tanh(values), 1e-6)
