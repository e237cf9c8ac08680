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
from typing import Any

from runtime.host.durable import replace_file, writing
from runtime.host.json_text import finite

Line = Mapping[str, Any]
"""One line of metrics.jsonl."""

_STEP = b'{"kind": "step", '
"""The first characters of a training step's line."""

_DEPTHS = {
    "loss": 0,
    "accuracy": 0,
    "energy": 0,
    "learning_rate": 0,
    "gradient_norm": 1,
    "node_energy": 2,
    "steps": 1,
    "seconds": 0,
    "steps_per_second": 0,
    "trained_steps": 0,
}
"""The depth of mappings in which the numbers of a metric stand."""
_OF_A_STEP = _DEPTHS | {"energy": 1}

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
        something else where a number belongs.

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
        if not self.path.is_file():
            return
        for text in self.path.read_bytes().splitlines(keepends=True):
            if not text.endswith(b"\n"):
                return
            if not steps and text.startswith(_STEP):
                continue
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if _is_sound(line):
                yield line, text


def _is_sound(line: Any) -> bool:
    """Whether a line has a kind and a step, and numbers in the places of numbers."""
    if not isinstance(line, dict) or type(line.get("step")) is not int:
        return False
    kind = line.get("kind")
    if not isinstance(kind, str):
        return False
    if kind in ("epoch", "trajectory") and type(line.get("epoch")) is not int:
        return False
    if kind == "trajectory":
        gradients = line.get("state_gradient_norm", {})  # runs of old have none
        return _is_trajectory(line.get("energy")) and _is_trajectory(gradients)
    depths = _OF_A_STEP if kind == "step" else _DEPTHS
    return all(_is_numbers(line[name], depths[name]) for name in depths.keys() & line.keys())


def _is_numbers(value: Any, depth: int) -> bool:
    if depth and isinstance(value, dict):
        return all(_is_numbers(entry, depth - 1) for entry in value.values())
    return value is None or (not depth and _is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)


def _is_trajectory(values: Any) -> bool:
    """Whether it is a list of numbers for each phase and node."""
    if not isinstance(values, dict) or not all(isinstance(part, dict) for part in values.values()):
        return False
    rows = [row for nodes in values.values() for row in nodes.values()]
    return all(
        isinstance(row, list) and all(value is None or _is_number(value) for value in row)
        for row in rows
    )


def to_json(value: Any) -> str:
    """JSON in one line; floats to 7 digits, null for what is not finite."""
    plain = finite(value, lambda x: float(f"{x:.7g}"))
    return json.dumps(plain, allow_nan=False, separators=(", ", ": "))
