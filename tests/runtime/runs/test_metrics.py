"""The metrics file: whole lines, no duplicate steps, no NaN."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runtime.runs.metrics import MetricsFile


@pytest.fixture
def metrics(tmp_path: Path) -> MetricsFile:
    file = MetricsFile(tmp_path / "metrics.jsonl")
    file.append({"kind": "step", "step": step, "loss": 1.5} for step in (1, 2, 3))
    return file


def steps(file: MetricsFile) -> list[int]:
    return [line["step"] for line in file.read()]


def test_a_half_written_last_line_is_left_out_and_cut(metrics: MetricsFile) -> None:
    with metrics.path.open("a") as stream:
        stream.write('{"kind": "step", "step": 4, "lo')
    assert steps(metrics) == [1, 2, 3]
    metrics.cut(3)
    metrics.append([{"kind": "step", "step": 4}])
    assert steps(metrics) == [1, 2, 3, 4]


def test_a_last_line_without_its_line_end_counts_as_half_written(metrics: MetricsFile) -> None:
    with metrics.path.open("a") as stream:
        stream.write('{"kind": "step", "step": 4}')
    assert steps(metrics) == [1, 2, 3]


def test_what_comes_after_the_checkpoint_is_cut(metrics: MetricsFile) -> None:
    metrics.cut(2)
    assert steps(metrics) == [1, 2]
    metrics.append([{"kind": "step", "step": 3}])
    assert steps(metrics) == [1, 2, 3]


def test_scores_after_training_are_cut_because_they_come_again(metrics: MetricsFile) -> None:
    metrics.append([{"kind": "test", "step": 3}])
    metrics.cut(3)
    assert [line["kind"] for line in metrics.read()] == ["step"] * 3


def test_lines_that_are_no_metrics_are_passed_over(metrics: MetricsFile) -> None:
    with metrics.path.open("ab") as stream:
        stream.write(b"\xff\xfe\n[1]\n{}\n\n")
    metrics.append([{"kind": "step", "step": 4}])
    assert steps(metrics) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": ["step"], "step": 4},
        {"kind": "step", "step": True},
        {"kind": "step", "step": 4, "loss": "0.5"},
        {"kind": "step", "step": 4, "loss": 10**400},
        {"kind": "step", "step": 4, "energy": 0.5},
        {"kind": "step", "step": 4, "node_energy": {"clamped": {"h": [1.0]}}},
        {"kind": "epoch", "step": 4, "loss": 0.5},
        {"kind": "epoch", "step": 4, "epoch": 1, "seconds": "1"},
        {"kind": "trajectory", "step": 4},
        {"kind": "trajectory", "step": 4, "epoch": 1, "energy": {"clamped": [1.0]}},
        {"kind": "trajectory", "step": 4, "epoch": 1, "energy": {"clamped": {"h": "1.0"}}},
        {"kind": "test", "step": 4, "accuracy": {"a": 1}},
    ],
)
def test_lines_with_something_else_than_numbers_are_passed_over_and_cut(
    metrics: MetricsFile, odd: Any
) -> None:
    with metrics.path.open("a") as stream:
        stream.write(json.dumps(odd) + "\n" + "[" * 100_000 + "\n")
    assert steps(metrics) == [1, 2, 3]
    metrics.cut(9)
    assert metrics.path.read_bytes().count(b"\n") == 3


def test_numbers_that_are_not_finite_are_null(metrics: MetricsFile) -> None:
    metrics.append([{"kind": "step", "step": 4, "a": float("nan"), "b": [float("inf"), 0.1]}])
    last = json.loads(metrics.path.read_text().splitlines()[-1])
    assert last["a"] is None
    assert last["b"] == [None, 0.1]


def test_a_run_without_metrics_has_no_lines(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "metrics.jsonl")
    file.cut(0)
    assert file.read() == ()
