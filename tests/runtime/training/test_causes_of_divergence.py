"""What a training that diverged is blamed on: where the first bad number arose decides."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pccompiler.components.optimizers import OPTIMIZERS
from pccompiler.components.state_optimizers import STATE_OPTIMIZERS
from pccompiler.diagnostics.diagnostic import Diagnostic, RunError
from pccompiler.driver import check
from pccompiler.spec.resolved import values_of
from runtime.training import divergence
from runtime.training.fit import fit
from runtime.training.reporter import Silent
from tests.runtime.helpers import Spec, changed


class Deaf(Silent):
    """Warnings of what these specs ask for are tried elsewhere."""

    def warn(self, warning: Diagnostic) -> None: ...


def failure(spec: Spec, folder: Path) -> Diagnostic:
    with pytest.raises(RunError) as raised:
        fit(spec, folder, reporter=Deaf(), plots=False)
    [diagnostic] = raised.value.diagnostics
    assert diagnostic.code == "PC540"
    return diagnostic


def test_data_whose_squares_overflow_is_named_and_no_rate_is(tiny: Spec, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "large.npz"
    np.savez(path, x=1e25 * rng.normal(size=(60, 6)), y=rng.normal(size=(60, 3)) * 1e25)
    spec = changed(tiny, data={"source": {"npz": str(path)}, "standardize": "none"})
    told = failure(spec, tmp_path / "run")
    assert "at step 1 " in told.message
    assert "whose squares are beyond float32" in told.message
    assert "learning_rate" not in told.help
    assert "scale near 1" in told.help


def test_initial_parameters_that_overflow_are_named_and_no_rate_is(
    tiny: Spec, tmp_path: Path
) -> None:
    op = {"dense": {"weight_init": {"normal": 1e30}}}
    spec = changed(tiny)
    spec["edges"] = [{"from": "x", "to": "h"}, {"from": "h", "to": "y", "op": op}]
    told = failure(spec, tmp_path / "run")
    assert "no rate is the cause" in told.message
    assert "initial parameters of `h->y` up to" in told.message
    assert "learning_rate" not in told.help


def test_a_precision_that_makes_steps_overshoot_is_named(tiny: Spec, tmp_path: Path) -> None:
    spec = changed(tiny, inference={"steps": 60})
    spec["energy"] = {"precision": {"per_node": {"h": 100}}}
    told = failure(spec, tmp_path / "run")
    assert "rate 0.1 times curvature 100 of `h`" in told.message
    assert "learning_rate of inference.optimizer (now 0.1) below 0.02" in told.help
    assert "or the precision of `h`" in told.help
    assert "learning.optimizer" not in told.help
    assert told.path == "inference.optimizer.sgd.learning_rate"


def test_a_relaxation_that_runs_away_before_any_update_is_blamed_on_its_own_rate(
    tiny: Spec, tmp_path: Path
) -> None:
    """Strong weights: the curvature comes from the node above, which no precision shows."""
    strong: Any = {"dense": {"weight_init": {"normal": 30.0}}}
    spec = changed(tiny, inference={"steps": 60}, learning={"optimizer": {"sgd": {}}})
    spec["learning"]["optimizer"] = {"sgd": {"learning_rate": 1e-8}}
    spec["nodes"]["h"]["activation"] = "identity"
    spec["edges"] = [{"from": "x", "to": "h"}, {"from": "h", "to": "y", "op": strong}]
    told = failure(spec, tmp_path / "run")
    assert "runs away" in told.message
    assert "lower the learning_rate of inference.optimizer (now 0.1)" in told.help
    assert "learning.optimizer" not in told.help


def test_an_eps_of_zero_in_float32_is_named(tiny: Spec, tmp_path: Path) -> None:
    """A unit that is always zero has a gradient of zero: 0 / (0 + eps)."""
    rng = np.random.default_rng(0)
    path = tmp_path / "zeros.npz"
    x = rng.normal(size=(60, 6))
    x[:, 0] = 0
    np.savez(path, x=x, y=np.arange(60) % 3)
    optimizer = {"adam": {"learning_rate": 0.01, "eps": 1e-46}}
    spec = changed(tiny, data={"source": {"npz": str(path)}}, learning={"optimizer": optimizer})
    told = failure(spec, tmp_path / "run")
    assert "left the weight of `x->h` not finite" in told.message
    assert "raise learning.optimizer.adam.eps" in told.help


def test_parameters_that_have_grown_are_blamed_on_their_rate(tiny: Spec, tmp_path: Path) -> None:
    spec = changed(tiny, learning={"rule": "backprop", "optimizer": {"sgd": {}}})
    spec["learning"]["optimizer"] = {"sgd": {"learning_rate": 1e6}}
    told = failure(spec, tmp_path / "run")
    assert "lower the learning_rate of learning.optimizer (now 1e+06)" in told.help
    assert "inference" not in told.help


STATES = sorted(member.name for member in STATE_OPTIMIZERS)
PARAMETERS = sorted(member.name for member in OPTIMIZERS)


@pytest.mark.parametrize("states", STATES)
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_every_advice_names_keys_that_the_spec_has(
    tiny: Spec, states: str, parameters: str
) -> None:
    spec = changed(tiny, inference={"optimizer": states}, learning={"optimizer": parameters})
    checked = check(spec)
    session: Any = SimpleNamespace(spec=checked.spec)
    written = values_of(checked.spec)
    causes = [
        divergence.runaway_states(session, "at once"),
        divergence.grown_parameters(session, relaxed=True),
        divergence.grown_parameters(session, relaxed=False),
        divergence.broken_update(session, "a weight", 2),
    ]
    for cause in causes:
        section, _, name, key = cause.path
        assert key in written[section]["optimizer"][name], cause.path
        named = re.findall(r"the (\w+) of (\w+)\.optimizer", cause.help)
        assert named
        for key, section in named:
            [options] = written[section]["optimizer"].values()
            assert key in options, cause.help


def test_a_fixed_point_that_runs_away_at_once_is_to_be_damped(tiny: Spec, tmp_path: Path) -> None:
    strong: Any = {"dense": {"weight_init": {"normal": 30.0}}}
    spec = changed(tiny, inference={"steps": 60, "optimizer": "fixed_point"})
    spec["nodes"]["h"]["activation"] = "identity"
    spec["edges"] = [{"from": "x", "to": "h"}, {"from": "h", "to": "y", "op": strong}]
    told = failure(spec, tmp_path / "run")
    assert "at step 1 " in told.message
    assert "raise the damping of inference.optimizer (now 0)" in told.help
    assert "learning" not in told.help
    assert told.path == "inference.optimizer.fixed_point.damping"
