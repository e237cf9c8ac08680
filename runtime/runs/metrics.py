"""metrics.jsonl: one JSON object per line, in the order of training.

    {"kind": "step", "step": 12, "epoch": 1, "loss": ..., "accuracy": ..., "energy": {phase: .},
     "node_energy": {phase: {node: .}}, "gradient_norm": {node: .}, "steps": {phase: .},
     "learning_rate": ...}
    {"kind": "epoch", "step": 20, "epoch": 1, "split": "validation", "method": "feedforward",
     "loss": ..., "accuracy": ..., "energy": ..., "seconds": ..., "steps_per_second": ...}
    {"kind": "trajectory", "step": 20, "epoch": 1, "energy": {phase: {node: [.., ..]}},
     "state_gradient_norm": {phase: {node: [.., ..]}}}
    {"kind": "test", "step": 400, "split": "test", "parameters": "last",
     "trained_steps": 400, "loss": ..., ...}      parameters: last, or best where they differ
    {"kind": "diverged", "step": 13, "epoch": 1, "node": ..., "phase": ..., "inference_step": .}

Steps and epochs count from 1. Energies and norms of dF/dx are batch means per sample.
A number that is not finite is written as null.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic
from runtime.host.durable import replace_file, writing
from runtime.host.json_text import finite
from runtime.runs.position import Count
from runtime.runs.reading import content

Line = Mapping[str, Any]
"""One line of metrics.jsonl."""

_STEP = b'{"kind": "step", '
"""The first characters of a training step's line."""

Number = Annotated[float, Field(allow_inf_nan=False)] | None
ByNode = dict[str, Number] | None
ByPhase = dict[str, ByNode] | None
Trajectory = dict[str, dict[str, list[Number]]]


class _Line(BaseModel):
    """The keys of every line, and the numbers that lines of several kinds may have."""

    model_config = ConfigDict(extra="allow", strict=True)

    kind: str
    step: Count
    epoch: Count | None = None
    best: bool | None = None
    split: str | None = None
    parameters: str | None = None
    loss: Number = None
    accuracy: Number = None
    learning_rate: Number = None
    gradient_norm: ByNode = None
    node_energy: ByPhase = None
    steps: ByNode = None
    seconds: Number = None
    steps_per_second: Number = None
    trained_steps: Number = None


class _Step(_Line):
    energy: ByNode = None


class _Other(_Line):
    energy: Number = None


class _Epoch(_Other):
    epoch: Count  # pyright: ignore


class _Trajectory(_Line):
    epoch: Count  # pyright: ignore
    energy: Trajectory
    state_gradient_norm: Trajectory = {}  # runs of old have none


_KINDS: Mapping[Any, type[_Line]] = {"step": _Step, "epoch": _Epoch, "trajectory": _Trajectory}

AFTER_TRAINING = frozenset({"test"})
"""Kinds of line that a run writes once it has ended, and a continued run writes again."""


@dataclass(frozen=True)
class MetricsFile:
    """The metrics of a run, appended to while it trains."""

    path: Path

    def append(self, lines: Iterable[Line]) -> None:
        """Adds lines and hands them to the system, so that a killed process loses none."""
        text = "".join(to_json(line) + "\n" for line in lines)
        if not text:
            return
        with writing(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.write(text)

    def sync(self) -> None:
        """Waits until everything so far is on the disk (before a checkpoint relies on it)."""
        if not self.path.exists():
            return
        with writing(self.path), self.path.open("a", encoding="utf-8") as stream:
            os.fsync(stream.fileno())

    def read(self, steps: bool = True) -> tuple[Line, ...]:
        """Every whole line; a last one that is half written is left out, and so is one with
        something else where a number belongs. Raises DataError (PC523) where the file cannot be
        read.

        Without `steps`, those of training steps, which are most of the file, are passed over.
        """
        return tuple(line for line, _ in self._whole_lines(steps))

    def cut(self, step: int) -> None:
        """Drops what a run that continues from `step` will write again, and half lines."""
        kept = [
            text
            for line, text in self._whole_lines()
            if line["step"] <= step and line["kind"] not in AFTER_TRAINING
        ]
        if self.path.exists():
            replace_file(self.path, b"".join(kept))

    def _whole_lines(self, steps: bool = True) -> Iterator[tuple[Line, bytes]]:
        for text in self._content().splitlines(keepends=True):
            if not text.endswith(b"\n"):
                return
            if not steps and text.startswith(_STEP):
                continue
            line = _sound(text)
            if line is not None:
                yield line, text

    def _content(self) -> bytes:
        """Raises DataError (PC523) where the system refuses to read it, or it is no file."""
        try:
            return content(self.path, None)
        except FileNotFoundError:
            return b""
        except OSError as error:
            message = f"{self.path} cannot be read: {error.strerror or error}"
            help = "make it readable, or move it away; it holds the metrics of the run"
            raise DataError(Diagnostic("PC523", message, help=help)) from None


def _sound(text: bytes) -> Line | None:
    """A line that has a kind and a step, and numbers in the places of numbers."""
    try:
        line = json.loads(text)
        kind = line.get("kind") if isinstance(line, dict) else None
        _KINDS.get(kind if isinstance(kind, str) else None, _Other).model_validate(line)
    except (ValueError, RecursionError, OverflowError):
        return None
    return line


def to_json(value: Any) -> str:
    """JSON in one line; floats to 7 digits, null for what is not finite."""
    plain = finite(value, lambda x: float(f"{x:.7g}"))
    return json.dumps(plain, allow_nan=False, separators=(", ", ": "))
