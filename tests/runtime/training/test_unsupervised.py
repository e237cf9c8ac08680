"""Networks without outputs, networks whose hidden nodes take data, and running statistics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cli
from pccompiler.diagnostics.diagnostic import SpecError
from runtime.commands.progress import summary
from runtime.prediction.predict import predict
from runtime.prediction.request import Request
from runtime.runs.run_folder import RunFolder
from runtime.training.fit import resume
from runtime.training.opened_run import Run, load_run
from runtime.training.plots import draw
from runtime.training.reporter import EpochReport
from tests.runtime.helpers import Spec, bits, changed, refusal, train


@pytest.fixture(scope="module")
def generative(blobs: Path) -> Spec:
    """A latent root that predicts the data, which is clamped at the bottom."""
    return {
        "pcc": 1,
        "name": "generative",
        "nodes": {
            "latent": {"shape": [2], "prior": {"gaussian": {}}},
            "h": {"shape": [4], "activation": "tanh"},
            "x": {"shape": [6], "role": "input"},
        },
        "edges": [{"path": "latent -> h -> x"}],
        "inference": {
            "init": {"normal": {"std": 0.1}},
            "optimizer": {"sgd": {"learning_rate": 0.1}},
            "steps": 5,
        },
        "learning": {"optimizer": {"adam": {"learning_rate": 0.02}}},
        "data": {"source": {"npz": str(blobs)}, "bind": {"x": "x"}, "batch_size": 8},
        "training": {"epochs": 4},
    }


@pytest.fixture(scope="module")
def run(generative: Spec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(generative, tmp_path_factory.mktemp("runs") / "run")


def test_without_outputs_the_energy_is_monitored_and_falls(run: Run) -> None:
    assert run.best is not None
    assert run.best.metric == "energy"
    _, energies = run.column("energy", "epoch")
    assert energies[-1] < energies[0]
    assert len(run.column("loss", "epoch")[0]) == 0


def test_the_energy_is_that_of_the_states_that_prediction_settles_in(run: Run) -> None:
    scores = run.evaluate()
    assert (scores.loss, scores.accuracy, scores.method) == (None, None, "relax(5)")
    batch = run.session.data.test
    states = run.model.infer(run.params, batch, phase="prediction")
    total = run.model.energy(run.params, states, batch, phase="prediction")["total"]
    # Both start at random; they are at rest nearly alike.
    assert scores.energy == pytest.approx(float(total.mean()), rel=0.2)


def test_scores_without_a_loss_show_the_energy_alone(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["evaluate", str(run.path)], standalone_mode=False)
    shown = capsys.readouterr().out
    assert shown.startswith("test: energy ")
    assert "loss" not in shown
    cli.main(["evaluate", str(run.path), "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["loss"] is None
    line = summary(EpochReport(5, 1, run.evaluate(), False, 1.0, None), 4)
    assert line.startswith("epoch 1/4  validation energy ")


def test_pictures_of_a_run_without_outputs_show_energies(run: Run) -> None:
    names = {path.stem for path in draw(run.folder)}
    assert names == {"energy", "inference", "gradient_norm", "state_gradient"}


def test_energies_below_zero_are_drawn_on_a_linear_axis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scales: list[str] = []
    from matplotlib.figure import Figure

    def note(figure: Figure, *_: Any, **__: Any) -> None:
        scales.append(figure.axes[0].get_yscale())

    monkeypatch.setattr(Figure, "savefig", note)
    for name, factor in (("positive", 1), ("negative", -1)):
        (tmp_path / name).mkdir()
        folder = RunFolder(tmp_path / name)
        node = {"h": factor * 2.0, "y": 1.0}
        row = {"h": [factor * 1.0, None], "y": [1.0, 2.0]}
        folder.metrics.append(
            [
                {"kind": "step", "step": 1, "node_energy": {"free": node}},
                {"kind": "trajectory", "step": 1, "epoch": 1, "energy": {"free": row}},
            ]
        )
        draw(folder)
    assert scales == ["log", "log", "linear", "linear"]


def test_a_prediction_needs_to_know_what_to_read(run: Run) -> None:
    with pytest.raises(SpecError, match=r"(?s)PC553.*no output.*--read"):
        predict(run, {"x": np.zeros((2, 6))})
    found = predict(run, {"x": np.zeros((2, 6))}, request=Request(read=("latent",)))
    assert found["latent"].shape == (2, 2)


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_a_metric_that_needs_outputs_is_refused(
    generative: Spec, tmp_path: Path, metric: str
) -> None:
    spec = changed(generative, training={"monitor": metric})
    problem = refusal(SpecError, spec, tmp_path / "run")
    assert problem.code == "PC513"
    assert problem.help is not None
    assert "energy" in problem.help


# -- hidden nodes with data --------------------------------------------------------------


def test_hidden_nodes_that_phases_hold_take_data_and_train(
    generative: Spec, blobs: Path, tmp_path: Path
) -> None:
    spec = changed(
        generative,
        nodes={"latent": {"shape": [3]}},
        data={"bind": {"x": "x", "y": "latent"}},
        training={"epochs": 30},
    )
    spec["inference"]["clamp"] = {"clamped": ["latent", "x"]}
    spec["prediction"] = {"clamp": ["latent"], "read": ["x"]}
    run = train(spec, tmp_path / "run")
    assert run.evaluate().method == "feedforward"
    assert set(run.session.data.train) == {"x", "latent"}
    imagined = predict(run, {}, request=Request({"latent": np.arange(3)}))["x"]
    raw, y = np.load(blobs)["x"], np.load(blobs)["y"]
    means = np.stack([raw[y == k].mean(0) for k in range(3)])
    nearest = np.linalg.norm(imagined[:, None] - means, axis=-1).argmin(1)
    assert nearest.tolist() == [0, 1, 2]


# -- running statistics ------------------------------------------------------------------


def test_running_statistics_are_saved_and_used(tiny: Spec, tmp_path: Path) -> None:
    normalised = {"path": "x -> h", "op": ["dense", "batch_norm"]}
    spec = tiny | {"edges": [normalised, {"path": "h -> y"}]}
    run = train(spec, tmp_path / "run")
    state, model = run.state(), run.model
    leaves = jax.tree.leaves(state.aux)
    assert leaves
    fresh = jax.tree.leaves(model.init_training(jax.random.key(1), horizon=1).aux)
    assert any((np.asarray(a) != np.asarray(b)).any() for a, b in zip(leaves, fresh, strict=True))

    shorter = train(spec, tmp_path / "shorter", training={"epochs": 1})
    more = resume(shorter.path, ["training.epochs=3"], plots=False, allow_changed=True)
    assert bits(more) == bits(run)

    raw = np.random.default_rng(0).normal(size=(7, 6)).astype(np.float32)
    together = predict(run, {"x": raw})["y"]
    alone = np.concatenate([predict(run, {"x": raw[i : i + 1]})["y"] for i in range(7)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    others = jax.tree.map(lambda leaf: leaf + 1, state.aux)
    code = run.folder.encodings()["x"].encode(raw)
    assert abs(model.predict(state.params, {"x": code}, aux=others)["y"] - together).max() > 1e-3
    test = run.session.data.test
    weight = jnp.ones(len(test["x"]))
    sums = model.evaluate(state.params, state.aux, test, weight)
    loss = float(sums["loss"]) / len(test["x"])
    assert run.evaluate().loss == pytest.approx(loss, rel=1e-5)


def test_what_a_state_carries_beside_parameters_is_saved_with_all_its_bits(
    trained: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    from runtime.runs.checkpoints import Checkpoints
    from runtime.runs.position import Position

    generator = np.random.default_rng(0)
    aux = {
        "x->h": {"mean": generator.normal(size=4).astype(np.float32), "count": np.int32(7)},
        "h->y": {"batch_norm": {"variance": np.float32([np.nextafter(1, 2), 1e-38])}},
    }
    state = replace(load_run(trained).state(), aux=jax.tree.map(jnp.asarray, aux))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state, Position(step=1, steps_per_epoch=1, horizon=1), "pcc: 1\n")
    restored = checkpoints.load("000001").restore(jax.eval_shape(lambda: state))
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    for saved, found in zip(jax.tree.leaves(state), jax.tree.leaves(restored), strict=True):
        assert np.asarray(saved).tobytes() == np.asarray(found).tobytes()
