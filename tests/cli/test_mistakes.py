"""Typical mistakes on the command line: the right exit code, a clear message, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from tests.cli.conftest import TINY, Pcc

ROOT = Path(__file__).parents[2]

MISTAKES: dict[str, tuple[str, int, str]] = {
    "key as an option": ("train tiny.yaml --epochs 3", 2, "Write -s training.epochs=3."),
    "key and value in one": ("show tiny.yaml --batch-size=4", 2, "Write -s data.batch_size=4."),
    "key of a choice": ("check tiny.yaml --learning-rate 1", 2, "-s learning.optimizer.NAME."),
    "key without a value": ("train tiny.yaml --epochs", 2, "-s training.epochs=..."),
    "key of a command that takes none": ("evaluate run --epochs 3", 2, "No such option"),
    "nearly an option": ("compare tiny.yaml --rule backprop", 2, "'--rules'"),
    "name of another's interface": ("train tiny.yaml --device cuda", 2, "write --device gpu"),
    "no command": ("", 2, "Usage:"),
    "unknown command": ("chek tiny.yaml", 2, "No such command 'chek'"),
    "unknown option": ("check tiny.yaml --fromat json", 2, "--fromat"),
    "unknown format": ("check tiny.yaml --format xml", 2, "'xml'"),
    "no spec": ("check", 2, "Missing argument"),
    "missing spec": ("train tiney.yaml", 2, "tiney.yaml"),
    "folder for a spec": ("show .", 2, "is a folder"),
    "run for a spec": ("train run", 2, "`pcc resume run`"),
    "run for a spec to draw": ("diagram run -o net.svg", 2, "its spec is run/spec.yaml"),
    "file for data": ("train tiny.yaml -s data.source=points.npz", 2, "write {npz: points.npz}"),
    "empty spec": ("show empty.yaml", 2, "empty"),
    "data for a spec": ("check points.npz", 2, "error[PC"),
    "override without a value": ("check tiny.yaml -s training.epochs", 2, "PC211"),
    "override of an unknown key": ("check tiny.yaml -s training.epoch=3", 2, "epochs"),
    "override of the wrong type": ("check tiny.yaml -s training.epochs=many", 2, "PC2"),
    "unknown rule": ("show tiny.yaml -s learning.rule=backpropp", 2, "backprop"),
    "unknown code": ("explain PC1", 2, "PC1"),
    "unknown pass to print": ("compile tiny.yaml --print-after hoisting", 2, "hoist"),
    "unknown pass to disable": ("compile tiny.yaml --disable waves", 2, "wavefront"),
    "pass that may not be disabled": ("compile tiny.yaml --disable infer_shapes", 2, "PC401"),
    "unknown emit": ("compile tiny.yaml --emit llvm", 2, "llvm"),
    "no output file": ("diagram tiny.yaml", 2, "--output"),
    "picture without an ending": ("diagram tiny.yaml -o net", 2, "PC320"),
    "unknown picture": ("diagram tiny.yaml -o net.jpg", 2, ".png"),
    "picture in a missing folder": ("diagram tiny.yaml -o no/net.svg", 3, "no/net.svg"),
    "picture on a folder": ("diagram tiny.yaml -o taken.svg", 3, "taken.svg"),
    "missing run": ("resume runs/none", 3, "PC523"),
    "folder that is no run": ("evaluate .", 3, "PC523"),
    "file for a run": ("evaluate tiny.yaml", 3, "PC523"),
    "run folder in use": ("train tiny.yaml --run full", 3, "PC520"),
    "missing data": ("train tiny.yaml -s data.source.npz=none.npz", 3, "none.npz"),
    "no data section": ("train nodata.yaml", 2, "data"),
    "unknown device": ("train tiny.yaml --device tpu", 2, "tpu"),
    "unknown rules": ("compare tiny.yaml --rules backprop,hebb", 2, "hebb"),
    "no rule": ("compare tiny.yaml --rules backprop,", 2, "error[PC"),
    "no seeds": ("compare tiny.yaml --seeds 3..1", 2, "PC561"),
    "seeds that are no numbers": ("compare tiny.yaml --seeds a,b", 2, "PC561"),
    "negative seeds": ("compare tiny.yaml --seeds 0,-3", 2, "error[PC"),
    "the same rule twice": ("compare tiny.yaml --rules backprop,backprop", 2, "error[PC"),
    "the same seed twice": ("compare tiny.yaml --seeds 1,1", 2, "error[PC"),
    "bound to no node": ("check tiny.yaml -s data.bind.x=z", 2, "PC315"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_with_its_exit_code_and_a_message(
    pcc: Pcc, folder: Path, mistake: str
) -> None:
    command, status, told = MISTAKES[mistake]
    (folder / "empty.yaml").write_text("")
    (folder / "nodata.yaml").write_text(TINY.replace("data: {", "description: a #"))
    (folder / "run" / "checkpoints").mkdir(parents=True)
    (folder / "run" / "spec.yaml").write_text(TINY)
    (folder / "full").mkdir()
    (folder / "full" / "note.txt").write_text("mine")
    (folder / "taken.svg").mkdir()
    result = pcc(*command.split())
    assert told in result.output
    assert result.exit_code == status
    assert not list(folder.glob("runs/*"))
    assert [path.name for path in (folder / "full").iterdir()] == ["note.txt"]


def process(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, run by a shell."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PCC": f"{sys.executable} {ROOT}/cli.py"}
    return subprocess.run(
        ["bash", "-c", words], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("command", ["show tiny.yaml", "compile tiny.yaml --emit plan", "schema"])
def test_a_reader_that_leaves_is_no_error(folder: Path, command: str) -> None:
    done = process(f"set -o pipefail; $PCC {command} | head -c 10 | wc -c", folder)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "10", "")


def test_a_process_ends_with_the_exit_code(folder: Path) -> None:
    done = process("$PCC check tiny.yaml; echo $?; $PCC check none.yaml >&2; echo $?", folder)
    assert done.stdout.split() == ["0", "2"]
    assert "Traceback" not in done.stderr


def test_an_interrupt_outside_of_training_ends_with_130(
    pcc: Pcc, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runtime.training.fit.fit", interrupted)
    result = pcc("train", "tiny.yaml", "--run", "run")
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize(
    "line",
    [
        "predict run rows.csv -o out.csv --seed",
        "predict run rows.csv -o out.csv --samples",
        "predict run rows.csv -o out.csv --steps",
        "verify net.yaml --seed",
        "verify net.yaml --samples",
        "verify net.yaml --steps",
        "verify net.yaml --narrow",
    ],
)
def test_a_number_beyond_what_an_option_can_hold_is_refused_before_anything_runs(
    line: str,
) -> None:
    result = CliRunner().invoke(main, [*line.split(), "99999999999999999999"])
    assert result.exit_code == 2
    assert "is not in the range" in result.output
    assert line.split()[-1] in result.output
