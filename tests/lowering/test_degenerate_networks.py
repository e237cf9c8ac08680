"""Networks at the edge of what has a meaning: no parameters, no free states, no energies."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc
from tests.exercise import exercise

Spec = dict[str, Any]

X: Spec = {"shape": [3], "role": "input"}
Y: Spec = {"shape": [3], "role": "output"}


def spec_of(nodes: Spec, *edges: Spec, **sections: Any) -> Spec:
    return {"pcc": 1, "name": "edge", "nodes": nodes, "edges": list(edges), **sections}


def trained(spec: Spec, steps: int = 1) -> tuple[pcc.CompiledModel, Any, Any]:
    """(model, state, metrics) after some steps on one batch of four, half of each class."""
    model = pcc.compile(spec)
    state = model.init_training(jax.random.key(0), horizon=10, batch_size=4)
    metrics = None
    for _ in range(steps):
        state, metrics = model.step(state, BATCH)
    return model, state, metrics


BATCH = {
    "x": np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32),
    "y": np.eye(3, dtype=np.float32)[[0, 1, 2, 0]],
}
READOUT = {"energy": {"loss": "cross_entropy"}}
REGRESSION = spec_of({"x": X, "y": {**Y, "energy": "none"}}, {"from": "x", "to": "y"}, **READOUT)
PARAMETERLESS = spec_of({"x": X, "y": Y}, {"from": "x", "to": "y", "op": "tanh"})


def test_an_edge_into_a_readout_trained_by_backprop_is_logistic_regression() -> None:
    """d/dW of the mean cross-entropy is x^T (softmax(xW + b) - y) / n."""
    spec = REGRESSION | {"learning": {"rule": "backprop", "optimizer": {"sgd": {}}}}
    model, _, metrics = trained(spec)
    params = model.init(jax.random.key(0))
    gradient = model.gradients(params, BATCH)["x->y"]
    x, y = BATCH["x"], BATCH["y"]
    logits = x @ np.asarray(params["x->y"]["weight"])
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(gradient["weight"], x.T @ (probabilities - y) / 4, atol=1e-6)
    np.testing.assert_allclose(gradient["bias"], (probabilities - y).mean(0), atol=1e-6)
    wanted = -(y * np.log(probabilities)).sum(1).mean()
    np.testing.assert_allclose(metrics["loss"], wanted, rtol=1e-5)
    assert metrics["energy"] == {"free": 0}, "no node has an energy"
    assert metrics["node_energy"] == {"free": {}}


@pytest.mark.parametrize("time", [None, {"steps": 2}, {"steps": 2, "targets": "every"}])
@pytest.mark.parametrize(
    "rule",
    [
        "backprop",
        "equilibrium_propagation",
        {"predictive_coding": {"output": "nudge", "variant": "negative"}},
    ],
    ids=["backprop", "equilibrium_propagation", "nudged"],
)
def test_networks_whose_only_states_are_inputs_do_everything(time: Any, rule: Any) -> None:
    """A nudge of the readout makes a contrast of beta C alone, which is the loss's gradient."""
    joined = {
        "x": X,
        "z": {"shape": [2], "role": "input"},
        "both": {"energy": "none", "combine": "concat"},
        "y": {**Y, "energy": "none"},
    }
    edges = [
        {"from": "x", "to": "both", "op": "identity"},
        {"from": "z", "to": "both", "op": "identity"},
        {"from": "both", "to": "y"},
    ]
    spec = spec_of(joined, *edges, **READOUT, learning={"rule": rule})
    assert exercise(spec if time is None else spec | {"time": time})


@pytest.mark.parametrize("schedule", ["constant", "cosine", "warmup_cosine", "step"])
def test_a_network_without_parameters_steps_under_every_schedule(schedule: str) -> None:
    _, state, metrics = trained(PARAMETERLESS | {"learning": {"schedule": schedule}}, steps=2)
    assert state.params == {}
    assert int(state.step) == 2
    assert metrics["gradient_norm"] == {}
    distance = np.tanh(BATCH["x"]) - BATCH["y"]
    np.testing.assert_allclose(metrics["loss"], 0.5 * (distance**2).sum(1).mean(), rtol=1e-5)


def test_a_phase_without_steps_has_trajectories_and_traces_of_its_end_alone() -> None:
    """z_il on one layer takes no inference step: its only error is there from the start."""
    spec = spec_of({"x": X, "y": Y}, {"from": "x", "to": "y"}, learning={"rule": "z_il"})
    model = pcc.compile(spec)
    state = model.init_training(jax.random.key(0))
    rows = model.trajectories(state, BATCH)["energy"]["clamped"]
    distance = BATCH["x"] @ np.asarray(state.params["x->y"]["weight"]) - BATCH["y"]
    energies = 0.5 * (distance**2).sum(1)
    np.testing.assert_allclose(rows["y"], [energies.mean()], rtol=1e-5)
    trace = model.trace(state.params, BATCH)
    np.testing.assert_allclose(trace["energies"]["y"], [energies], rtol=1e-5)
    np.testing.assert_allclose(trace["states"]["y"], [BATCH["y"]])
    assert model.diagnose(state, BATCH) is None
    broken = {**BATCH, "x": np.full((4, 3), np.nan, np.float32)}
    blame = model.diagnose(state, broken)
    assert blame is not None
    assert (blame.phase, blame.step) == ("clamped", 1)


def test_a_hidden_node_that_prediction_clamps_is_asked_for_by_name() -> None:
    """z leads nowhere and no phase of training holds it; evaluation does."""
    nodes = {"z": {"shape": [3]}, "x": X, "y": Y}
    edges = [{"from": "x", "to": "y"}, {"from": "x", "to": "z"}]
    spec = spec_of(nodes, *edges, prediction={"clamp": ["x", "z"]})
    assert exercise(spec)
    model = pcc.compile(spec)
    state = model.init_training(jax.random.key(0))
    with pytest.raises(ValueError, match="node `z` is missing"):
        model.evaluate(state.params, state.aux, BATCH, np.ones(4, np.float32))


def test_an_input_that_nothing_reads_may_be_what_prediction_clamps() -> None:
    nodes = {"z": X, "x": X, "y": Y}
    edges = [{"from": "x", "to": "y"}, {"from": "x", "to": "z"}]
    for rule in ("predictive_coding", "backprop"):
        for held in (["z"], ["x"], ["x", "z"]):
            sections = {"prediction": {"clamp": held}, "learning": {"rule": rule}}
            assert exercise(spec_of(nodes, *edges, **sections))


def test_a_question_without_any_array_is_refused_in_words() -> None:
    spec = spec_of({"x": X, "y": Y}, {"from": "x", "to": "y"}, prediction={"clamp": []})
    model = pcc.compile(spec)
    state = model.init_training(jax.random.key(0))
    with pytest.raises(ValueError, match="no array says how many samples"):
        model.predict(state.params, {})
    assert model.predict(state.params, {}, states=BATCH)["y"].shape == (4, 3)
    with pytest.raises(ValueError, match="the batch has no arrays"):
        model.step(state, {})


def test_an_output_that_is_free_before_the_last_time_needs_a_minimum_for_fixed_point() -> None:
    """The huber energy of y counts at t = 0, where its target does not hold."""
    nodes = {"x": X, "y": {**Y, "energy": "huber"}}
    fixed = {"optimizer": "fixed_point", "init": "zeros"}
    spec = spec_of(nodes, {"from": "x", "to": "y"}, time={"steps": 2}, inference=fixed)
    with pytest.raises(pcc.SpecError, match="`y` has the energy huber") as caught:
        pcc.check(spec)
    assert [problem.code for problem in caught.value.diagnostics] == ["PC330"]
    assert exercise(spec | {"time": {"steps": 2, "targets": "every"}})


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "fixed_point", "adaptive", "anderson"])
def test_every_optimiser_of_states_may_have_none_to_move(optimizer: str) -> None:
    spec = spec_of({"x": X, "y": Y}, {"from": "x", "to": "y"}, inference={"optimizer": optimizer})
    _, _, metrics = trained(spec)
    assert np.isfinite(metrics["energy"]["clamped"])
