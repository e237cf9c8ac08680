"""`pcc train --dry-run` and `--smoke`: everything is tried, and nothing is left behind."""

from __future__ import annotations

import json
import shlex
import tempfile
from pathlib import Path

import pytest

from runtime.host.signals import Interrupted
from tests.cli.conftest import TINY, Pcc


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


@pytest.fixture
def temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a smoke test makes its folder."""
    place = folder / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(pcc: Pcc, folder: Path) -> None:
    before = left_in(folder)
    result = pcc("train", "tiny.yaml", "--dry-run")
    assert result.exit_code == 0
    # 60 samples: 12 for testing, 5 of the other 48 for validation, 43 to train on
    for part in ("tiny", "points.npz", "43 train, 5 validation, 12 test", "10 steps", "adam"):
        assert part in result.stdout
    assert "runs/tiny-001" in result.stdout
    assert "nothing was trained" in result.stderr
    assert left_in(folder) == before


def test_a_dry_run_in_json_counts_by_hand(pcc: Pcc, folder: Path) -> None:
    (folder / "runs" / "tiny-001").mkdir(parents=True)
    words = ("--dry-run", "--json", "-s", "training.checkpoint_every={steps: 3, minutes: 1}")
    told = json.loads(pcc("train", "tiny.yaml", *words).stdout)
    assert told["parameters"] == 23
    assert told["samples"] == {"train": 43, "validation": 5, "test": 12}
    assert (told["epochs"], told["steps_per_epoch"], told["steps"]) == (2, 43 // 8, 10)
    assert told["files"] == [str(folder / "points.npz")]
    assert told["folder"] == "runs/tiny-002"
    assert told["checkpoint_every"] == "3 steps or 1 minute"
    assert told["monitor"] == "accuracy"
    assert told["rule"] == "predictive_coding"


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("--dry-run --run full", 3, "PC520"),
        ("--dry-run --run points.npz", 3, "PC522"),
        ("--dry-run -s data.source.npz=none.npz", 3, "PC501"),
        ("--dry-run -s data.batch_size=44", 2, "PC512"),
        ("--dry-run -s 'data.bind={z: x}'", 2, "PC510"),
        ("--smoke -s data.source.npz=none.npz", 3, "PC501"),
        ("--smoke -s data.batch_size=44", 2, "PC512"),
        ("--smoke --run a", 2, "--run"),
        ("--smoke --dry-run", 2, "--dry-run"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(
    pcc: Pcc, folder: Path, words: str, status: int, code: str
) -> None:
    (folder / "full").mkdir()
    (folder / "full" / "note.txt").write_text("mine")
    before = left_in(folder)
    result = pcc("train", "tiny.yaml", *shlex.split(words))
    assert code in result.stderr
    assert result.exit_code == status
    assert left_in(folder) == before


@pytest.mark.parametrize("batch_size", [8, 43])
def test_a_smoke_test_takes_two_steps_and_keeps_nothing(
    pcc: Pcc, folder: Path, temporary: Path, batch_size: int
) -> None:
    before = left_in(folder)
    result = pcc("train", "tiny.yaml", "--smoke", "--json", "-s", f"data.batch_size={batch_size}")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["name"], told["steps"], told["test"]["trained_steps"]) == ("tiny", 2, 2)
    assert left_in(folder) == before
    assert "of 2 steps" in result.stderr or "2 epochs of 1 step" in result.stderr


def test_a_smoke_test_says_that_all_is_well(pcc: Pcc, folder: Path, temporary: Path) -> None:
    result = pcc("train", "tiny.yaml", "--smoke")
    assert result.stdout.startswith("smoke test: 2 training steps in ")
    assert result.stdout.endswith("all is well\n")


def test_a_smoke_test_that_diverges_keeps_what_its_message_tells_of(
    pcc: Pcc, folder: Path, temporary: Path
) -> None:
    rate = "learning.optimizer={sgd: {learning_rate: 1e30}}"
    result = pcc("train", "tiny.yaml", "--smoke", "-s", rate)
    assert result.exit_code == 1
    [run] = temporary.glob("*/tiny")
    assert "PC540" in result.stderr
    assert str(run) in result.stderr


def test_an_interrupted_smoke_test_offers_nothing_to_resume(
    pcc: Pcc, folder: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise Interrupted(15, Path("gone"), 1)

    monkeypatch.setattr("runtime.training.dry_run.train_in", interrupted)
    result = pcc("train", "tiny.yaml", "--smoke")
    assert (result.exit_code, result.stderr) == (143, "interrupted\n")
    assert left_in(temporary) == set()


def test_training_in_json_is_its_result(pcc: Pcc, folder: Path) -> None:
    (folder / "short.yaml").write_text(TINY.replace("epochs: 2", "epochs: 1"))
    trained = json.loads(pcc("train", "short.yaml", "--run", "run", "--json").stdout)
    assert (trained["run"], trained["reason"], trained["step"]) == ("run", "completed", 5)
    assert trained["test"]["last"]["samples"] == 12
    assert json.loads(pcc("resume", "run", "--json").stdout) == trained
