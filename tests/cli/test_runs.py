"""A run from training to prediction, through the command line alone."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Pcc


def test_a_run_is_trained_measured_used_and_found_finished(pcc: Pcc, folder: Path) -> None:
    trained = pcc("train", "tiny.yaml", "--run", "run")
    assert trained.exit_code == 0, trained.output
    assert "test: accuracy" in trained.stdout
    assert "run: run" in trained.stdout

    measured = pcc("evaluate", "run")
    assert measured.exit_code == 0
    assert measured.stdout.startswith("test: accuracy")
    for split in ("train", "validation", "test"):
        scores = json.loads(pcc("evaluate", "run", "--split", split, "--json").stdout)
        assert scores["split"] == split
        assert 0 <= scores["accuracy"] <= 1
        assert scores["samples"] > 0

    np.savez(folder / "new.npz", x=np.zeros((5, 4)))
    predicted = pcc("predict", "run", "new.npz", "-o", "out.csv")
    assert (predicted.exit_code, predicted.stdout) == (0, "")
    with (folder / "out.csv").open() as stream:
        rows = list(csv.reader(stream))
    assert len(rows) == 1 + 5
    assert rows[1][1:] == rows[5][1:]  # the same input; the first column counts samples

    again = pcc("resume", "run")
    assert again.exit_code == 0, again.output
    assert again.stdout == trained.stdout

    best = pcc("evaluate", "run", "--checkpoint", "best")
    assert best.exit_code == 0


def test_a_run_is_measured_on_its_own_data_wherever_the_command_runs(
    pcc: Pcc, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pcc("train", "tiny.yaml", "--run", "run", "-s", "training.epochs=1").exit_code == 0
    measured = pcc("evaluate", "run")
    (folder / "other").mkdir()
    arrays = dict(np.load(folder / "points.npz"))
    np.savez(folder / "other" / "points.npz", **(arrays | {"x": 2 - arrays["x"]}))
    monkeypatch.chdir(folder / "other")
    assert pcc("evaluate", "../run").stdout == measured.stdout

    shutil.copy("points.npz", folder)
    refused = pcc("evaluate", "../run")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "error[PC526]" in refused.stderr
    assert str(folder / "points.npz") in refused.stderr


def test_mistakes_with_a_run_leave_it_as_it_is(pcc: Pcc, folder: Path) -> None:
    assert pcc("train", "tiny.yaml", "--run", "run", "-s", "training.epochs=1").exit_code == 0
    before = {path: path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()}
    np.savez(folder / "wide.npz", x=np.zeros((5, 9)))
    np.savez(folder / "named.npz", u=np.zeros((5, 4)), v=np.zeros((5, 4)))
    for words, status, told in [
        ("train tiny.yaml --run run", 3, "PC520"),
        ("resume run -s training.seed=9", 3, "seed"),
        ("resume run -s nodes.h.shape=[9]", 3, "9"),
        ("predict run none.npz -o out.csv", 3, "none.npz"),
        ("predict run tiny.yaml -o out.csv", 3, "tiny.yaml"),
        ("predict run wide.npz -o out.csv", 2, "(9,)"),
        ("predict run named.npz -o out.csv", 2, "`x`"),
        ("predict run named.npz -o out.txt", 2, "PC551"),
        ("evaluate run --split all", 2, "all"),
    ]:
        result = pcc(*words.split())
        assert told in result.output, words
        assert result.exit_code == status, words
    after = {path: path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()}
    assert after == before
    assert not (folder / "out.csv").exists()


def test_two_rules_are_compared_on_the_same_data(pcc: Pcc, folder: Path) -> None:
    words = ["compare", "tiny.yaml", "--seeds", "0,2", "--runs", "both", "--json"]
    result = pcc(*words, "-s", "training.epochs=1")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["rule"] for row in rows] == ["predictive_coding", "backprop"]
    for row in rows:
        assert set(row["seeds"]) == {"0", "2"}
        assert row["metric"] == "accuracy"
        np.testing.assert_allclose(row["mean"], np.mean(list(row["seeds"].values())))
    assert {path.name for path in (folder / "both").iterdir()} == {
        f"{rule}-seed{seed}" for rule in ("predictive_coding", "backprop") for seed in (0, 2)
    }


def test_a_damaged_checkpoint_is_told_by_the_commands_that_pass_over_it(
    pcc: Pcc, folder: Path
) -> None:
    assert pcc("train", "tiny.yaml", "--run", "run").exit_code == 0
    newest = max((folder / "run" / "checkpoints").iterdir()) / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    np.savez(folder / "new.npz", x=np.zeros((5, 4)))
    for words in (["evaluate", "run"], ["predict", "run", "new.npz", "-o", "out.csv"]):
        result = pcc(*words)
        assert result.exit_code == 0
        assert "warning[PC530]" in result.stderr
