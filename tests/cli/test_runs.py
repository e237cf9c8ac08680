"""A run from training to prediction, through the command line alone."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Sequence
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
    assert "pcc resume ../run -s data.split=random --allow-changed" in refused.stderr
    text = (folder / "run" / "spec.yaml").read_text()
    written = text.replace("  batch_size: 8", "  batch_size: 8\n  split: stratified")
    assert written != text
    (folder / "run" / "spec.yaml").write_text(written)
    refused = pcc("evaluate", "../run")
    assert "error[PC526]" in refused.stderr
    assert "data.split" not in refused.stderr  # the spec says how it was split


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
        ("predict run wide.npz -o out.csv", 3, "(9,)"),
        ("predict run named.npz -o out.csv", 3, "`x`"),
        ("predict run named.npz -o out.txt", 2, "PC551"),
        ("evaluate run --split all", 2, "all"),
    ]:
        result = pcc(*words.split())
        assert told in result.output, words
        assert result.exit_code == status, words
    after = {path: path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()}
    assert after == before
    assert not (folder / "out.csv").exists()


def test_data_that_does_not_fit_is_told_at_the_override_that_names_it(
    pcc: Pcc, folder: Path
) -> None:
    np.savez(folder / "wide.npz", x=np.zeros((9, 5)), y=np.arange(9) % 2)
    text = (folder / "tiny.yaml").read_text().replace(", bind: {x: x, y: y}", "")
    (folder / "free.yaml").write_text(text)
    told = pcc("train", "free.yaml", "-s", "data.source={npz: wide.npz}").stderr
    assert "PC511" in told
    assert "--> command line:1:" in told


def test_two_rules_are_compared_on_the_same_data(pcc: Pcc, folder: Path) -> None:
    words = ["compare", "tiny.yaml", "--seeds", "0,2", "--runs", "both", "-s", "training.epochs=1"]
    result = pcc(*words, "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["rule"] for row in rows] == ["predictive_coding", "backprop"]
    for row in rows:
        assert set(row["seeds"]) == {"0", "2"}
        assert row["metric"] == "accuracy"
        np.testing.assert_allclose(row["mean"], np.mean(list(row["seeds"].values())))
        for seed, run in row["runs"].items():
            scores = json.loads((folder / run / "result.json").read_text())["test"]["last"]
            assert (row["seeds"][seed], row["loss"][seed]) == (scores["accuracy"], scores["loss"])
    assert {path.name for path in (folder / "both").iterdir()} == {
        f"{rule}-seed{seed}" for rule in ("predictive_coding", "backprop") for seed in (0, 2)
    }

    # The same command continues: what has finished is used, what has not is resumed.
    (folder / "both" / "backprop-seed2" / "result.json").unlink()
    finished = folder / "both" / "backprop-seed0" / "environment.json"
    before = finished.read_bytes()
    again = pcc(*words)
    assert again.exit_code == 0, again.output
    assert again.stderr.endswith("runs: both\n")
    assert "backprop-seed2 is finished; it is only evaluated again" in again.stderr
    assert finished.read_bytes() == before
    assert json.loads(pcc(*words, "--json").stdout) == rows

    # What holds something else is refused before anything trains.
    (folder / "both" / "backprop-seed0" / "result.json").unlink()
    (folder / "both" / "backprop-seed4").mkdir()
    (folder / "both" / "backprop-seed4" / "mine.txt").touch()
    other = pcc(*words, "-s", "inference.steps=4", "--seeds", "0,4,5")
    assert other.exit_code == 3
    assert other.stderr.count("[PC524]: the spec changed since run both") == 2
    assert "inference.steps was 3, is 4" in other.stderr
    assert "[PC520]: run folder both/backprop-seed4 is not empty" in other.stderr
    points = dict(np.load("points.npz"))
    np.savez("points.npz", **(points | {"x": 1 - points["x"]}))
    assert pcc(*words).stderr.count("error[PC526]") == 4
    assert not (folder / "both" / "predictive_coding-seed5").exists()
    assert not (folder / "both" / "backprop-seed0" / "result.json").exists()


def test_a_rule_that_diverges_does_not_end_a_comparison(pcc: Pcc, folder: Path) -> None:
    words = ["compare", "tiny.yaml", "--seeds", "1", "-s", "training.epochs=1"]
    faulty = ["-s", "inference.optimizer={sgd: {learning_rate: 1e30}}"]
    result = pcc(*words, *faulty, "--json")
    assert result.exit_code == 1
    assert "error[PC540]" in result.stderr
    diverged, good = json.loads(result.stdout)
    assert (diverged["mean"], diverged["seeds"], diverged["diverged"]) == (None, {"1": None}, [1])
    assert (good["mean"], good["diverged"]) == (good["seeds"]["1"], [])
    table = pcc(*words, *faulty, "--runs", "runs/tiny-compare-001")
    assert table.exit_code == 1
    assert "seeds" not in table.stdout
    assert "diverged" in table.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seeds", "0..1000000000"), r"PC561.* more than 1,000 seeds"),
        (("--seeds", "3..1"), r"PC561.*no seeds"),
        (("--seeds", "0,1,0"), r"PC561.*seed `0` comes twice"),
        (("-s", "training.seed=4"), r"PC561.*training.seed(.|\n)*--seeds"),
        (("-s", "training={seed: 4}"), r"PC561.*training.seed(.|\n)*--seeds"),
        (("-s", "learning.rule=backprop"), r"PC561.*learning.rule(.|\n)*--rules"),
        (("-s", "learning.rule.equilibrium_propagation.beta=1"), r"PC561.*learning.rule"),
        (("-s", "data.test=0.0"), r"PC512.*no test split"),
    ],
)
def test_a_comparison_that_cannot_be_meant_is_refused_before_it_trains(
    pcc: Pcc, folder: Path, words: Sequence[str], told: str
) -> None:
    result = pcc("compare", "tiny.yaml", *words)
    assert result.exit_code == 2
    assert re.search(told, result.stderr), result.stderr
    assert not (folder / "runs").exists()


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
