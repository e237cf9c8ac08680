"""Run folders from elsewhere, edited or damaged: told in clear words, and never waited for."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import cli
from pccompiler.diagnostics.diagnostic import DataError
from runtime.host import environment
from runtime.runs import checkpoints, reading
from runtime.runs.checkpoints import Checkpoints
from runtime.runs.position import Position
from runtime.runs.run_folder import RunFolder
from runtime.training import fit, opened_run
from runtime.training.evaluation import Scores
from runtime.training.opened_run import load_run
from runtime.training.session import Session
from tests.cli.conftest import Pcc, write_tiny

BOMB = (
    "pcc: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
).encode()
"""Aliases that stand for 10^12 values."""

DAMAGES = {
    "bomb": BOMB,
    "not UTF-8": b"a: \xff\xfe\n",
    "tab": b"a:\n\tb: 1\n",
    "a list": b"[1]",
    "a number": b"7",
    "deep": b"[" * 100_000,
    "huge number": b'{"step": 1' + b"0" * 5_000 + b"}",
    "empty": b"",
    "a step of text": b'{"step": "7", "steps_per_epoch": 5, "horizon": 10, "kind": "epoch"}\n',
    "a negative step": b'{"step": -5, "steps_per_epoch": 5, "horizon": 10, "kind": "epoch"}\n',
    "a best of text": b'{"step": 10, "steps_per_epoch": 5, "horizon": 10, "best": {"step": "y"}}',
}
IN_RUN = (
    "spec.yaml",
    "environment.json",
    "members.json",
    "metrics.jsonl",
    "result.json",
    "preprocessing.npz",
)
RESUMED = IN_RUN[:3]
"""What is read before a run goes on."""
SCORES = Scores(loss=0.5, accuracy=0.5, energy=0.1, samples=8, method="feedforward")
IN_CHECKPOINT = ("spec.yaml", "meta.json", "manifest.json", "state.safetensors")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of the tiny spec in `run`, and its data."""
    folder = tmp_path_factory.mktemp("original")
    write_tiny(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(cli.main, ["train", "tiny.yaml", "--run", "run"])
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def run(folder: Path, original: Path) -> Path:
    """A copy of the run, in the current folder."""
    return shutil.copytree(original / "run", folder / "run")


def newest(run: Path) -> Path:
    return max((run / "checkpoints").iterdir(), key=lambda path: int(path.name))


def edit(checkpoint: Path, file: str, content: bytes) -> None:
    """An edited file of a checkpoint, with its checksum."""
    (checkpoint / file).write_bytes(content)
    if file != "manifest.json":
        manifest = json.loads((checkpoint / "manifest.json").read_text())
        digest = hashlib.sha256(content).hexdigest()
        manifest["files"][file] = {"sha256": digest, "size": len(content)}
        (checkpoint / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_edited_file_of_a_run_never_stops_a_listing_or_a_comparison(
    pcc: Pcc, run: Path, damage: str
) -> None:
    for file in IN_RUN:
        kept = (run / file).read_bytes() if (run / file).exists() else None
        (run / file).write_bytes(DAMAGES[damage])
        listed = pcc("runs", "list", "run", "--json")
        assert listed.exit_code == 0
        assert json.loads(listed.stdout)[0]["run"] == "run"
        assert pcc("runs", "compare", "run", "run").exit_code == 0
        with pytest.MonkeyPatch.context() as patch:  # what is read before anything is trained
            patch.setattr(fit, "_train", lambda session, folder, *_: load_run(folder.path))
            result = pcc("resume", "run") if file in RESUMED else None
        if result and file != "environment.json":
            assert result.exit_code in (2, 3), (file, result.output)
            assert "error[PC" in result.stderr, (file, result.output)
        if file == "preprocessing.npz":
            asked = pcc("predict", "run", "points.npz", "-o", "out.npz")
            assert asked.exit_code == 3
            assert "PC523" in asked.stderr
        if kept is None:
            (run / file).unlink()
        else:
            (run / file).write_bytes(kept)
    assert pcc("runs", "delete", "run").exit_code == 0


@pytest.mark.parametrize("file", IN_CHECKPOINT)
def test_an_edited_file_of_a_checkpoint_is_damage_and_the_one_before_is_taken(
    run: Path, file: str
) -> None:
    last = newest(run)
    names = Checkpoints(run / "checkpoints").names()
    assert len(names) > 1
    kept = {name: (last / name).read_bytes() for name in IN_CHECKPOINT}
    for damage, content in DAMAGES.items():
        if file == "spec.yaml" and content.startswith(b'{"step": ') and b"000" not in content:
            continue  # a mapping like any other: it is told as another spec than the run's
        edit(last, file, content)
        checkpoint, warnings = RunFolder(run).checkpoints().latest()
        assert checkpoint is not None, damage
        assert checkpoint.folder.name == names[1], damage
        assert [warning.code for warning in warnings] == ["PC530"], damage
        for name, whole in kept.items():
            (last / name).write_bytes(whole)


@pytest.mark.parametrize("file", IN_CHECKPOINT)
def test_a_run_whose_newest_checkpoint_was_edited_goes_on_from_the_one_before(
    pcc: Pcc, run: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    steps: list[int] = []

    def trained(session: object, folder: RunFolder, beginning: tuple[object, Position], *_: object):
        steps.append(beginning[1].step)
        return load_run(folder.path)

    monkeypatch.setattr(fit, "_train", trained)
    last, before = Checkpoints(run / "checkpoints").names()[:2]
    for damage, content in DAMAGES.items():
        if file == "spec.yaml" and damage.startswith("a "):
            continue
        edit(run / "checkpoints" / last, file, content)
        resumed = pcc("resume", "run")
        assert resumed.exit_code == 0, (damage, resumed.output)
        assert resumed.stderr.count(f"warning[PC530]: checkpoint run/checkpoints/{last}") == 1
        assert "error" not in resumed.stderr, damage
        assert steps.pop() == int(before), damage
        strict = pcc("resume", "run", "--strict")
        assert (strict.exit_code, strict.stderr.count("error[PC")) == (3, 1), damage
        assert "error[PC530]" in strict.stderr, damage
        assert not steps


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_edited_run_is_measured_and_predicted_with_or_refused_in_clear_words(
    pcc: Pcc, run: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(opened_run, "Evaluator", lambda *_: lambda *_: SCORES)
    for file in ("spec.yaml", "members.json", "preprocessing.npz", "environment.json"):
        kept = (run / file).read_bytes() if (run / file).exists() else None
        (run / file).write_bytes(DAMAGES[damage])
        measured = pcc("evaluate", "run")
        predicted = pcc("predict", "run", "points.npz", "-o", "out.npz")
        used = {
            "spec.yaml": [measured, predicted],
            "members.json": [measured, predicted],
            "preprocessing.npz": [predicted],
        }.get(file, [])
        for result in (measured, predicted):
            errors = result.stderr.count("error[PC")
            wanted = (True, True) if result in used else (False, False)
            assert (result.exit_code in (2, 3), errors > 0) == wanted, (file, result.output)
        if kept is None:
            (run / file).unlink()
        else:
            (run / file).write_bytes(kept)


@pytest.mark.parametrize("file", IN_CHECKPOINT)
def test_the_parameters_of_the_checkpoint_before_are_used_where_the_newest_was_edited(
    pcc: Pcc, run: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(opened_run, "Evaluator", lambda *_: lambda *_: SCORES)
    last = newest(run)
    for damage in ("bomb", "a step of text", "not UTF-8"):
        content = DAMAGES[damage]
        if (file, damage) == ("spec.yaml", "a step of text"):
            continue
        edit(last, file, content)
        for words in (("evaluate", "run"), ("predict", "run", "points.npz", "-o", "out.npz")):
            result = pcc(*words)
            assert result.exit_code == 0, (damage, result.output)
            assert result.stderr.count("warning[PC530]") == 1
            assert "error" not in result.stderr


def test_a_checkpoint_that_the_system_refuses_to_read_ends_each_command_and_changes_nothing(
    pcc: Pcc, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = newest(run) / "meta.json"

    def refusing(path: Path, *most: int | None) -> bytes:
        if path.resolve() == refused.resolve():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return reading.content(path, *most)

    monkeypatch.setattr(checkpoints, "content", refusing)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for words in (
        ("resume", "run"),
        ("evaluate", "run"),
        ("predict", "run", "points.npz", "-o", "out.npz"),
    ):
        result = pcc(*words)
        assert (result.exit_code, result.stderr.count("error[PC")) == (3, 1), result.output
        assert "PC533" in result.stderr
        assert "Permission denied" in result.stderr
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert after == before


def test_a_checkpoint_that_calls_itself_another_is_damaged(run: Path) -> None:
    last = newest(run)
    meta = json.loads((last / "meta.json").read_text())
    edit(last, "meta.json", json.dumps(meta | {"step": 7}).encode())
    _, [warning] = RunFolder(run).checkpoints().latest()
    assert "step: it is 7" in warning.message


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        ("plots/mine.png", "plots/mine.png"),
        ("checkpoints/notes/a.txt", "checkpoints/notes"),
        ("checkpoints/000010/notes.txt", "checkpoints/000010/notes.txt"),
        ("plots/run/spec.yaml", "plots/run"),
        ("environment.unreadable-mine.txt", "environment.unreadable-mine.txt"),
        ("tensorboard/mine", "tensorboard/mine"),
        ("members.json/mine", "members.json"),
    ],
)
def test_what_pcc_did_not_write_is_never_deleted_with_a_run(
    pcc: Pcc, run: Path, inside: str, told: str
) -> None:
    (run / inside).parent.mkdir(parents=True, exist_ok=True)
    (run / inside).write_text("mine")
    before = sorted(run.rglob("*"))
    result = pcc("runs", "delete", "run")
    assert result.exit_code == 3
    assert "PC527" in result.stderr
    assert told in result.stderr
    assert sorted(run.rglob("*")) == before


def test_a_link_in_a_run_is_not_of_the_run(pcc: Pcc, run: Path, folder: Path) -> None:
    shutil.move(run / "plots", folder / "elsewhere")
    (run / "plots").symlink_to(folder / "elsewhere")
    result = pcc("runs", "delete", "run")
    assert "PC527" in result.stderr
    assert any((folder / "elsewhere").iterdir())


def test_what_a_killed_process_left_goes_with_its_run(pcc: Pcc, run: Path) -> None:
    for name in (".tmp-000011", ".tmp-replaced-000010", ".tmp-old-000005"):
        (run / "checkpoints" / name).mkdir()
        (run / "checkpoints" / name / "meta.json").write_text("{")
    (run / ".spec.yaml.tmp").write_text("pcc")
    (run / "plots" / ".loss.png.tmp").write_text("")
    assert pcc("runs", "delete", "run").exit_code == 0
    assert not run.exists()


def test_what_a_start_that_was_killed_has_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".spec.yaml.tmp").write_text("pcc: 1")
    assert RunFolder.create("a", tmp_path).path == tmp_path
    (tmp_path / "spec.yaml").write_text("pcc: 1")
    with pytest.raises(DataError, match="PC520"):
        RunFolder.create("a", tmp_path)


def test_a_folder_that_another_process_trained_in_meanwhile_is_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    monkeypatch.setattr(environment.Environment, "here", lambda *_: pytest.fail("it is trained"))
    session = fit.open_training("tiny.yaml")
    with pytest.raises(DataError, match="PC520"):
        fit.train_in(RunFolder(run), session, (), fit.Silent())
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert after == before


def test_a_checkpoint_that_is_pruned_while_it_is_read_is_not_called_damaged(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, load = run / "checkpoints", Checkpoints.load
    last = newest(run)
    moved = run.parent / last.name
    shutil.move(last, moved)
    older = newest(run)

    def load_while_another_saves(self: Checkpoints, name: str) -> object:
        if moved.exists():  # the one to read goes, a newer one has come
            shutil.move(moved, last)
            shutil.rmtree(older)
        return load(self, name)

    monkeypatch.setattr(Checkpoints, "load", load_while_another_saves)
    checkpoint, warnings = Checkpoints(folder).latest(strict=True)
    assert checkpoint is not None
    assert (checkpoint.folder, warnings) == (last, ())


def test_descriptions_of_preprocessing_are_checked(pcc: Pcc, run: Path) -> None:
    file = run / "preprocessing.npz"
    arrays = dict(np.load(file))
    described = json.loads(str(arrays["x.description"]))
    for change in (
        {"shape": [5]},
        {"shape": "4"},
        {"kind": "nothing"},
        {"full_scale": 0},
        {"classes": -1},
        {"steps": 3},
        {"more": 1},
    ):
        text = np.array(json.dumps(described | change))
        np.savez(file, **(arrays | {"x.description": text}))  # pyright: ignore
        with pytest.raises(DataError, match="PC523"):
            RunFolder(run).encodings()
    for change in ({"x.mean": np.zeros(3)}, {"x.deviation": np.zeros(4)}, {"x": np.zeros(4)}):
        np.savez(file, **(arrays | change))  # pyright: ignore
        with pytest.raises(DataError, match="PC523"):
            RunFolder(run).encodings()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", b"hello")
    assert "PC523" in pcc("predict", "run", "points.npz", "-o", "out.npz").stderr


@pytest.mark.parametrize(
    ("node", "change", "arrays", "told"),
    [
        ("x", {"shape": [2, 2]}, {}, "`x` has shape [2, 2], in the network [4]"),
        ("x", {"shape": [5], "field_shape": [5]}, {"mean": 5, "deviation": 5}, "shape [5]"),
        ("x", {"field_shape": [3, 4], "steps": 3}, {}, "3 times, but the network has no time"),
        ("x", {"kind": "tokens", "classes": 9}, {}, "9 tokens"),
        ("y", {"shape": [3], "classes": 3}, {}, "`y` has shape [3], in the network [2]"),
        ("y", {"field_shape": [2], "classes": 1}, {}, "a unit for each class"),
        ("y", {"kind": "one_hot", "field_shape": [2, 1]}, {}, "a number for each class"),
        ("x", None, {}, "it is of the nodes y, but the network takes data at x, y"),
    ],
)
def test_preprocessing_of_another_network_is_told_before_it_is_used(
    pcc: Pcc,
    run: Path,
    node: str,
    change: dict[str, object] | None,
    arrays: dict[str, int],
    told: str,
) -> None:
    file = run / "preprocessing.npz"
    stored = dict(np.load(file))
    description = json.loads(str(stored[f"{node}.description"]))
    if change is None:
        stored = {name: values for name, values in stored.items() if name.split(".")[0] != node}
    else:
        stored[f"{node}.description"] = np.array(json.dumps(description | change))
    stored |= {f"{node}.{part}": np.ones(size) for part, size in arrays.items()}
    np.savez(file, **stored)  # pyright: ignore
    for words in (("-o", "out.npz"), ("-o", "out.csv"), ("-o", "out.json", "--clamp", "y=1")):
        result = pcc("predict", "run", "points.npz", *words)
        assert (result.exit_code, result.stderr.count("error[PC")) == (3, 1), result.output
        assert "PC523" in result.stderr
        assert told in result.stderr
        assert "`pcc resume run` writes it again" in result.stderr


def test_a_run_that_was_split_at_random_by_default_goes_on_with_its_split(
    pcc: Pcc, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests: list[str] = []

    def trained(session: Session, folder: RunFolder, *_: object) -> opened_run.Run:
        digests.append(session.data.digest)
        return load_run(folder.path)

    monkeypatch.setattr(fit, "_train", trained)
    digest = fit.open_training("tiny.yaml", ["data.split=random"]).data.digest
    meta = json.loads((newest(run) / "meta.json").read_text())
    edit(newest(run), "meta.json", json.dumps(meta | {"data_digest": digest}).encode())
    refused = pcc("resume", "run")
    assert "error[PC526]" in refused.stderr
    [advised] = re.findall(r"`pcc (resume run [^`]*)`", refused.stderr)
    resumed = pcc(*advised.split())
    assert resumed.exit_code == 0, resumed.output
    assert digests == [digest]
    assert "PC569" not in resumed.stderr  # the best so far still counts
