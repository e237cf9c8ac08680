"""Batch normalisation: whose statistics are used when, and how often the running ones change."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from tests.lowering.networks import Tree, close, compiled, parameters, same_bits

MOMENTUM = 0.8
EPS = 1e-5
STEPS = 3


def network(frozen: bool, steps: int = STEPS, **sections: Any) -> Any:
    """x -> h -> y with a normalisation before the second weight, where states move."""
    norm = {"batch_norm": {"momentum": MOMENTUM, "frozen": frozen, "eps": EPS}}
    edges = [{"path": "x -> h"}, {"from": "h", "to": "y", "op": [norm, "dense"]}]
    return compiled(edges=edges, inference={"steps": steps}, **sections)


def batch(size: int = 5, seed: int = 0) -> Tree:
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=(size, 4)), "y": rng.normal(size=(size, 2))}


def start(model: Any) -> Any:
    """The state before training, with other running statistics than those at first."""
    state = model.init_training(jax.random.key(0), dtype=np.float64)
    first = {"mean": np.array([0.3, -0.2, 0.1]), "variance": np.array([0.5, 2.0, 1.5])}
    aux = {"statistics": {"h->y": first}}
    return type(state)(
        parameters(model), state.optimizer_state, aux, state.step, state.key, state.horizon
    )


def statistics(h: np.ndarray) -> Tree:
    return {"mean": h.mean(0), "variance": h.var(0)}


def moved(running: Tree, measured: Tree) -> Tree:
    return {name: MOMENTUM * running[name] + (1 - MOMENTUM) * measured[name] for name in running}


@pytest.mark.parametrize("steps", [1, 4])
def test_frozen_statistics_move_once_a_step_by_those_of_the_settled_states(steps: int) -> None:
    model, given = network(True, steps), batch()
    state = start(model)
    settled = np.asarray(model.infer(state.params, given)["h"])
    after, _ = model.step(state, given)
    before, kept = (each.aux["statistics"]["h->y"] for each in (state, after))
    close(kept, moved(before, statistics(settled)), 1e-12)


@pytest.mark.parametrize("disable", [(), ("hoist", "wavefront")], ids=["passes", "no passes"])
def test_plain_statistics_also_move_at_every_inference_step(disable: tuple[str, ...]) -> None:
    """By the states before each of the T steps, and by those after the last: T + 1 times."""
    model, given = network(False, disable=disable), batch()
    state = start(model)
    rows = np.asarray(model.trace(state.params, given)["states"]["h"])
    assert len(rows) == STEPS + 1
    running = state.aux["statistics"]["h->y"]
    for row in rows:
        running = moved(running, statistics(row))
    after, _ = model.step(state, given)
    close(after.aux["statistics"]["h->y"], running, 1e-12)


def test_inference_normalises_by_the_statistics_of_the_batch() -> None:
    """The first step of h, at its prediction, by hand: only the target's error pulls."""
    model, given = network(True, 1), batch()
    params = parameters(model)
    h0 = np.tanh(given["x"] @ params["x->h"]["weight"] + params["x->h"]["bias"])
    own = params["h->y"]
    scale, bias = own["batch_norm"]["scale"], own["batch_norm"]["bias"]

    def energy(h: np.ndarray) -> float:
        normal = scale * (h - h.mean(0)) / np.sqrt(h.var(0) + EPS) + bias
        mu = normal @ own["dense"]["weight"] + own["dense"]["bias"]
        return 0.5 * ((given["y"] - mu) ** 2).sum() + 0.5 * ((h - h0) ** 2).sum()

    slope = np.zeros_like(h0)
    for index in np.ndindex(*h0.shape):
        nudge = np.zeros_like(h0)
        nudge[index] = 1e-6
        slope[index] = (energy(h0 + nudge) - energy(h0 - nudge)) / 2e-6
    close(model.infer(params, given)["h"], h0 - 0.1 * slope, 1e-9)


def test_a_prediction_uses_the_running_statistics_and_not_its_batch() -> None:
    model, given = network(True), batch()
    state = start(model)
    params, aux = state.params, state.aux["statistics"]["h->y"]
    h = np.tanh(given["x"] @ params["x->h"]["weight"] + params["x->h"]["bias"])
    own = params["h->y"]
    normal = (h - aux["mean"]) / np.sqrt(aux["variance"] + EPS)
    normal = own["batch_norm"]["scale"] * normal + own["batch_norm"]["bias"]
    mu = normal @ own["dense"]["weight"] + own["dense"]["bias"]
    found = model.predict(params, {"x": given["x"]}, aux=state.aux)["y"]
    close(found, mu, 1e-12)
    alone = model.predict(params, {"x": given["x"][:1]}, aux=state.aux)["y"]
    close(alone, found[:1], 1e-14)


def test_a_prediction_without_running_statistics_is_a_clear_error() -> None:
    model = network(True)
    with pytest.raises(ValueError, match=r"aux=state\.aux"):
        model.predict(parameters(model), {"x": batch()["x"]})


@pytest.mark.parametrize("frozen", [True, False])
def test_many_steps_in_one_call_keep_the_statistics_of_single_steps(frozen: bool) -> None:
    model, data = network(frozen), batch(8)
    state = start(model)
    order = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [1, 3, 5, 7]], np.int32)
    many, _, done = model.train(state, data, order, 3)
    assert done == 3
    for rows in order:
        state, _ = model.step(state, {name: values[rows] for name, values in data.items()})
    close((many.params, many.aux), (state.params, state.aux), 1e-12)


def test_a_nudged_rule_takes_the_statistics_of_its_free_phase() -> None:
    """The free phase is a feedforward pass: one update, by its states, frozen or not."""
    rule = {"rule": {"predictive_coding": {"output": "nudge"}}}
    model, given = network(False, learning=rule), batch()
    state = start(model)
    free = np.asarray(model.infer(state.params, given, phase="free")["h"])
    after, _ = model.step(state, given)
    before, kept = (each.aux["statistics"]["h->y"] for each in (state, after))
    close(kept, moved(before, statistics(free)), 1e-12)


def test_inference_with_given_statistics_leaves_samples_independent() -> None:
    model, given = network(True), batch()
    state = start(model)
    whole = model.infer(state.params, given, aux=state.aux)["h"]
    first = {name: values[:2] for name, values in given.items()}
    close(model.infer(state.params, first, aux=state.aux)["h"], whole[:2], 1e-13)
    same_bits(model.infer(state.params, first)["x"], given["x"][:2])
