"""Metrics in other forms beside metrics.jsonl, for those that a spec asks for.

training: {loggers: [csv, tensorboard]}

metrics_step.csv, metrics_epoch.csv, metrics_test.csv    a row for each line of metrics.jsonl
tensorboard/events.out.tfevents.*                        `tensorboard --logdir runs` shows them

metrics.jsonl is what counts: the others are written after it, and made again from it where a
run that continues finds that they do not agree.
"""

from __future__ import annotations

import csv
import io
import math
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.spec.models import RunSpec
from pccompiler.spec.tree import Document
from runtime.host.durable import first_free, replace_file, writing
from runtime.runs.metrics import Line, MetricsFile
from runtime.runs.run_folder import RunFolder

KINDS = ("step", "epoch", "test")
"""The kinds of line whose numbers are logged."""


class Logger(Protocol):
    """Another form of the metrics."""

    def append(self, lines: Sequence[Line]) -> None:
        """Adds lines that metrics.jsonl already holds. Raises DataError (PC522)."""
        ...

    def close(self) -> None: ...


class Log:
    """metrics.jsonl, and what is kept beside it."""

    def __init__(self, file: MetricsFile, loggers: Sequence[Logger]) -> None:
        self._file = file
        self._loggers = loggers

    def append(self, lines: Iterable[Line]) -> None:
        """Adds lines everywhere, to metrics.jsonl first."""
        lines = tuple(lines)
        self._file.append(lines)
        for logger in self._loggers:
            logger.append(lines)


@contextmanager
def open_log(folder: RunFolder, names: Sequence[str], step: int) -> Iterator[Log]:
    """The log of a run that goes on after `step` steps, to which metrics.jsonl has been cut."""
    kinds = {"csv": CsvLogger, "tensorboard": TensorBoardLogger}
    loggers: list[Logger] = []
    try:
        for name in dict.fromkeys(names):
            loggers.append(kinds[name](folder, step))
        yield Log(folder.metrics, loggers)
    finally:
        for logger in loggers:
            logger.close()


def refuse_missing_loggers(spec: RunSpec, document: Document) -> None:
    """Raises SpecError (PC563) if the spec asks for a logger whose library is not installed."""
    if "tensorboard" not in spec.training.loggers or find_spec("tensorboard") is not None:
        return
    raise SpecError(
        Diagnostic(
            "PC563",
            "the logger `tensorboard` needs the library tensorboard, which is not installed",
            document.span(("training", "loggers")),
            "training.loggers",
            help="`pip install tensorboard`, or install pcc with its extra: "
            "pip install '.[tensorboard]'",
        )
    )


def flat(line: Line) -> dict[str, Any]:
    """The values of a line by name; of nested ones by a path, `node_energy/clamped/h1`."""

    def entries(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for key, value in values.items():
            if isinstance(value, Mapping):
                yield from entries(value, f"{prefix}{key}/")
            else:
                yield f"{prefix}{key}", value

    return dict(entries(line, ""))


class CsvLogger:
    """A table for each kind of line. A number that is not finite is an empty cell."""

    def __init__(self, folder: RunFolder, step: int) -> None:
        self._folder = folder
        self._columns: dict[str, list[str]] = {}
        self._write_anew()

    def append(self, lines: Sequence[Line]) -> None:
        rows = _rows(lines)
        for kind in rows:
            if any(row.keys() - self._columns.get(kind, ()) for row in rows[kind]):
                self._write_anew()  # a column is new: metrics.jsonl has these lines too
                return
        for kind in rows:
            path = self._path(kind)
            with writing(path), path.open("a", encoding="utf-8", newline="") as stream:
                stream.write(_table(self._columns[kind], rows[kind]))

    def close(self) -> None: ...

    def _write_anew(self) -> None:
        rows = _rows(self._folder.metrics.read())
        self._columns = {
            kind: list(dict.fromkeys(name for row in rows[kind] for name in row)) for kind in rows
        }
        for kind in KINDS:
            path = self._path(kind)
            if kind in rows:
                columns = self._columns[kind]
                header = _table(columns, [dict(zip(columns, columns, strict=True))])
                replace_file(path, (header + _table(columns, rows[kind])).encode())
            else:
                with writing(path):
                    path.unlink(missing_ok=True)

    def _path(self, kind: str) -> Path:
        return self._folder.path / f"metrics_{kind}.csv"


def _rows(lines: Iterable[Line]) -> dict[str, list[dict[str, Any]]]:
    """Lines as rows of the tables, without their kind."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if line["kind"] in KINDS:
            row = flat(line)
            rows.setdefault(row.pop("kind"), []).append(row)
    return rows


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    """As metrics.jsonl writes it: floats to 7 digits."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.7g}" if math.isfinite(value) else ""
    return "" if value is None else str(value)


class TensorBoardLogger:
    """Event files of TensorBoard: a scalar for each number, by training step.

    Written here rather than by TensorBoard's writer, whose thread tells of a full disk with a
    traceback of its own.
    """

    def __init__(self, folder: RunFolder, step: int) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._events: Any = event_pb2  # modules that are made as they are imported
        self._summaries: Any = summary_pb2
        self._records = RecordWriter
        parent = folder.path / "tensorboard"
        new = not parent.is_dir()
        with writing(parent):
            parent.mkdir(exist_ok=True)
        # TensorBoard reads the files in the order of their names.
        begun = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        self._path = first_free(parent / f"{begun}.{n:03d}" for n in count())
        first = self._event(0, file_version="brain.Event:2")
        if new:
            self._write([first, *self._summary_events(folder.metrics.read())])
        else:  # what an earlier session wrote after this step does not count any more
            start = self._events.SessionLog(status=self._events.SessionLog.START)
            self._write([first, self._event(step + 1, session_log=start)])

    def append(self, lines: Sequence[Line]) -> None:
        self._write(self._summary_events(lines))

    def _summary_events(self, lines: Sequence[Line]) -> Iterator[Any]:
        value = self._summaries.Summary.Value
        for line in lines:
            values = [value(tag=tag, simple_value=number) for tag, number in _scalars(line)]
            if values:
                yield self._event(line["step"], summary=self._summaries.Summary(value=values))

    def _event(self, step: int, **content: Any) -> Any:
        return self._events.Event(step=step, wall_time=time.time(), **content)

    def _write(self, events: Iterable[Any]) -> None:
        text = io.BytesIO()
        for event in events:
            self._records(text).write(event.SerializeToString())
        with writing(self._path), self._path.open("ab") as stream:
            stream.write(text.getvalue())

    def close(self) -> None: ...


def _scalars(line: Line) -> Iterator[tuple[str, float]]:
    """The numbers of a line by TensorBoard's names, whose first part makes a group."""
    group = {"step": "train", "epoch": "validation", "test": "test"}.get(line["kind"])
    if group is None:
        return
    if line.get("parameters") == "best":
        group = "test_best"
    for name, value in flat(line).items():
        if (
            name in ("step", "epoch")
            or isinstance(value, bool)
            or not isinstance(value, int | float)
        ):
            continue
        if name in ("seconds", "steps_per_second"):
            yield f"speed/{name}", value
        else:
            yield (name if "/" in name else f"{group}/{name}"), value
