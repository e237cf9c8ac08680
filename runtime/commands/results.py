"""Shared by the commands that train networks or use trained ones: the end of a training, opening a
run, printing scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pccompiler.diagnostics.render import render
from pccompiler.diagnostics.wording import plural
from runtime.commands.options import echo_json
from runtime.host.signals import Interrupted
from runtime.host.streams import tell

if TYPE_CHECKING:
    from runtime.training.opened_run import Run

Result = TypeVar("Result")


def opened(run_dir: str) -> Run:
    """A run to be used; that its newest checkpoint is damaged goes to stderr."""
    from runtime.host.backend import use_device
    from runtime.training.opened_run import load_run

    run = load_run(run_dir)
    use_device()
    if run.warnings:
        tell(render(run.warnings))
    return run


def until_interrupted(training: Callable[[], Result]) -> Result:
    """Runs a training and returns its result; an interruption ends the command, and says how to
    continue."""
    try:
        return training()
    except Interrupted as stopped:
        tell(str(stopped))
        raise SystemExit(stopped.exit_code) from None


def print_result(run: Run, as_json: bool) -> None:
    """Test scores of a run that has ended, and its folder."""
    if as_json:
        echo_json({"run": str(run.path), **(run.result or {})})
        return
    for name, scores in _test_scores(run).items():
        title = "test" if name == "last" else f"test (best epoch, step {scores['trained_steps']})"
        click.echo(f"{title}: {scores_text(scores)}")
    click.echo(f"run: {run.path}")


def _test_scores(run: Run) -> Mapping[str, Any]:
    return (run.result or {}).get("test") or {}


def scores_text(scores: Mapping[str, Any]) -> str:
    """`accuracy 97.8 %, loss 0.0712 (360 samples, prediction: feedforward)`."""
    parts = []
    if scores.get("accuracy") is not None:
        parts.append(f"accuracy {scores['accuracy']:.2%}")
    if scores.get("loss") is not None:
        parts.append(f"loss {scores['loss']:.4g}")
    if scores.get("energy") or not parts:
        parts.append(f"energy {scores['energy']:.4g}")
    samples = f"{scores['samples']} {plural(scores['samples'], 'sample')}"
    return f"{', '.join(parts)} ({samples}, prediction: {scores['method']})"
