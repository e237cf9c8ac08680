"""Runs that go on with something changed, and runs that end early: what is told of them."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic
from runtime.commands.progress import Plain
from runtime.runs.position import Best
from runtime.training.fit import fit, resume
from runtime.training.loop import _improves
from runtime.training.reporter import EarlyStop, Silent
from tests.runtime.helpers import Spec, changed, train


class Listener(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Diagnostic] = []
        self.stops: list[EarlyStop] = []

    def warn(self, warning: Diagnostic) -> None:
        self.told.append(warning)

    def stopped_early(self, stop: EarlyStop) -> None:
        self.stops.append(stop)

    def of(self, code: str) -> list[Diagnostic]:
        return [warning for warning in self.told if warning.code == code]


def test_a_longer_schedule_is_told_with_the_rates_before_and_after(
    tiny: Spec, tmp_path: Path
) -> None:
    """Half a cosine: 0.02 (1 + cos(pi 14 / 15)) / 2 in the last step of 15, and half of the
    rate, 0.01, in step 16 of 30."""
    run = train(tiny, tmp_path / "run", learning={"schedule": "cosine"})
    listener = Listener()
    more = resume(run.path, ["training.epochs=6"], listener, allow_changed=True, plots=False)
    [warning] = listener.of("PC568")
    last = 0.02 * 0.5 * (1 + np.cos(np.pi * 14 / 15))
    assert f"from {last:.3g} to 0.01" in warning.message
    assert f"{0.01 / last:.3g} times" in warning.message
    rates = more.column("learning_rate")[1]
    np.testing.assert_allclose(rates[14:16], [last, 0.01], rtol=1e-4)


def test_a_constant_rate_goes_on_without_a_word(tiny: Spec, tmp_path: Path) -> None:
    run = train(tiny, tmp_path / "run")
    listener = Listener()
    resume(run.path, ["training.epochs=4"], listener, allow_changed=True, plots=False)
    assert not listener.told
    assert load_best(run.path) is not None


def load_best(path: Path) -> Best | None:
    from runtime.training.opened_run import load_run

    return load_run(path).best


def test_another_monitor_starts_best_anew(tiny: Spec, tmp_path: Path) -> None:
    run = train(tiny, tmp_path / "run")
    listener = Listener()
    changes = ["training.monitor=loss", "training.epochs=4"]
    more = resume(run.path, changes, listener, allow_changed=True, plots=False)
    [warning] = listener.of("PC569")
    assert "the monitored metric was accuracy and is loss" in warning.message
    assert more.best is not None
    assert (more.best.metric, more.best.epoch) == ("loss", 4)


def test_other_data_starts_best_anew(tiny: Spec, tmp_path: Path, blobs: Path) -> None:
    path = tmp_path / "own.npz"
    with np.load(blobs) as arrays:
        given = dict(arrays)
    np.savez(path, **given)
    spec = changed(tiny, data={"source": {"npz": str(path)}})
    run = train(spec, tmp_path / "run")
    np.savez(path, **(given | {"y": (given["y"] + 1) % 3}))
    listener = Listener()
    more = resume(run.path, ["training.epochs=4"], listener, allow_changed=True, plots=False)
    [warning] = listener.of("PC569")
    assert "the data is not what it was" in warning.message
    assert more.best is not None
    assert more.best.epoch == 4


@pytest.mark.parametrize(
    ("value", "loss", "better"),
    [
        (0.9, 0.3, False),
        (0.9, 0.2, True),
        (0.95, 9.0, True),
        (0.85, 0.1, False),
        (0.9, None, False),
    ],
)
def test_equal_accuracies_are_told_apart_by_the_loss(
    value: float, loss: float | None, better: bool
) -> None:
    best = Best("accuracy", 0.9, 5, 1, 0.3)
    assert _improves(Best("accuracy", value, 10, 2, loss), best, 0.0) is better


def test_accuracy_that_stays_while_the_loss_falls_does_not_end_training(
    tiny: Spec, tmp_path: Path
) -> None:
    """Few validation samples, all right from early on: the best is the last epoch, by its loss."""
    stop = {"epochs": 12, "early_stop": {"patience": 2}}
    run = train(tiny, tmp_path / "run", training=stop, data={"validation": 0.1})
    lines = [line for line in run.metrics if line["kind"] == "epoch"]
    accuracies, losses = ([line[name] for line in lines] for name in ("accuracy", "loss"))
    best = max(range(len(lines)), key=lambda i: (accuracies[i], -losses[i]))
    assert run.best is not None
    assert run.best.epoch == best + 1
    flat = max(accuracies.count(value) for value in accuracies)
    assert flat > 3, "the case that is meant: an accuracy that stays for longer than the patience"


def test_an_early_stop_is_said(tiny: Spec, tmp_path: Path) -> None:
    frozen = {"optimizer": {"sgd": {"learning_rate": 1e-12}}}
    training = {"epochs": 9, "early_stop": {"patience": 2}}
    spec = changed(tiny, training=training)
    spec["learning"] = {**spec["learning"], **frozen}
    listener, stream = Listener(), io.StringIO()
    with warnings.catch_warnings():
        fit(spec, tmp_path / "run", reporter=listener, plots=False)
    [stop] = listener.stops
    assert (stop.epochs, stop.patience, stop.metric) == (9, 2, "accuracy")
    assert stop.best is not None
    assert stop.epoch == stop.best + 2
    Plain(stream).stopped_early(stop)
    said = stream.getvalue()
    assert f"stopped early after epoch {stop.epoch} of 9: 2 epochs" in said
    assert f"the best is epoch {stop.best}" in said
