"""Whole runs of a tiny network: what they write, and that resuming changes no bit."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pccompiler.diagnostics.diagnostic import DataError, SpecError
from runtime.host.signals import Interrupted
from runtime.runs.run_folder import RunFolder
from runtime.training.evaluation import Evaluator
from runtime.training.fit import fit, resume
from runtime.training.opened_run import Run, load_run
from runtime.training.reporter import EpochReport, Silent, Start, StepReport
from tests.runtime.helpers import Spec, bits, changed, timeless, train

# -- what a run leaves -------------------------------------------------------------------


def test_a_run_folder_holds_all_that_a_run_is(finished: Run) -> None:
    names = {path.name for path in finished.path.iterdir()} - {".lock"}
    assert names == {
        "spec.yaml",
        "environment.json",
        "preprocessing.npz",
        "metrics.jsonl",
        "checkpoints",
        "result.json",
    }


def test_the_resolved_spec_of_a_run_trains_to_the_same_bits(finished: Run, tmp_path: Path) -> None:
    again = fit(finished.path / "spec.yaml", tmp_path / "again", plots=False)
    assert bits(again) == bits(finished)


def test_metrics_have_a_line_per_step_and_the_ends_of_epochs(finished: Run) -> None:
    kinds = [line["kind"] for line in finished.metrics]
    epoch = ["step"] * 5 + ["epoch", "trajectory"]
    assert kinds[: 3 * len(epoch)] == epoch * 3
    assert set(kinds[3 * len(epoch) :]) == {"test"}
    first = finished.metrics[0]
    assert {"loss", "accuracy", "energy", "node_energy", "gradient_norm", "steps"} <= set(first)
    assert (first["step"], first["epoch"]) == (1, 1)
    trajectory = next(line for line in finished.metrics if line["kind"] == "trajectory")
    assert len(trajectory["energy"]["clamped"]["h"]) == 3 + 1
    assert len(trajectory["state_gradient_norm"]["clamped"]["h"]) == 3


def test_the_learning_rate_of_each_step_is_a_metric(
    finished: Run, tiny: Spec, tmp_path: Path
) -> None:
    """Half a cosine over the 15 steps: 0.02 (1 + cos(pi step / 15)) / 2, steps from 0."""
    assert finished.column("learning_rate")[1].tolist() == [0.02] * 15
    run = train(tiny, tmp_path / "run", learning={"schedule": "cosine"})
    expected = 0.02 * 0.5 * (1 + np.cos(np.pi * np.arange(15) / 15))
    np.testing.assert_allclose(run.column("learning_rate")[1], expected, rtol=1e-5)


def test_log_every_thins_the_step_lines(tiny: Spec, tmp_path: Path) -> None:
    run = train(tiny, tmp_path / "run", training={"log_every": 4})
    assert run.column("loss")[0].tolist() == [4, 8, 12]


def test_columns_reach_into_nested_metrics(finished: Run) -> None:
    steps, values = finished.column("node_energy/clamped/h")
    assert steps.tolist() == list(range(1, 16))
    assert (values > 0).all()
    assert finished.column("accuracy", "epoch")[0].tolist() == [5, 10, 15]
    assert len(finished.column("node_energy/clamped/nobody")[0]) == 0


def test_training_lowers_the_loss(finished: Run) -> None:
    loss = finished.column("loss")[1]
    assert loss[-5:].mean() < 0.7 * loss[:5].mean()


def test_the_validation_accuracy_is_that_of_a_feedforward_pass_by_hand(finished: Run) -> None:
    data = finished.session.data.validation
    params = jax.tree.map(np.asarray, finished.params)
    hidden = np.tanh(data["x"] @ params["x->h"]["weight"] + params["x->h"]["bias"])
    output = hidden @ params["h->y"]["weight"] + params["h->y"]["bias"]
    accuracy = (output.argmax(1) == data["y"].argmax(1)).mean()
    loss = 0.5 * ((output - data["y"]) ** 2).sum(1).mean()
    last = [line for line in finished.metrics if line["kind"] == "epoch"][-1]
    assert last["accuracy"] == pytest.approx(accuracy)
    assert last["loss"] == pytest.approx(loss, rel=1e-5)
    assert last["method"] == "feedforward"


def test_scores_do_not_depend_on_how_a_split_is_batched(
    finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, state = finished.session, finished.state()
    scores = []
    for size in (1, 7, 500):
        monkeypatch.setattr("runtime.training.evaluation.LARGEST_BATCH", size)
        evaluate = Evaluator(session.model, session.data.train, classes=True, batch=1)
        scores.append(evaluate(state.params, state.aux))
    assert scores[0].accuracy == scores[1].accuracy == scores[2].accuracy
    assert scores[0].samples == scores[2].samples == 43
    assert scores[0].loss == pytest.approx(scores[2].loss, rel=1e-6)


def test_numbers_as_targets_have_a_loss_and_no_accuracy(
    tiny: Spec, tmp_path: Path, blobs: Path
) -> None:
    spec = changed(tiny, data={"source": {"npz": {"path": str(blobs), "target": "value"}}})
    spec["nodes"]["y"]["shape"] = [1]
    run = train(spec, tmp_path / "run")
    assert run.best is not None
    assert run.best.metric == "loss"
    assert not any("accuracy" in line for line in run.metrics)
    assert run.evaluate("test").accuracy is None


def test_a_run_without_validation_and_test_trains(tiny: Spec, tmp_path: Path) -> None:
    run = train(tiny, tmp_path / "run", data={"validation": 0.0, "test": 0.0})
    assert run.best is None
    assert run.result is not None
    assert run.result["step"] == 21
    with pytest.raises(SpecError, match=r"PC512.*has no test split"):
        run.evaluate("test")


def test_the_best_checkpoint_is_kept_and_scored(tiny: Spec, tmp_path: Path) -> None:
    # With a huge rate after the first epochs the last parameters are not the best.
    run = train(
        tiny,
        tmp_path / "run",
        training={"epochs": 8, "monitor": "loss", "keep_checkpoints": 1},
        learning={"optimizer": {"sgd": {"learning_rate": 0.9}}},
    )
    best = run.best
    assert best is not None
    epochs = [line for line in run.metrics if line["kind"] == "epoch"]
    losses = [line["loss"] for line in epochs]
    assert best.value == pytest.approx(min(losses))
    assert best.epoch == 1 + int(np.argmin(losses))
    assert run.evaluate("validation", "best").loss == pytest.approx(best.value, rel=1e-6)
    assert len(list((run.path / "checkpoints").iterdir())) <= 2


def test_early_stopping_ends_after_patience_epochs_without_improvement(
    tiny: Spec, tmp_path: Path
) -> None:
    stop = {"patience": 2, "min_delta": 10.0}
    run = train(tiny, tmp_path / "run", training={"epochs": 9, "early_stop": stop})
    assert run.result is not None
    assert (run.result["reason"], run.result["epoch"]) == ("early_stop", 3)
    again = resume(run.path, plots=False)
    assert again.result is not None
    assert again.result["epoch"] == 3


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ({"epochs": 2}, {10, 15}),
        ({"steps": 4}, {4, 8, 12, 15}),
        ({"minutes": 1e-9}, None),
        ({}, {15}),
    ],
)
def test_checkpoints_come_as_often_as_asked(
    tiny: Spec, tmp_path: Path, every: dict[str, Any], expected: set[int] | None
) -> None:
    training = {"checkpoint_every": every, "keep_checkpoints": 100}
    run = train(tiny, tmp_path / "run", training=training, data={"validation": 0.0})
    found = {int(path.name) for path in (run.path / "checkpoints").iterdir()}
    per_epoch = run.session.steps_per_epoch
    if expected is None:
        assert len(found) >= 3
    else:
        last = 3 * per_epoch
        scaled = {last if step == 15 else step * per_epoch // 5 for step in expected}
        assert found == (scaled if "epochs" in every or not every else {*range(4, last, 4), last})


def test_the_reporter_is_told_of_everything_in_order(tiny: Spec, tmp_path: Path) -> None:
    told: list[str] = []

    class Listener(Silent):
        def begin(self, start: Start) -> None:
            told.append(f"begin {start.total_steps}")

        def step(self, report: StepReport) -> None:
            assert report.energy > 0
            told.append("step")

        def epoch(self, report: EpochReport) -> None:
            told.append(f"epoch {report.epoch}")

        def end(self) -> None:
            told.append("end")

    fit(tiny, tmp_path / "run", reporter=Listener(), plots=False)
    assert told[0] == "begin 15"
    assert told[-1] == "end"
    assert [event for event in told if "epoch" in event] == ["epoch 1", "epoch 2", "epoch 3"]


def test_the_warnings_of_a_spec_are_told_once_and_not_when_a_run_goes_on(
    tiny: Spec, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    spec = changed(tiny, nodes={"idle": {"shape": [2]}}, training={"epochs": 1})
    spec["edges"] = [*spec["edges"], {"from": "x", "to": "idle"}]
    run = train(spec, tmp_path / "run")
    assert [str(w.message)[:7] for w in recwarn if "PC316" in str(w.message)] == ["[PC316]"]
    recwarn.clear()
    resume(run.path, plots=False)
    assert not [w for w in recwarn if "PC316" in str(w.message)]


# -- exactness ---------------------------------------------------------------------------


def test_the_length_of_calls_changes_no_bit_and_compiles_nothing_anew(
    tiny: Spec, tmp_path: Path, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "runtime.training.call_length.Pace.took", lambda *_: None
    )  # one step a call
    run = train(tiny, tmp_path / "single")
    assert bits(run) == bits(finished)
    assert timeless(run) == timeless(finished)
    assert run.model._train._cache_size() == 1  # pyright: ignore


class Signalling(Silent):
    """Sends this process a signal once a step is reached."""

    def __init__(self, number: int, step: int) -> None:
        self.number = number
        self.at = step

    def step(self, report: StepReport) -> None:
        if report.step >= self.at:
            os.kill(os.getpid(), self.number)
            self.at = 10**9


@pytest.mark.parametrize(
    ("number", "code", "step"),
    [(signal.SIGINT, 130, 1), (signal.SIGTERM, 143, 7), (signal.SIGINT, 130, 10)],
)
def test_a_signal_saves_and_the_resumed_run_ends_in_the_same_bits(
    tiny: Spec, tmp_path: Path, finished: Run, monkeypatch: pytest.MonkeyPatch,
    number: int, code: int, step: int,
) -> None:  # fmt: skip
    monkeypatch.setattr("runtime.training.loop.CAPACITY", 2)
    handler = signal.getsignal(number)
    with pytest.raises(Interrupted) as stopped:
        fit(tiny, tmp_path / "run", reporter=Signalling(number, step), plots=False)
    assert stopped.value.exit_code == code
    assert step <= stopped.value.step <= step + 1
    assert signal.getsignal(number) is handler
    assert load_run(tmp_path / "run").result is None
    monkeypatch.setattr("runtime.training.loop.CAPACITY", 64)
    resumed = resume(tmp_path / "run", plots=False)
    assert bits(resumed) == bits(finished)
    assert timeless(resumed) == timeless(finished)


def test_killed_before_the_first_checkpoint_a_run_begins_at_step_0(
    tiny: Spec, tmp_path: Path, finished: Run
) -> None:
    folder = RunFolder.create("tiny", tmp_path / "run")
    folder.write_spec(finished.folder.spec.read_text())  # nothing else was written yet
    folder.metrics.append([{"kind": "step", "step": 1, "loss": 99.0}])
    resumed = resume(folder.path, plots=False)
    assert bits(resumed) == bits(finished)
    assert timeless(resumed) == timeless(finished)


def test_resuming_a_finished_run_changes_nothing(finished: Run) -> None:
    before, lines = bits(finished), timeless(finished)
    again = resume(finished.path, plots=False)
    assert bits(again) == before
    assert timeless(again) == lines


def test_a_run_that_stopped_early_is_finished_too(tiny: Spec, tmp_path: Path) -> None:
    stop = {"epochs": 30, "early_stop": {"patience": 1, "min_delta": 10.0}}
    starts: list[Start] = []

    class Listener(Silent):
        def begin(self, start: Start) -> None:
            starts.append(start)

    run = train(tiny, tmp_path / "run", training=stop)
    resume(run.path, reporter=Listener(), plots=False)
    assert [start.finished for start in starts] == [True]
    assert starts[0].step < starts[0].total_steps


def test_a_damaged_checkpoint_is_passed_over_and_the_run_still_ends_in_the_same_bits(
    finished: Run,
) -> None:
    before = bits(finished)
    newest = finished.folder.checkpoints().names()[0]
    path = finished.path / "checkpoints" / newest / "state.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="PC530"):
        resume(finished.path, strict=True, plots=False)
    with pytest.warns(RuntimeWarning, match=rf"PC530.*{newest}"):
        again = resume(finished.path, plots=False)
    assert bits(again) == before


def test_outputs_that_prediction_holds_are_not_scored(tmp_path: Path) -> None:
    """Their loss would be zero and their accuracy perfect."""
    spec = {
        "pcc": 1,
        "name": "held",
        "nodes": {
            "image": {"shape": [64], "role": "input"},
            "label": {"shape": [10], "role": "output"},
        },
        "edges": [{"path": "image -> label"}],
        "prediction": {"clamp": ["label"], "read": ["image"], "steps": 2},
        "data": {"source": "digits"},
        "training": {"epochs": 1},
    }
    run = fit(spec, tmp_path / "run", plots=False)
    scores = run.evaluate("test")
    assert (scores.loss, scores.accuracy) == (None, None)
