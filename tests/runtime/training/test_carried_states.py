"""What a rule carries from batch to batch: states under `init: previous`, and a growing beta."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc
from runtime.training.compare import split_rules
from runtime.training.fit import resume
from tests.runtime.helpers import Spec, bits, changed, train

PREVIOUS: dict[str, Any] = {
    "energy": {"form": "hopfield"},
    "inference": {
        "init": "previous",
        "optimizer": "fixed_point",
        "steps": {"free": 3, "nudged": 2, "nudged_negative": 2},
    },
    "learning": {"rule": {"equilibrium_propagation": {"beta": 0.2, "beta_growth": 0.1}}},
}


def carrying(tiny: Spec) -> Spec:
    return {key: value for key, value in tiny.items() if key not in PREVIOUS} | PREVIOUS


def numbers(seed: int, samples: int = 4) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {"x": generator.normal(size=(samples, 6)), "y": np.eye(3)[np.arange(samples) % 3]}


def moved(before: Any, after: Any) -> Any:
    return jax.tree.map(lambda a, b: np.asarray(b) - np.asarray(a), before.params, after.params)


def test_a_step_starts_where_the_free_phase_of_the_one_before_ended(tiny: Spec) -> None:
    spec = carrying(tiny) | {"learning": {"rule": "contrastive_hebbian", "optimizer": "sgd"}}
    model = pcc.compile(spec, ["inference.steps=3"])
    with jax.enable_x64(True):
        state = model.init_training(jax.random.key(0), dtype=np.float64, batch_size=4)
        assert all((np.asarray(x) == 0).all() for x in state.aux["states"].values())
        first, second = numbers(1), numbers(2)
        after, _ = model.step(state, first)
        ends = model.infer(state.params, first, phase="free")
        for name in ("h", "y"):
            np.testing.assert_allclose(after.aux["states"][name], ends[name], atol=1e-13)
        last, _ = model.step(after, second)
        gradient = model.gradients(after.params, second, states=after.aux["states"])
        fresh = model.gradients(after.params, second)
        for edge, change in moved(after, last).items():
            np.testing.assert_allclose(
                change["weight"], -0.01 * gradient[edge]["weight"], atol=1e-13
            )
            assert abs(gradient[edge]["weight"] - fresh[edge]["weight"]).max() > 1e-6


def test_beta_grows_after_each_epoch_up_to_one(tiny: Spec) -> None:
    rule = {"equilibrium_propagation": {"beta": 0.3, "variant": "positive", "beta_growth": 0.5}}
    spec = carrying(tiny) | {
        "learning": {"rule": rule, "optimizer": "sgd"},
        "training": {"epochs": 3},
    }
    fixed = {"equilibrium_propagation": {"beta": 1.0, "variant": "positive"}}
    growing = pcc.compile(spec, ["inference.init=zeros"])
    whole = pcc.compile(
        spec | {"learning": {"rule": fixed, "optimizer": "sgd"}}, ["inference.init=zeros"]
    )
    with jax.enable_x64(True):
        state = growing.init_training(jax.random.key(0), horizon=6, dtype=np.float64)
        betas = {0: 0.3, 2: 0.8, 4: 1.0}
        for step in range(6):
            after, metrics = growing.step(state, numbers(step))
            if step in betas:
                external = float(metrics["energy"]["nudged"])
                same = whole.energy(
                    state.params,
                    whole.infer(state.params, numbers(step), phase="nudged"),
                    numbers(step),
                    phase="nudged",
                )["total"].mean()
                assert (abs(external - float(same)) < 1e-12) == (betas[step] == 1.0)
            state = after
        with pytest.raises(ValueError, match="horizon"):
            growing.init_training(jax.random.key(0))


def test_carried_states_survive_a_resume_bit_by_bit(tiny: Spec, tmp_path: Path) -> None:
    spec = carrying(tiny)
    whole = train(spec, tmp_path / "whole", training={"epochs": 3})
    states = whole.state().aux["states"]
    assert any((np.asarray(x) != 0).any() for x in states.values())
    train(changed(spec, training={"epochs": 3}), tmp_path / "again")
    assert bits(whole) == bits(pcc_run(tmp_path / "again"))
    short = train(
        spec,
        tmp_path / "short",
        training={"epochs": 2},
        learning={"rule": "contrastive_hebbian"},
        inference={"steps": 3},
    )
    more = resume(short.path, ["training.epochs=3"], plots=False, allow_changed=True)
    straight = train(
        spec,
        tmp_path / "straight",
        training={"epochs": 3},
        learning={"rule": "contrastive_hebbian"},
        inference={"steps": 3},
    )
    assert bits(more) == bits(straight)


def pcc_run(path: Path) -> Any:
    from runtime.training.opened_run import load_run

    return load_run(path)


def test_a_batch_of_another_size_starts_at_zero(tiny: Spec) -> None:
    spec = carrying(tiny)
    model = pcc.compile(spec)
    state = model.init_training(jax.random.key(0), horizon=6, batch_size=4)
    after, _ = model.step(state, numbers(0))
    energies = model.trajectories(after, numbers(1, samples=2))["energy"]["free"]
    start = model.trace(after.params, numbers(1, samples=2), phase="free")["energies"]
    for node, row in energies.items():
        np.testing.assert_allclose(row[0], start[node][0].mean(), rtol=1e-5, atol=1e-6)


def test_commas_inside_the_options_of_a_rule_do_not_split_it() -> None:
    text = "{equilibrium_propagation: {beta: 0.1, variant: positive}}, backprop,z_il"
    assert split_rules(text) == (
        "{equilibrium_propagation: {beta: 0.1, variant: positive}}",
        "backprop",
        "z_il",
    )
