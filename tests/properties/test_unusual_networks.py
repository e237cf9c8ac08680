"""Networks whose free equilibrium is not the feedforward pass: predicted inputs, free roots."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import pccompiler as pcc
from tests.properties.programs import agree, expected, run
from tests.strategies import CLAMP, Case, cases, examples

NUDGE = {"predictive_coding": {"output": "nudge", "beta": 0.1, "variant": "positive"}}

INPUT: dict[str, Any] = {"shape": [2], "role": "input"}
OUTPUT: dict[str, Any] = {"shape": [2], "role": "output"}

PULLED: dict[str, Any] = {
    "pcc": 1,
    "name": "pulled",
    "nodes": {"x": INPUT, "h": {"shape": [2]}, "z": INPUT, "y": OUTPUT},
    "edges": [{"path": "x -> h -> z"}, {"from": "h", "to": "y"}],
    "inference": {"steps": 4000},
}
"""z is clamped to data and predicted by h, so that its error moves h off its own prediction."""

ROOTED: dict[str, Any] = {
    "pcc": 1,
    "name": "rooted",
    "nodes": {
        "x": {"shape": [5], "role": "input"},
        "root": {"shape": [4]},
        "h": {"shape": [7], "activation": "gelu"},
        "k": {"shape": [5], "activation": "silu"},
        "y": {"shape": [3], "role": "output", "activation": "softplus"},
    },
    "edges": [
        {"path": "x -> h -> k -> y"},
        {"from": "root", "to": "h"},
        {"from": "x", "to": "k"},
    ],
    "inference": {"steps": 6, "optimizer": "adam"},
}


def under(spec: dict[str, Any], rule: Any) -> Case:
    return Case({**spec, "learning": {"rule": rule}}, seed=0)


@examples(3)
@given(cases(rules=st.just(CLAMP), predicted_inputs=True))
def test_clamped_networks_with_predicted_inputs_are_the_references(case: Case) -> None:
    found, wanted = run(case), expected(case)
    for part in ("traces", "gradients"):
        agree(found[part], wanted[part], 1e-10)


@examples(4)
@given(cases(predicted_inputs=True))
def test_networks_with_predicted_inputs_are_the_references(case: Case) -> None:
    found, wanted = run(case), expected(case)
    if "gradients" not in wanted:
        del found["gradients"]
    agree(found, wanted, 1e-10)


def test_the_prediction_lets_the_error_of_a_predicted_input_move_the_hidden_node() -> None:
    """min 1/2|h - a|^2 + 1/2|z - hW - b|^2 is h = (a + (z - b) W^T) (1 + W W^T)^-1."""
    case = under(PULLED, CLAMP)
    params, batch = case.numbers()
    first, second, third = params["x->h"], params["h->z"], params["h->y"]
    a, w = batch["x"] @ first["weight"] + first["bias"], second["weight"]
    h = (a + (batch["z"] - second["bias"]) @ w.T) @ np.linalg.inv(np.eye(2) + w @ w.T)
    prediction = pcc.compile(case.spec).predict(params, batch)["y"]
    np.testing.assert_allclose(prediction, h @ third["weight"] + third["bias"], atol=1e-8)


def test_an_input_that_the_nudge_cannot_reach_learns_nothing_from_it() -> None:
    """x -> z and x -> y: the error of z is the same in both phases, so the contrast is zero."""
    spec = {
        **PULLED,
        "nodes": {"x": INPUT, "z": INPUT, "y": OUTPUT},
        "edges": [{"from": "x", "to": "z"}, {"from": "x", "to": "y"}],
    }
    case = under(spec, NUDGE)
    gradient = pcc.compile(case.spec).gradients(*case.numbers())["x->z"]
    for leaf in gradient.values():
        np.testing.assert_allclose(leaf, 0, atol=1e-10)


def test_a_nudge_after_a_free_phase_without_errors_is_masked_under_adam() -> None:
    """After a feedforward start with no clamped error the free relaxation moves nothing, so
    the nudged phase starts at predictions: errors that it has not reached are zero. Adam
    would turn a rounding error in their place into a step of the full rate."""
    case = under(ROOTED, NUDGE)
    agree(run(case)["traces"], expected(case)["traces"], 1e-10)


def test_backprop_through_a_relaxation_by_adam_is_finite_where_nothing_moves() -> None:
    """The free relaxation stays at the feedforward pass, so its gradient is that of backprop
    with the root held at zero."""
    case = under(ROOTED, "backprop")
    params, batch = case.numbers()
    gradient = pcc.compile(case.spec).gradients(params, batch)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    held = {**ROOTED["nodes"], "root": {"shape": [4], "role": "input"}}
    reference = under({**ROOTED, "nodes": held}, "backprop").reference()
    agree(gradient, reference.loss_gradient(params, {**batch, "root": np.zeros((3, 4))}), 1e-10)
