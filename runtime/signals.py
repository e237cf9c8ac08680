"""SIGINT and SIGTERM: finish the call, save, and leave with 130 or 143."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

WATCHED = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818 -- not an error: the run was saved as asked
    """Training was stopped by a signal, after saving its state."""

    def __init__(self, number: int, folder: Path, step: int) -> None:
        self.exit_code = 128 + number
        self.folder = folder
        self.step = step
        name = signal.Signals(number).name
        super().__init__(f"stopped by {name} at step {step}; `pcc resume {folder}` continues")


@dataclass
class Pending:
    """The signal that arrived, if one did."""

    number: int | None = None


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
        for watched in WATCHED:
            signal.signal(watched, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in WATCHED}
    try:
        yield pending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
