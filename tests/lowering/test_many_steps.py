"""A number of steps far beyond those taken: nothing that is kept grows with it."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc
from pccompiler.lowering import relaxation
from tests.lowering.networks import batch, spec

CAP = 10**9 - 1
STOP = {"residual": 0.05}


def trained(steps: int, **inference: Any) -> tuple[pcc.CompiledModel, Any]:
    model = pcc.compile(spec(inference={"steps": steps, **inference}))
    return model, model.init_training(jax.random.key(0))


def test_a_limit_of_a_billion_steps_keeps_the_steps_that_are_taken() -> None:
    """Energies and gradients along the steps are those of a limit of 200, to the bit."""
    far, state = trained(CAP, stop=STOP)
    near, _ = trained(200, stop=STOP)
    _, metrics = far.step(state, batch())
    found, wanted = far.trajectories(state, batch()), near.trajectories(state, batch())
    jax.tree.map(np.testing.assert_array_equal, found, wanted)
    taken = len(found["state_gradient_norm"]["clamped"]["h"])
    assert float(metrics["steps"]["clamped"]) <= taken < 200
    assert len(found["energy"]["clamped"]["h"]) == taken + 1


def test_a_step_that_is_not_finite_is_found_under_a_limit_of_a_billion() -> None:
    far, state = trained(CAP, stop=STOP)
    broken = {**batch(), "x": np.full_like(batch()["x"], np.nan)}
    blame = far.diagnose(state, broken)
    assert blame is not None
    assert (blame.phase, blame.step) == ("clamped", 1)


@pytest.mark.parametrize("stop", [None, {"residual": 1e-12}], ids=["fixed", "stopping"])
def test_of_a_long_phase_the_first_steps_and_the_end_are_recorded(
    stop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {} if stop is None else {"stop": stop}
    model, state = trained(9, **how)
    whole = model.trajectories(state, batch())
    traced = model.trace(state.params, batch())
    monkeypatch.setattr(relaxation, "LONGEST_RECORD", 4)
    model, _ = trained(9, **how)
    part = model.trajectories(state, batch())
    kept = model.trace(state.params, batch())
    for node, row in whole["energy"]["clamped"].items():
        expected = [*row[:4], row[-1]]
        np.testing.assert_allclose(part["energy"]["clamped"][node], expected, rtol=1e-6)
    for node, row in whole["state_gradient_norm"]["clamped"].items():
        found = part["state_gradient_norm"]["clamped"][node]
        np.testing.assert_allclose(found, row[:4], rtol=1e-5, atol=1e-7)
    states = np.asarray(traced["states"]["h"])
    np.testing.assert_allclose(kept["states"]["h"], [*states[:4], states[-1]], atol=1e-6)


def test_a_break_after_the_recorded_steps_is_blamed_on_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At a rate of 1e9 the states overflow float32 after a few steps, but not in the first."""
    fast = {"optimizer": {"sgd": {"learning_rate": 1e9}}}
    model, state = trained(40, **fast)
    exact = model.diagnose(state, batch())
    assert exact is not None
    assert 2 < exact.step < 40
    monkeypatch.setattr(relaxation, "LONGEST_RECORD", 2)
    model, _ = trained(40, **fast)
    late = model.diagnose(state, batch())
    assert late is not None
    assert late.step == 41
