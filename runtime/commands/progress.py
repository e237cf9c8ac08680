"""The progress of a run on stderr: a bar on a terminal, a line per epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.render import render
from pccompiler.diagnostics.wording import plural
from runtime.training.reporter import (
    EarlyStop,
    EpochReport,
    Reporter,
    Silent,
    Start,
    StepReport,
)

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def reporter_for(stream: IO[str] | None = None) -> Reporter:
    """The reporter that suits a stream; the default is stderr."""
    stream = stream or sys.stderr
    if stream is None:  # a process without standard streams
        return Silent()
    return Bar(stream) if stream.isatty() else Plain(stream)


class Plain:
    """A line per epoch, for logs and pipes."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._epochs = 0
        self._begin = 0.0

    def begin(self, start: Start) -> None:
        self._epochs = start.epochs
        self._begin = time.monotonic()
        self._say(beginning(start))

    def step(self, report: StepReport) -> None: ...

    def epoch(self, report: EpochReport) -> None:
        elapsed = time.monotonic() - self._begin
        self._say(f"{summary(report, self._epochs)}  {elapsed:.0f} s")

    def warn(self, warning: Diagnostic) -> None:
        self._say(render([warning]))

    def end(self) -> None: ...

    def stopped_early(self, stop: EarlyStop) -> None:
        self._say(early_stop(stop))

    def _say(self, text: str) -> None:
        _say(text, self._stream)


class Bar:
    """A bar with epoch, training accuracy or loss, energy, speed and the time that is left."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console

        self._console = Console(file=stream, stderr=stream is sys.stderr)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._epochs = 0

    def begin(self, start: Start) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._epochs = start.epochs
        self._print(beginning(start))
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[scores]}"),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
        )
        first = start.step // start.steps_per_epoch + 1
        self._task = self._bar.add_task(
            "",
            total=start.total_steps,
            completed=start.step,
            epoch=f"{min(first, start.epochs)}/{start.epochs}",
            scores="compiling",
        )
        self._bar.start()

    def step(self, report: StepReport) -> None:
        if self._bar is None or self._task is None:
            return
        parts = [_score(report.accuracy, report.loss), f"energy {report.energy:.3g}"]
        if report.steps_per_second:
            parts.append(f"{_speed(report.steps_per_second)}")
        self._bar.update(
            self._task,
            completed=report.step,
            epoch=f"{report.epoch}/{self._epochs}",
            scores="  ".join(part for part in parts if part),
        )

    def epoch(self, report: EpochReport) -> None:
        self._print(summary(report, self._epochs))

    def warn(self, warning: Diagnostic) -> None:
        self._print(render([warning]))

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def stopped_early(self, stop: EarlyStop) -> None:
        self._print(early_stop(stop))

    def _print(self, text: str) -> None:
        # Names in messages may hold brackets, which rich would read as markup.
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def watching(title: str, stream: IO[str] | None = None) -> Iterator[Callable[[str], None]]:
    """Shows what has been done, while a long command is at work: the last of it behind a
    spinner on a terminal, each in a line elsewhere, none twice in a row."""
    stream = stream or sys.stderr
    if stream is not None and stream.isatty():
        from rich.console import Console
        from rich.markup import escape

        console = Console(file=stream, stderr=stream is sys.stderr)
        with console.status(title) as status:
            yield lambda done: status.update(escape(f"{title}: {done}"))
        return
    last = ""

    def say(done: str) -> None:
        nonlocal last
        if stream is not None and done != last:
            _say(f"{title}: {done}", stream)
        last = done

    yield say


def _say(text: str, stream: IO[str]) -> None:
    # Whoever read the lines may have gone (`pcc train ... 2>&1 | head`); the work goes on.
    with suppress(OSError, ValueError):
        print(text, file=stream, flush=True)


def beginning(start: Start) -> str:
    """The first line: what is trained, where, from which step."""
    where = f"training {start.name} in {start.folder}"
    if start.finished:
        return f"{start.name} in {start.folder} is finished; it is only evaluated again"
    if start.step:
        return f"{where}, from step {start.step} of {start.total_steps}"
    epochs = f"{start.epochs} {plural(start.epochs, 'epoch')}"
    steps = f"{start.steps_per_epoch} {plural(start.steps_per_epoch, 'step')}"
    return f"{where}: {epochs} of {steps}"


def early_stop(stop: EarlyStop) -> str:
    """The line that says that training ended before its last epoch, and why."""
    text = f"stopped early after epoch {stop.epoch} of {stop.epochs}: "
    if stop.value is None:
        return f"{text}the {stop.metric} was never finite"
    many = plural(stop.patience, "epoch")
    text += f"{stop.patience} {many} (early_stop.patience) without an improvement of the "
    return f"{text}{stop.metric}; the best is epoch {stop.best}, {_value(stop)}"


def _value(stop: EarlyStop) -> str:
    return f"{stop.value:.2%}" if stop.metric == "accuracy" else f"{stop.value:.4g}"


def summary(report: EpochReport, epochs: int) -> str:
    """One line about an epoch."""
    parts = [f"epoch {report.epoch:{len(str(epochs))}d}/{epochs}"]
    if report.scores:
        scores = report.scores
        loss = f"energy {scores.energy:.4g}" if scores.loss is None else f"loss {scores.loss:.4g}"
        shown = [_score(scores.accuracy, None), loss]
        parts.append(f"validation {'  '.join(part for part in shown if part)}")
    if report.steps_per_second:
        parts.append(_speed(report.steps_per_second))
    if report.best:
        parts.append("best so far")
    return "  ".join(parts)


def _score(accuracy: float | None, loss: float | None) -> str:
    if accuracy is not None:
        return f"accuracy {accuracy:.2%}"
    return f"loss {loss:.4g}" if loss is not None else ""


def _speed(steps_per_second: float) -> str:
    return f"{steps_per_second:.{1 if steps_per_second < 100 else 0}f} steps/s"
