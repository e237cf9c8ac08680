"""SIGINT and SIGTERM: training finishes its call and saves; everything else ends at once.

The exit codes are 130 and 143.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

WATCHED = (signal.SIGINT, signal.SIGTERM)

_AGAIN_AFTER = 0.5
"""Seconds after which an exception that a library has swallowed is raised again."""


class Interrupted(Exception):  # noqa: N818 -- not an error: the run was saved as asked
    """Training was stopped by a signal, after saving its state."""

    def __init__(self, number: int, folder: Path, step: int, finished: bool = False) -> None:
        self.exit_code = 128 + number
        self.folder = folder
        self.step = step
        name = signal.Signals(number).name
        after = f"{folder} is finished" if finished else f"`pcc resume {folder}` continues"
        super().__init__(f"stopped by {name} at step {step}; {after}")


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(signal.Signals(number).name)


@dataclass
class Pending:
    """The signal that arrived, if one did."""

    number: int | None = None


_stopping = Pending()
"""The signal for which `Stopped` is on its way."""


def stop_on_signals() -> None:
    """From now on the first SIGINT or SIGTERM raises `Stopped`, and a second one kills.

    Exceptions are lost in callbacks of libraries (JAX registers one with the garbage
    collector), so it is raised again and again until `stop_ends`.
    """

    def stop(number: int, _: FrameType | None) -> None:
        _let_the_next_one_kill()
        _stopping.number = number
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER, _AGAIN_AFTER)
        raise Stopped(number)

    def again(_number: int, _: FrameType | None) -> None:
        if _stopping.number is not None:
            raise Stopped(_stopping.number)

    tell_unraisable = sys.unraisablehook

    def unless_stopped(lost: Any) -> None:
        if not isinstance(lost.exc_value, Stopped):
            tell_unraisable(lost)

    sys.unraisablehook = unless_stopped
    signal.signal(signal.SIGALRM, again)
    for number in WATCHED:
        signal.signal(number, stop)


def stop_ends() -> None:
    """`Stopped` has arrived where it ends the process, or its signal where it is waited for."""
    if _stopping.number is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _stopping.number = None


@contextmanager
def deferred_signals() -> Iterator[Pending]:
    """Notes the first SIGINT or SIGTERM instead of acting on it; a second one kills.

    Outside the main thread Python cannot catch signals, so nothing is caught there.
    """
    pending = Pending()
    if threading.current_thread() is not threading.main_thread():
        yield pending
        return

    def note(number: int, _: FrameType | None) -> None:
        pending.number = number
        _let_the_next_one_kill()

    before = {number: signal.signal(number, note) for number in WATCHED}
    pending.number = _stopping.number  # one whose exception was lost
    stop_ends()
    try:
        yield pending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_the_next_one_kill() -> None:
    for number in WATCHED:
        signal.signal(number, signal.SIG_DFL)
