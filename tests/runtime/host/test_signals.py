"""A signal ends the process, also where a library loses the exception, and never a save."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.host.signals import Interrupted, Pending, deferred_signals
from runtime.training import fit as training
from tests.runtime.conftest import Spec

ROOT = Path(__file__).parents[3]


def python(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, which must end before the `sleep` of a program that goes on."""
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=15,
    )


SWALLOWED = """
import os, signal, time
import click
from runtime.commands.group import PccGroup, run_process

@click.group(cls=PccGroup)
def main(): pass

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0)  # the handler runs here, and what it raises is lost

@main.command()
def work():
    Dying()
    print("went on", flush=True)
    time.sleep(20)

run_process(main)
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_whose_exception_is_lost_ends_the_process_all_the_same(
    name: str, code: int
) -> None:
    done = python(SWALLOWED.replace("{name}", name), "work")
    assert (done.returncode, done.stdout, done.stderr) == (code, "went on\n", "interrupted\n")


BETWEEN = """
import os, signal
import click
from runtime.commands.group import PccGroup, run_process

class Group(PccGroup):
    def make_context(self, *args, **extra):
        context = super().make_context(*args, **extra)
        os.kill(os.getpid(), signal.{name})
        return context

@click.group(cls=Group)
def main(): pass

@main.command()
def work(): pass

run_process(main)
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_between_the_steps_of_click_is_no_traceback(name: str, code: int) -> None:
    done = python(BETWEEN.replace("{name}", name), "work")
    assert done.returncode == code
    assert done.stderr.strip() == "interrupted"


def test_a_signal_that_comes_while_a_run_is_scored_ends_what_comes_after(
    tiny: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = training._finish  # pyright: ignore

    def interrupted(*everything: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        finish(*everything)

    monkeypatch.setattr(training, "_finish", interrupted)
    with pytest.raises(Interrupted, match="is finished") as stopped:
        training.fit(tiny, tmp_path / "run", plots=False)
    assert stopped.value.exit_code == 130
    assert (tmp_path / "run" / "result.json").exists()


def test_handlers_are_as_before_once_signals_are_deferred_no_more() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with deferred_signals() as pending:
        os.kill(os.getpid(), signal.SIGTERM)
    assert pending == Pending(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


CLOSED = """
import os
os.close(2)
from runtime.host.streams import open_streams
open_streams()
print(os.fstat(2).st_rdev == os.stat(os.devnull).st_rdev)
print(os.open("{file}", os.O_RDWR | os.O_CREAT) > 2)
"""


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    program = CLOSED.replace("{file}", str(tmp_path / "lock"))
    done = python(program)
    assert done.stdout == "True\nTrue\n"
