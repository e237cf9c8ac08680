"""CSV tables and TensorBoard event files say what metrics.jsonl says, also after a resume."""

from __future__ import annotations

import csv
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pccompiler.diagnostics.diagnostic import DataError, SpecError
from runtime.runs import loggers
from runtime.runs.loggers import KINDS, TensorBoardLogger, flat, open_log
from runtime.runs.metrics import Line
from runtime.runs.run_folder import RunFolder
from runtime.training.fit import resume
from runtime.training.opened_run import Run, load_run
from tests.runtime.helpers import Spec, bits, changed, full_disk, refusal, train

BOTH = {"loggers": ["csv", "tensorboard"], "checkpoint_every": {"steps": 2}}
needs_tensorboard = pytest.mark.skipif(
    find_spec("tensorboard") is None, reason="tensorboard is not installed"
)


def tables(run: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of each table, without their empty cells."""
    found = {}
    for path in run.glob("metrics_*.csv"):
        with path.open(newline="") as stream:
            rows = [{k: v for k, v in row.items() if v} for row in csv.DictReader(stream)]
        found[path.stem.removeprefix("metrics_")] = rows
    return found


def expected(run: Run) -> dict[str, list[dict[str, str]]]:
    """The same, from metrics.jsonl."""
    found: dict[str, list[dict[str, str]]] = {}
    for line in run.metrics:
        if line["kind"] in KINDS:
            row = {k: v for k, v in flat(line).items() if k != "kind" and v is not None}
            words = {k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()}
            found.setdefault(line["kind"], []).append(words)
    return found


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two tables hold the same words, numbers compared as numbers."""

    def value(word: str) -> Any:
        try:
            return float(word)
        except ValueError:
            return word

    def plain(tables: dict[str, list[dict[str, str]]]) -> Any:
        return {
            kind: [{k: value(v) for k, v in row.items()} for row in rows]
            for kind, rows in tables.items()
        }

    return plain(one) == plain(other)


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard's own reader finds in the event files, by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    reader.Reload()
    return {
        tag: [(event.step, event.value) for event in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }


def test_the_tables_hold_what_metrics_jsonl_holds(tiny: Spec, tmp_path: Path) -> None:
    run = train(tiny, tmp_path / "run", training={"loggers": ["csv"], "log_every": 2})
    found = tables(run.path)
    assert set(found) == set(KINDS)
    assert same(found, expected(run))
    assert "node_energy/clamped/h" in found["step"][0]
    assert not (run.path / "tensorboard").exists()


def test_without_loggers_there_is_only_metrics_jsonl(trained: Path) -> None:
    assert not tables(trained)
    assert not (trained / "tensorboard").exists()


@needs_tensorboard
def test_the_event_files_hold_what_metrics_jsonl_holds(tiny: Spec, tmp_path: Path) -> None:
    run = train(tiny, tmp_path / "run", training={"loggers": ["tensorboard"]})
    found = scalars(run.path)
    for tag, name, kind in [
        ("train/loss", "loss", "step"),
        ("node_energy/clamped/h", "node_energy/clamped/h", "step"),
        ("validation/accuracy", "accuracy", "epoch"),
        ("speed/seconds", "seconds", "epoch"),
        ("test/loss", "loss", "test"),
    ]:
        steps, values = run.column(name, kind)
        if kind == "test":
            steps, values = steps[:1], values[:1]
        assert [step for step, _ in found[tag]] == steps.tolist()
        assert [value for _, value in found[tag]] == pytest.approx(values, rel=1e-6)
    assert not tables(run.path)


@needs_tensorboard
def test_after_a_resume_from_an_older_step_nothing_stands_twice(tiny: Spec, tmp_path: Path) -> None:
    whole = train(tiny, tmp_path / "whole", training={**BOTH, "keep_checkpoints": 99})
    broken = shutil.copytree(whole.path, tmp_path / "broken")
    (broken / "result.json").unlink()
    for name in ("000010", "000012", "000014", "000015"):
        shutil.rmtree(broken / "checkpoints" / name)
    with (broken / "metrics_step.csv").open("a") as stream:
        stream.write("16,4,0.3")  # killed within a line
    resumed = resume(broken, plots=False)
    assert bits(resumed) == bits(whole)
    assert same(tables(broken), expected(resumed))
    found, steps = scalars(broken), resumed.column("loss")[0].tolist()
    assert [step for step, _ in found["train/loss"]] == steps == list(range(1, 16))


@needs_tensorboard
def test_loggers_that_a_resumed_run_adds_begin_at_the_beginning(tiny: Spec, tmp_path: Path) -> None:
    run = train(tiny, tmp_path / "run", training={"epochs": 1})
    more = ["training.epochs=2", "training.loggers=[csv, tensorboard]"]
    resumed = resume(run.path, more, allow_changed=True, plots=False)
    assert same(tables(run.path), expected(resumed))
    assert [step for step, _ in scalars(run.path)["train/loss"]] == list(range(1, 11))


def test_columns_that_come_later_are_added(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    lines: list[Line] = [
        {"kind": "step", "step": 1, "epoch": 1, "loss": 0.5, "energy": {"clamped": float("nan")}},
        {"kind": "step", "step": 2, "epoch": 1, "loss": None, "norm": {"a,b": 1 / 3}},
        {"kind": "trajectory", "step": 2, "epoch": 1, "energy": {"clamped": [1.0]}},
        {"kind": "step", "step": 3, "epoch": 1, "loss": 2.0},
    ]
    with open_log(folder, ["csv", "csv"], 0) as log:
        for line in lines:
            log.append([line])
    text = (tmp_path / "metrics_step.csv").read_text()
    assert text.splitlines() == [
        'step,epoch,loss,energy/clamped,"norm/a,b"',
        "1,1,0.5,,",
        "2,1,,,0.3333333",
        "3,1,2,,",
    ]
    assert [path.name for path in tmp_path.glob("*.csv")] == ["metrics_step.csv"]


def test_a_table_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "metrics_step.csv").mkdir()
    with (
        pytest.raises(DataError, match=r"PC522.*metrics_step\.csv"),
        open_log(RunFolder(tmp_path), ["csv"], 0),
    ):
        pass


@needs_tensorboard
def test_event_files_on_a_full_disk_are_a_clear_error_and_nothing_else(tmp_path: Path) -> None:
    lines = [{"kind": "step", "step": step, "epoch": 1, "loss": 0.5} for step in range(99)]
    told = r"PC522.*tensorboard/events\S+: File too large"
    # The writer of TensorBoard would raise in a thread of its own too, which fails a test.
    with full_disk(after=1000), pytest.raises(DataError, match=told):
        TensorBoardLogger(RunFolder(tmp_path), 0).append(lines)


def test_a_missing_library_is_told_before_anything_is_written(
    tiny: Spec, tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    spec = changed(tiny, training={"loggers": ["tensorboard"]})
    told = refusal(SpecError, spec, tmp_path / "run")
    assert told.code == "PC563"
    assert "pip install tensorboard" in told.help
    assert told.path == "training.loggers"
    assert not (tmp_path / "run").exists()
    assert refusal(SpecError, spec).code == "PC563"
    assert load_run(trained).evaluate().samples == 12  # does not need it
