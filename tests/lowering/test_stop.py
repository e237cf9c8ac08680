"""Stopping by residual: each sample by itself, and never beyond the limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from tests.lowering.networks import Tree, batch, close, compiled, parameters

RATE, LIMIT, RESIDUAL, FLOOR = 0.2, 200, 1e-3, 1e-4


def stopping(residual: float = RESIDUAL, floor: float = FLOOR, **how: Any) -> pcc.CompiledModel:
    settings = {
        "steps": LIMIT,
        "optimizer": {"sgd": {"learning_rate": RATE}},
        "stop": {"residual": residual, "floor": floor},
        **how,
    }
    return compiled(inference=settings)


def by_hand(params: Tree, given: Tree, residual: float, floor: float) -> tuple[Any, np.ndarray]:
    """(h, steps taken) per sample, from the trace of the same network without a stop.

    The gradient of step t is (x_t - x_t+1) / rate. A sample stops before the first step whose
    norm is at most residual times that of the first step, plus floor.
    """
    free = compiled(inference={"steps": LIMIT, "optimizer": {"sgd": {"learning_rate": RATE}}})
    h = np.asarray(free.trace(params, given)["states"]["h"])
    norms = np.linalg.norm((h[:-1] - h[1:]) / RATE, axis=-1)
    small = norms <= residual * norms[0] + floor
    taken = np.where(small.any(0), small.argmax(0), LIMIT)
    return h[taken, np.arange(h.shape[1])], taken


@pytest.mark.parametrize(("residual", "floor"), [(1e-1, 0.0), (1e-3, 1e-4), (1e-9, 0.05)])
def test_a_sample_stops_where_its_gradient_is_small_enough(residual: float, floor: float) -> None:
    model, given = stopping(residual, floor), batch(6)
    params = parameters(model)
    expected, taken = by_hand(params, given, residual, floor)
    assert len(set(taken)) > 1
    assert taken.max() < LIMIT
    close(model.infer(params, given)["h"], expected, 1e-12)


def test_the_mean_number_of_steps_is_reported() -> None:
    model, given = stopping(), batch(6)
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    _, taken = by_hand(state.params, given, RESIDUAL, FLOOR)
    _, metrics = model.step(state, given)
    np.testing.assert_allclose(metrics["steps"]["clamped"], taken.mean(), rtol=1e-12)


def test_batch_mates_do_not_matter() -> None:
    """Samples scaled by up to 1000 stop at very different steps; each stops as if alone."""
    model, given = stopping(), batch(5)
    scale = np.array([0.0, 1e-3, 1.0, 10.0, 1000.0])[:, None]
    given = {name: scale * values for name, values in given.items()}
    params = parameters(model)
    together = model.infer(params, given)["h"]
    for i in range(5):
        alone = model.infer(params, {name: rows[i : i + 1] for name, rows in given.items()})["h"]
        close(together[i : i + 1], alone, 1e-12)


def test_the_limit_is_never_exceeded() -> None:
    model = stopping(residual=1e-300, floor=0.0, steps=7)
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    _, metrics = model.step(state, batch())
    assert metrics["steps"]["clamped"] == 7
    fixed = compiled(inference={"steps": 7, "optimizer": {"sgd": {"learning_rate": RATE}}})
    close(model.infer(state.params, batch()), fixed.infer(state.params, batch()), 1e-13)


def test_a_sample_without_an_error_takes_no_step() -> None:
    model, given = stopping(), batch()
    params = parameters(model)
    fitted = {**given, "y": model.predict(params, {"x": given["x"]})["y"]}
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    _, metrics = model.step(replace(state, params=params), fitted)
    assert metrics["steps"]["clamped"] == 0


def test_a_trace_repeats_the_end_after_the_last_sample_has_stopped() -> None:
    model, given = stopping(), batch(4)
    params = parameters(model)
    trace = model.trace(params, given)
    end = model.infer(params, given)
    _, taken = by_hand(params, given, RESIDUAL, FLOOR)
    assert trace["states"]["h"].shape == (LIMIT + 1, 4, 3)
    after = np.asarray(trace["states"]["h"])[taken.max() :]
    np.testing.assert_array_equal(after, np.broadcast_to(end["h"], after.shape))


@pytest.mark.parametrize("rule", ["positive", "negative", "centred"])
def test_nudged_phases_stop_too(rule: str) -> None:
    learning = {"rule": {"predictive_coding": {"output": "nudge", "variant": rule}}}
    inference = {"steps": 3000, "stop": {"residual": 1e-10}}
    model = compiled(inference=inference, learning=learning)
    fixed = compiled(inference={"steps": 3000}, learning=learning)
    params = parameters(model)
    close(model.gradients(params, batch()), fixed.gradients(params, batch()), 1e-7)
