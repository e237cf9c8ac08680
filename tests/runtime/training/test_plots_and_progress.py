"""What a run shows: pictures, a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic
from runtime.commands.progress import Bar, Plain, beginning, reporter_for
from runtime.runs.run_folder import RunFolder
from runtime.training import plots
from runtime.training.call_length import Pace, Speed
from runtime.training.evaluation import Scores
from runtime.training.fit import fit
from runtime.training.plots import draw
from runtime.training.reporter import EpochReport, Reporter, Start, StepReport
from tests.runtime.helpers import full_disk


def test_a_run_draws_every_metric_it_has(tiny: dict[str, Any], tmp_path: Path) -> None:
    from PIL import Image

    run = fit(tiny, tmp_path / "run")
    pictures = {path.stem: path for path in (run.path / "plots").iterdir()}
    drawn = {"loss", "accuracy", "energy", "inference", "state_gradient", "gradient_norm"}
    assert set(pictures) == drawn
    for path in pictures.values():
        with Image.open(path) as picture:
            assert len(np.unique(np.asarray(picture))) > 20, f"{path} is empty"


def test_plots_leave_out_what_a_run_has_not(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert draw(folder) == ()
    folder.metrics.append({"kind": "step", "step": i, "loss": 1 / i} for i in range(1, 400))
    folder.metrics.append([{"kind": "step", "step": 400, "loss": None}])
    assert [path.name for path in draw(folder)] == ["loss.png"]


def test_plots_need_no_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    folder = RunFolder(tmp_path)
    folder.metrics.append([{"kind": "step", "step": 1, "gradient_norm": {"h": 1.0}}])
    assert [path.name for path in draw(folder)] == ["gradient_norm.png"]


def test_plots_that_cannot_be_drawn_are_only_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path)
    folder.metrics.append([{"kind": "step", "step": 1, "loss": 1.0}])
    with full_disk(after=1000), pytest.warns(RuntimeWarning, match=r"PC522.*loss\.png"):
        assert draw(folder) == ()
    assert list(folder.plots.iterdir()) == []
    told: list[Diagnostic] = []
    monkeypatch.delattr(plots, "_finish")
    assert draw(folder, told.append) == ()
    assert (told[0].code, told[0].severity) == ("PC522", "warning")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def play(reporter: Reporter) -> None:
    """A short run, as a loop would report it."""
    reporter.begin(Start("mlp", Path("runs/a"), 5, 20, 5, 4))
    reporter.step(StepReport(10, 2, 0.5, 0.75, 1.25, 321.0))
    scores = Scores(0.4, 0.8, 1.0, 50, "feedforward")
    reporter.epoch(EpochReport(10, 2, scores, best=True, seconds=1.0, steps_per_second=321.0))
    reporter.epoch(EpochReport(15, 3, None, best=False, seconds=1.0, steps_per_second=3.21))
    reporter.warn(Diagnostic("PC530", "[x] is damaged", severity="warning"))
    reporter.end()


def test_without_a_terminal_there_is_a_line_per_epoch() -> None:
    stream = io.StringIO()
    reporter = reporter_for(stream)
    assert isinstance(reporter, Plain)
    play(reporter)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "training mlp in runs/a, from step 5 of 20"
    assert lines[1].startswith(
        "epoch 2/4  validation accuracy 80.00%  loss 0.4  321 steps/s  best so far"
    )
    assert lines[2].startswith("epoch 3/4  3.2 steps/s")
    assert "[x] is damaged" in stream.getvalue()


def test_the_first_line_counts_what_there_is_to_do() -> None:
    assert beginning(Start("mlp", Path("a"), 0, 4, 4, 1)).endswith(": 1 epoch of 4 steps")
    assert beginning(Start("mlp", Path("a"), 0, 2, 1, 2)).endswith(": 2 epochs of 1 step")
    finished = beginning(Start("mlp", Path("a"), 4, 4, 4, 1, finished=True))
    assert finished == "mlp in a is finished; it is only evaluated again"


def test_on_a_terminal_there_is_a_bar_with_scores_and_speed() -> None:
    stream = Terminal()
    reporter = reporter_for(stream)
    assert isinstance(reporter, Bar)
    play(reporter)
    text = stream.getvalue()
    for part in ("epoch 2/4", "accuracy 75.00%", "energy 1.25", "321 steps/s", "[x] is damaged"):
        assert part in text


def test_training_goes_on_when_nobody_reads_its_lines_any_more() -> None:
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w", closefd=False)
    play(Plain(stream))
    with suppress(BrokenPipeError):
        stream.close()
    os.close(write)


def test_a_process_without_standard_streams_trains_silently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    play_quietly = reporter_for()
    play_quietly.begin(Start("mlp", Path("a"), 0, 1, 1, 1))
    play_quietly.end()


def test_calls_grow_until_they_last_a_third_of_a_second_and_shrink_again() -> None:
    pace = Pace(64)
    pace.took(1, 9.0)  # compiles
    assert pace.count == 1
    pace.took(1, 0.001)
    assert pace.count == 8
    pace.took(8, 0.008)
    assert pace.count == 64
    pace.took(64, 2.9)
    assert pace.count == 6
    pace.took(6, 30.0)
    assert pace.count == 1


def test_speed_leaves_the_compiling_call_out() -> None:
    speed = Speed()
    speed.took(1, 9.0)
    assert speed.steps_per_second == 0
    speed.took(10, 0.5)
    speed.took(10, 1.5)
    assert speed.steps_per_second == 10
