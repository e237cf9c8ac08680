"""`pcc runs`: what run folders tell of themselves, and which of them may be deleted."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import cli
from runtime.commands.runs import print_runs
from runtime.runs import run_list
from runtime.runs.run_folder import RunFolder
from runtime.runs.run_list import RunInfo, delete_runs
from tests.cli.conftest import Pcc, write_tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs of the tiny spec, `runs/tiny-001` and `runs/both/slow`."""
    folder = tmp_path_factory.mktemp("trained")
    write_tiny(folder)
    other = ["-s", "learning.optimizer={sgd: {learning_rate: 0.001}}", "-s", "training.seed=1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in ([], ["--run", "runs/both/slow", *other]):
            done = CliRunner().invoke(cli.main, ["train", "tiny.yaml", *words])
            assert done.exit_code == 0, done.output
    return folder / "runs"


@pytest.fixture
def made(folder: Path, trained: Path) -> Path:
    """The current folder, with a copy of these runs."""
    shutil.copytree(trained, folder / "runs")
    return folder


def listed(pcc: Pcc, *words: str) -> dict[str, dict[str, Any]]:
    result = pcc("runs", "list", *words, "--json")
    assert result.exit_code == 0, result.output
    return {entry["run"]: entry for entry in json.loads(result.stdout)}


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_runs_are_listed_with_their_best_and_test_scores(pcc: Pcc, made: Path) -> None:
    found = listed(pcc)
    assert list(found) == ["runs/both/slow", "runs/tiny-001"]
    run = found["runs/tiny-001"]
    assert (run["name"], run["rule"], run["state"]) == ("tiny", "predictive_coding", "finished")
    assert (run["epoch"], run["epochs"]) == (2, 2)
    lines = metrics(made / "runs" / "tiny-001")
    epochs = [line for line in lines if line["kind"] == "epoch"]
    assert run["best"]["metric"] == "accuracy"
    assert run["best"]["value"] == max(line["accuracy"] for line in epochs)
    [test] = [line for line in lines if line["kind"] == "test" and line["parameters"] == "last"]
    assert run["test"]["loss"] == pytest.approx(test["loss"], rel=1e-6)
    assert run["seconds"] == pytest.approx(sum(line["seconds"] for line in epochs), abs=1e-3)
    text = pcc("runs", "list").stdout
    assert "runs/both/slow" in text
    assert "finished" in text


def test_a_narrow_terminal_keeps_the_scores_and_says_what_it_leaves_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    folder, name = "runs/digits_mlp-compare-001", "predictive_coding-seed0"
    best = {"metric": "accuracy", "value": 0.9, "step": 20, "epoch": 2}
    test = {"accuracy": 0.8765, "loss": 0.4321}
    path = f"{folder}/{name}"
    run = RunInfo(path, "digits_mlp", "backprop", "early stop", 2, 10, best, test, "2025", 1.5)
    print_runs([run, replace(run, run=f"{folder}/backprop-seed0")])
    shown = capsys.readouterr()
    lines = re.sub("\x1b\\[[0-9;]*m", "", shown.out).splitlines()
    assert lines[0].strip() == f"runs in {folder}"
    row = next(line for line in lines if f" {name} " in line)
    assert "accuracy 0.8765, loss 0.4321" in row
    assert max(map(len, lines)) <= 80
    left_out = [word for word in ("started", "network", "rule") if word in shown.err]
    assert left_out == ["started", "network", "rule"]
    assert "started" not in shown.out
    long = name * 4
    print_runs([replace(run, run=f"{folder}/{long}")])
    assert long in capsys.readouterr().out


def test_what_cannot_be_read_is_listed_with_the_others(
    pcc: Pcc, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made / "runs" / "locked").mkdir()
    is_file = Path.is_file

    def refuse(path: Path) -> bool:
        if path.parent.name == "locked":
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    states = {name: run["state"] for name, run in listed(pcc).items()}
    assert states == {
        "runs/both/slow": "finished",
        "runs/locked": "unreadable",
        "runs/tiny-001": "finished",
    }


def test_a_run_folder_may_be_listed_itself(pcc: Pcc, made: Path) -> None:
    assert list(listed(pcc, "runs/both/slow")) == ["runs/both/slow"]


def test_without_runs_there_is_nothing_to_list(pcc: Pcc, folder: Path) -> None:
    result = pcc("runs", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no runs in runs\n")
    assert listed(pcc) == {}
    assert pcc("runs", "list", "nowhere").exit_code == 3
    assert pcc("runs", "list", "tiny.yaml").exit_code == 3


def test_every_state_of_a_run_is_told(pcc: Pcc, made: Path) -> None:
    run = made / "runs" / "tiny-001"
    best = listed(pcc)["runs/tiny-001"]["best"]
    (run / "result.json").unlink()
    stopped = listed(pcc)["runs/tiny-001"]
    assert (stopped["state"], stopped["best"], stopped["test"]) == ("stopped", best, None)

    with (run / "metrics.jsonl").open("a") as stream:
        stream.write('{"kind": "diverged", "step": 11, "epoch": 3}\n')
    assert listed(pcc)["runs/tiny-001"]["state"] == "diverged"

    with RunFolder(run).locked():
        assert listed(pcc)["runs/tiny-001"]["state"] == "running"

    (run / "result.json").write_text(
        '{"reason": "early_stop", "step": 10, "epoch": 2, "best": null}'
    )
    assert listed(pcc)["runs/tiny-001"]["state"] == "early stop"

    (run / "spec.yaml").write_text("pcc: 99")
    assert listed(pcc)["runs/tiny-001"]["state"] == "unreadable"
    assert "unreadable" in pcc("runs", "list").stdout


HALF = """
from typing import ClassVar
from pccompiler.components.schedules import Schedule

class Half(Schedule):
    name: ClassVar[str] = "half"

    def factor(self, fraction):
        return 0.5 + 0 * fraction
"""


def test_the_member_that_a_listed_run_lacks_is_named_with_its_plugin(pcc: Pcc, made: Path) -> None:
    (made / "half.py").write_text(HALF)
    run = made / "runs" / "tiny-001"
    text = (run / "spec.yaml").read_text()
    assert "schedule: constant" in text
    (run / "spec.yaml").write_text(text.replace("schedule: constant", "schedule: half"))
    member = {"family": "schedule", "name": "half", "plugin": "half.py", "version": "2.1"}
    (run / "members.json").write_text(json.dumps([member | {"digest": "0" * 64}]))

    without = listed(pcc)["runs/tiny-001"]
    assert without["state"] == "unreadable"
    assert without["remark"].startswith("run runs/tiny-001 uses the schedule `half` of half.py 2.1")
    assert "not loaded (pass --plugin half.py" in without["remark"]
    assert f"runs/tiny-001: {without['remark']}\n" in pcc("runs", "list").stderr

    with_it = json.loads(pcc("--plugin", "half.py", "runs", "list", "--json").stdout)
    found = {entry["run"]: entry for entry in with_it}["runs/tiny-001"]
    assert (found["state"], found["remark"]) == ("finished", None)


@pytest.mark.parametrize("file", ["metrics.jsonl", "result.json", "environment.json", "spec.yaml"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"a": 1}\n', b"\xff\x00\n", b"null"])
def test_a_run_with_a_damaged_file_is_listed_and_compared(
    pcc: Pcc, made: Path, file: str, content: bytes
) -> None:
    run = made / "runs" / "tiny-001"
    (run / file).write_bytes(content)
    assert set(listed(pcc)) == {"runs/tiny-001", "runs/both/slow"}
    assert pcc("runs", "list").exit_code == 0
    assert pcc("runs", "compare", "runs/tiny-001", "runs/both/slow").exit_code == 0
    assert pcc("runs", "delete", "runs/tiny-001").exit_code == 0


def test_runs_are_compared_with_what_their_specs_differ_in(pcc: Pcc, made: Path) -> None:
    result = pcc("runs", "compare", "runs/tiny-001", "runs/both/slow", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert [run["run"] for run in told["runs"]] == ["runs/tiny-001", "runs/both/slow"]
    differences = told["differences"]
    assert set(differences) == {"learning.optimizer", "training.seed"}
    assert differences["training.seed"] == [0, 1]
    assert [list(optimizer) for optimizer in differences["learning.optimizer"]] == [
        ["adam"],
        ["sgd"],
    ]
    text = pcc("runs", "compare", "runs/tiny-001", "runs/both/slow").stdout
    assert "training.seed" in text


def test_runs_are_deleted_by_name_without_a_question(pcc: Pcc, made: Path) -> None:
    result = pcc("runs", "delete", "runs/tiny-001", "runs/both/../tiny-001", "runs/both/slow")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.count("deleted") == 2
    assert files(made / "runs") == set()


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (".", "PC523"),
        ("nowhere", "PC523"),
        ("tiny.yaml", "PC523"),
        ("runs", "PC523"),
        ("specs", "PC523"),
        ("link", "PC527"),
        ("noted", "PC527"),
        ("training", "PC521"),
    ],
)
def test_one_folder_that_may_not_be_deleted_saves_all(
    pcc: Pcc, made: Path, other: str, code: str
) -> None:
    run = made / "runs" / "tiny-001"
    (made / "specs").mkdir()
    (made / "specs" / "spec.yaml").write_text("pcc: 1")
    (made / "link").symlink_to("runs/both/slow")
    shutil.copytree(run, made / "noted")
    (made / "noted" / "notes.txt").write_text("mine")
    shutil.copytree(run, made / "training")
    before = files(made)
    with RunFolder(made / "training").locked():
        result = pcc("runs", "delete", "runs/tiny-001", other)
    assert result.exit_code == 3
    assert code in result.stderr
    assert files(made) - {made / "training" / ".lock"} == before - {made / "training" / ".lock"}


def test_every_folder_that_may_not_be_deleted_is_told(pcc: Pcc, made: Path) -> None:
    result = pcc("runs", "delete", "nowhere", "specs", "runs/tiny-001")
    assert result.stderr.count("error[PC523]") == 2
    assert pcc("runs", "delete").exit_code == 2


def test_a_deletion_that_fails_half_way_names_what_is_left(
    pcc: Pcc, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, removed = made / "runs", ["spec.yaml"]

    def rmtree(folder: Path) -> None:
        for name in removed:
            (folder / name).unlink()
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(run_list.shutil, "rmtree", rmtree)
    failed = pcc("runs", "delete", "runs/tiny-001")
    assert failed.exit_code == 3
    assert "PC522" in failed.stderr
    assert f"what is left of it is now in {runs / '.tiny-001.deleted'}" in failed.stderr

    removed.clear()
    before = files(runs / "both")
    failed = pcc("runs", "delete", "runs/both/slow")
    assert "what is left" not in failed.stderr
    assert files(runs / "both") == before


def test_half_deleted_runs_are_neither_listed_nor_in_the_way(pcc: Pcc, made: Path) -> None:
    run = made / "runs" / "tiny-001"
    run.rename(made / "runs" / ".tiny-001.deleted")
    assert list(listed(pcc)) == ["runs/both/slow"]
    shutil.copytree(made / "runs" / "both" / "slow", run)
    [deleted] = delete_runs([str(run)])
    assert deleted.path == run
    assert list(listed(pcc)) == ["runs/both/slow"]
    assert [path.name for path in (made / "runs").iterdir() if path.name[0] == "."] == [
        ".tiny-001.deleted"
    ], "it may hold what somebody else put there"
