"""What surrounds the program fails: disks, pipes, terminals, flags, other processes.

Every fault is a real one, in a process of its own: a full or read-only file system is mounted in
a namespace of its own where the system lets us, and the test is left out where it does not.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime.runs.run_folder import RunFolder
from tests.cli.conftest import TINY

ROOT = Path(__file__).parents[2]
SECONDS = 120

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(folder: Path) -> Shell:
    """`shell("$PCC check tiny.yaml; echo $?")` in a bash; no traceback may be told."""

    def run(words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "-c", words],
            cwd=folder,
            env=environment() | variables,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert "Exception ignored" not in done.stderr
        return done

    return run


@pytest.fixture
def mounting(shell: Shell) -> Shell:
    """The same in a namespace in which file systems can be mounted without being root."""

    def run(words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return shell(f"unshare -rm bash -c {shlex.quote(words)}", **variables)

    probe = "mkdir -p probe && mount -t tmpfs -o size=64k tmpfs probe"
    if run(probe).returncode != 0:
        pytest.skip("this system lets nobody mount a file system in a namespace")
    return run


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PCC": f"{sys.executable} {ROOT}/cli.py",
    }


def codes(done: subprocess.CompletedProcess[str]) -> list[str]:
    return done.stdout.split()


# -- flags and devices -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--xla_nonsense=1", "Unknown flag"),
        ("--xla_force_host_platform_device_count=many", "many"),
        ("no_such_file", "no_such_file"),
    ],
)
def test_flags_that_would_end_the_process_are_told_before_jax_starts(
    shell: Shell, folder: Path, flags: str, told: str
) -> None:
    commands = ("train tiny.yaml", "train tiny.yaml --dry-run", "compile tiny.yaml")
    for command in commands if told == "Unknown flag" else commands[:1]:
        done = shell(f"$PCC {command}", XLA_FLAGS=flags)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error[PC564]: XLA cannot read the variable XLA_FLAGS")
        assert told in done.stderr.splitlines()[0]
        assert len(done.stderr.splitlines()) == 2
    assert not (folder / "runs").exists()
    assert shell("$PCC check tiny.yaml", XLA_FLAGS=flags).returncode == 0


def test_a_device_that_is_not_there_is_told(shell: Shell, folder: Path) -> None:
    import jax

    if jax.devices()[0].platform != "cpu":
        pytest.skip("there is a GPU")
    done = shell("$PCC train tiny.yaml --device gpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error[PC560]: JAX finds no device of the kind `gpu`")
    done = shell("$PCC train tiny.yaml", JAX_PLATFORMS="nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith("error[PC560]: JAX finds no device of the kind `nonsense`")
    assert not (folder / "runs").exists()


def test_a_run_goes_on_with_another_number_of_devices(shell: Shell, folder: Path) -> None:
    """The tolerance is the one that `pcc explain PC525` promises."""
    one = "--xla_force_host_platform_device_count=1"
    two = "--xla_force_host_platform_device_count=2"
    long = "-s training.epochs=6"
    assert shell(f"$PCC train tiny.yaml {long} --run whole", XLA_FLAGS=one).returncode == 0
    assert (
        shell("$PCC train tiny.yaml -s training.epochs=3 --run run", XLA_FLAGS=one).returncode == 0
    )
    done = shell(f"$PCC resume run {long} --allow-changed", XLA_FLAGS=two)
    assert done.returncode == 0, done.stderr
    assert "warning[PC525]" in done.stderr
    assert "device_count=2" in done.stderr
    found, expected = (arrays(folder / name) for name in ("run", "whole"))
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-6, err_msg=name)


def arrays(run: Path) -> dict[str, np.ndarray]:
    """The parameters of the newest checkpoint."""
    checkpoint, _ = RunFolder(run).checkpoints().latest(strict=True)
    assert checkpoint is not None
    assert checkpoint.position.step == 30
    return {name: a for name, a in checkpoint.arrays.items() if name.startswith(".params")}


# -- disks -------------------------------------------------------------------------------

WIDE = TINY.replace("[3]", "[2000]") + "\n"
"""Its checkpoints have about 170 kB."""


def test_a_full_disk_ends_a_run_that_goes_on_once_there_is_space(
    mounting: Shell, folder: Path
) -> None:
    (folder / "wide.yaml").write_text(WIDE)
    often = "-s training.checkpoint_every='{steps: 1}' -s training.keep_checkpoints=9"
    done = mounting(
        f"""
        mkdir disk && mount -t tmpfs -o size=900k tmpfs disk
        $PCC train wide.yaml {often} --run disk/run 2>told; echo $?
        ls -A disk/run/checkpoints | grep -c tmp; ls disk/run/checkpoints | wc -l
        $PCC evaluate disk/run >/dev/null 2>evaluated; echo $?; cat evaluated | wc -l
        mount -o remount,size=9m disk
        $PCC resume disk/run --strict >/dev/null 2>&1; echo $?
        cp -r disk/run whole
        """
    )
    trained, temporary, checkpoints, evaluated, warned, resumed = codes(done)
    assert (trained, temporary) == ("3", "0")
    assert int(checkpoints) >= 1
    assert (evaluated, warned, resumed) == ("0", "0", "0")
    last = (folder / "told").read_text().splitlines()[-2:]
    assert last[0].startswith("error[PC522]: cannot write disk/run/")
    assert last[0].endswith("No space left on device")
    assert "what was saved before is intact" in last[1]
    lines = [json.loads(line) for line in (folder / "whole/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "step"] == list(range(1, 11))


def test_a_small_file_that_does_not_fit_leaves_the_old_one_and_no_rest(
    mounting: Shell, folder: Path
) -> None:
    done = mounting(
        """
        mkdir disk && mount -t tmpfs -o size=16k tmpfs disk
        echo old > disk/net.svg; head -c 8k /dev/zero > disk/rest
        $PCC diagram tiny.yaml -o disk/net.svg; echo $?; cat disk/net.svg; ls -A disk | wc -l
        """
    )
    assert codes(done) == ["3", "old", "2"]
    assert "No space left" in done.stderr


@pytest.mark.parametrize("command", ["show tiny.yaml", "schema"])
def test_output_to_a_full_disk_is_told(shell: Shell, command: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    done = shell(f"$PCC {command} > /dev/full")
    assert done.returncode == 3
    assert done.stderr.startswith("error[PC522]: cannot read or write the output: No space left")


def test_a_read_only_disk_is_told_and_can_be_read(mounting: Shell, folder: Path) -> None:
    done = mounting(
        """
        $PCC train tiny.yaml --run run >/dev/null 2>&1; echo $?
        mount --bind . . && mount -o remount,ro,bind . && cd "$PWD"
        $PCC evaluate run | wc -l
        $PCC runs list . >/dev/null; echo $?
        for words in 'train tiny.yaml' 'train tiny.yaml --run other' 'resume run' \\
            'predict run points.npz -o y.csv' 'diagram tiny.yaml -o net.svg' 'new net' \\
            'runs delete run'
        do $PCC $words 2>&1 >/dev/null | grep -c 'error.PC522.*Read-only'; echo ${PIPESTATUS[0]}
        done
        """
    )
    told = codes(done)
    assert told[:3] == ["0", "1", "0"]
    assert told[3:] == ["1", "3"] * 7
    assert (folder / "run" / "result.json").exists()


@pytest.fixture
def unprivileged(shell: Shell) -> Shell:
    """The same as somebody whom permissions bind: root without its capabilities."""
    if os.geteuid() != 0:
        return shell
    if not shutil.which("setpriv"):
        pytest.skip("root cannot give its privileges up: there is no setpriv")
    prefix = "setpriv --inh-caps=-all --bounding-set=-all bash -c "
    return lambda words, **variables: shell(prefix + shlex.quote(words), **variables)


def test_what_permissions_forbid_is_told(unprivileged: Shell, folder: Path) -> None:
    made = folder / "locked" / "run"
    (made / "checkpoints").mkdir(parents=True)
    (made / "spec.yaml").write_text(TINY)
    (made / "environment.json").write_text("[]")
    (folder / "secret.yaml").write_text(TINY)
    for path, mode in (("locked", 0o500), ("secret.yaml", 0), ("points.npz", 0)):
        (folder / path).chmod(mode)
    done = unprivileged(
        """
        for words in 'diagram tiny.yaml -o locked/net.svg' 'new net -o locked/net.yaml' \\
            'runs delete locked/run' 'check secret.yaml' 'train tiny.yaml'
        do $PCC $words 2>&1 | grep -Eo '(PC...).*denied|not readable' | grep -Eo '^PC...|^not'
        echo ${PIPESTATUS[0]}
        done
        """
    )
    assert codes(done) == ["PC522", "3"] * 3 + ["not", "2", "PC507", "3"]
    assert made.is_dir()


# -- pipes and terminals -----------------------------------------------------------------


@pytest.mark.parametrize("command", ["show tiny.yaml", "explain"])
def test_a_reader_of_one_line_is_no_error(shell: Shell, command: str) -> None:
    done = shell(f"set -o pipefail; $PCC {command} | head -1 | wc -l")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "1", "")


def test_a_run_outlives_those_who_read_it(shell: Shell, folder: Path) -> None:
    assert shell("$PCC train tiny.yaml --run piped 2>&1 >/dev/null | head -1").returncode == 0
    assert shell("$PCC train tiny.yaml --run closed <&- >&- 2>&-").returncode == 0
    if Path("/dev/full").exists():
        assert shell("$PCC train tiny.yaml --run full 2>/dev/full >/dev/null").returncode == 0
    for run in folder.glob("*/result.json"):
        assert json.loads(run.read_text())["step"] == 10
    assert (folder / "closed" / "result.json").exists()


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "2> >(true)"])
def test_a_message_that_nobody_hears_leaves_the_exit_code(shell: Shell, closed: str) -> None:
    done = shell(
        f"""
        exec 3>&1
        for words in 'evaluate none' 'show none.yaml' 'check none.yaml' 'check' 'check tiny.yaml' \\
            'new net'
        do $PCC $words {closed} >/dev/null; echo $? >&3
        done
        """
    )
    assert codes(done) == ["3", "2", "2", "2", "0", "0"]


@pytest.mark.parametrize("words", ["check none.yaml tiny.yaml", "check", "--version"])
def test_a_reader_that_leaves_at_once_leaves_the_exit_code(shell: Shell, words: str) -> None:
    done = shell(f"set -o pipefail; $PCC {words} 2>/dev/null | true")
    assert done.returncode == (0 if words == "--version" else 2)


def test_help_that_does_not_fit_is_told(shell: Shell) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    done = shell("$PCC --help > /dev/full")
    assert done.returncode == 3
    assert done.stderr.startswith("error[PC522]: cannot read or write the output: No space left")


def test_without_a_terminal_nothing_is_asked_and_nothing_is_coloured(
    shell: Shell, folder: Path
) -> None:
    done = shell("env -u TERM -u COLUMNS setsid $PCC train tiny.yaml --run run < /dev/null")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stderr


# -- two processes -----------------------------------------------------------------------


def test_a_second_process_in_a_run_folder_is_refused(shell: Shell, folder: Path) -> None:
    command = [sys.executable, str(ROOT / "cli.py"), "train", "tiny.yaml", "--run", "run"]
    first = subprocess.Popen(
        [*command, "-s", "training.epochs=1000000"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + SECONDS
        while not (folder / "run" / "metrics.jsonl").exists():
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for words, code in (("resume run", "PC521"), ("train tiny.yaml --run run", "PC520")):
            done = shell(f"$PCC {words}")
            assert (done.returncode, done.stdout) == (3, "")
            assert done.stderr.startswith(f"error[{code}]")
        assert shell("$PCC runs delete run").returncode == 3
        assert first.poll() is None, "the first goes on"
        first.send_signal(signal.SIGTERM)
        assert first.wait(SECONDS) == 143
    finally:
        first.kill()
        first.wait()


# -- half lines and damaged checkpoints through the command line ---------------------------


def test_a_half_written_last_line_is_cut_when_the_run_goes_on(shell: Shell, folder: Path) -> None:
    assert shell("$PCC train tiny.yaml --run run").returncode == 0
    metrics = folder / "run" / "metrics.jsonl"
    before = metrics.read_text()
    with metrics.open("a") as stream:
        stream.write('{"kind": "step", "step": 11, "lo')
    assert shell("$PCC resume run -s training.epochs=3 --allow-changed").returncode == 0
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "step"] == list(range(1, 16))
    assert metrics.read_text().startswith("".join(before.splitlines(keepends=True)[:5]))


def test_strict_refuses_what_else_is_passed_over(shell: Shell, folder: Path) -> None:
    assert shell("$PCC train tiny.yaml --run run").returncode == 0
    newest = max((folder / "run" / "checkpoints").iterdir()) / "state.safetensors"
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    newest.write_bytes(content)
    done = shell("$PCC resume run --strict")
    assert (done.returncode, done.stderr.startswith("error[PC530]")) == (3, True)
    done = shell("$PCC resume run")
    assert (done.returncode, "warning[PC530]" in done.stderr) == (0, True)
