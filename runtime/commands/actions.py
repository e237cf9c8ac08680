"""What the commands that use a run do and print. Results go to stdout, the rest to stderr."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from pccompiler.diagnostics.diagnostic import RunError
from pccompiler.diagnostics.render import render
from pccompiler.diagnostics.wording import plural
from runtime.commands.options import echo_json
from runtime.commands.progress import reporter_for
from runtime.host.backend import use_device
from runtime.host.signals import Interrupted
from runtime.host.streams import ending_with, tell
from runtime.prediction.predict import predict_file
from runtime.prediction.request import Request
from runtime.runs.run_folder import RUNS
from runtime.training.fit import fit
from runtime.training.fit import resume as resume_fit
from runtime.training.opened_run import Run, Which, load_run

Result = TypeVar("Result")


def train(
    spec: str, overrides: Sequence[str], run_dir: str | None, device: str, as_json: bool
) -> None:
    """Trains and prints the result."""
    use_device(device)
    _finish(lambda: fit(spec, run_dir, overrides, reporter_for()), as_json)


def dry_run(
    spec: str, overrides: Sequence[str], run_dir: str | None, device: str, as_json: bool
) -> None:
    """Prints what would be trained."""
    from runtime.commands.tables import print_outlook
    from runtime.training.dry_run import outlook

    use_device(device)
    found = outlook(spec, run_dir, overrides)
    if found.warnings:
        tell(render(found.warnings))
    if as_json:
        echo_json(found.as_json())
    else:
        print_outlook(found)
    tell("dry run: nothing was trained or written")


def smoke(spec: str, overrides: Sequence[str], device: str, as_json: bool) -> None:
    """Trains two steps in a folder that is removed, and says how it went."""
    from runtime.training.dry_run import smoke as smoke_test

    use_device(device)
    try:
        done = smoke_test(spec, overrides, reporter_for())
    except Interrupted as stopped:
        tell("interrupted")
        raise SystemExit(stopped.exit_code) from None
    if as_json:
        echo_json(asdict(done))
        return
    click.echo(f"smoke test: {done.steps} training steps in {done.seconds:.1f} s; all is well")


def resume(
    run_dir: str,
    overrides: Sequence[str],
    allow_changed: bool,
    strict: bool,
    device: str,
    as_json: bool,
) -> None:
    """Continues a run and prints the result."""
    use_device(device)
    reporter = reporter_for()
    options = {"allow_changed": allow_changed, "strict": strict}
    _finish(lambda: resume_fit(run_dir, overrides, reporter, **options), as_json)


def evaluate(run_dir: str, split: str, which: Which, allow_changed: bool, as_json: bool) -> None:
    """Prints the scores of a run on a split."""
    scores = _opened(run_dir).evaluate(split, which, allow_changed=allow_changed)
    if as_json:
        echo_json({"run": run_dir, "split": split, **asdict(scores)})
        return
    click.echo(f"{split}: {_scores_text(asdict(scores))}")


def predict(run_dir: str, data: Sequence[str], output: str, which: Which, request: Request) -> None:
    """Writes predictions for files, or for what the request holds alone."""
    sources = [Path(name) for name in data]
    written = predict_file(_opened(run_dir), sources, Path(output), which, request)
    files = ", ".join(str(file) for file in written.files)
    tell(f"wrote {written.samples} {plural(written.samples, 'prediction')} to {files}")


def compare(
    spec: str, overrides: Sequence[str], rules: str, seeds: str, folder: str | None, as_json: bool
) -> None:
    """Trains under several rules and seeds, and prints a row for each rule."""
    from runtime.commands.tables import print_comparison
    from runtime.training.compare import compare as compare_rules
    from runtime.training.compare import parse_seeds, split_rules

    use_device()
    names = split_rules(rules)
    rows = _until_interrupted(
        lambda: compare_rules(
            spec,
            names,
            parse_seeds(seeds),
            overrides,
            Path(folder) if folder else None,
            reporter_for,
        )
    )
    with ending_with(RunError.exit_code if any(row.diverged for row in rows) else 0):
        if as_json:
            echo_json([row.as_json() for row in rows])
        else:
            print_comparison(rows)
            tell(f"runs: {rows[0].folders[0].parent}")


def runs_list(folder: str, as_json: bool) -> None:
    """Prints a row for each run in a folder."""
    from runtime.commands.tables import print_runs
    from runtime.runs.run_list import list_runs

    found = list_runs(Path(folder)) if folder != str(RUNS) or RUNS.exists() else ()
    if as_json:
        echo_json([run.as_json() for run in found])
    elif found:
        print_runs(found)
    else:
        tell(f"no runs in {folder}")


def runs_compare(paths: Sequence[str], as_json: bool) -> None:
    """Prints the scores of runs, and in what their specs differ."""
    from runtime.commands.tables import print_run_differences, print_runs
    from runtime.runs.run_list import differences, open_runs, run_info

    folders = open_runs(paths)
    found = [run_info(folder) for folder in folders]
    differing = differences(folders)
    if as_json:
        echo_json({"runs": [run.as_json() for run in found], "differences": differing})
        return
    print_runs(found)
    if differing:
        print_run_differences(found, differing)


def runs_delete(paths: Sequence[str]) -> None:
    """Deletes runs and says which."""
    from runtime.runs.run_list import delete_runs

    for folder in delete_runs(paths):
        tell(f"deleted {folder.path}")


def _opened(run_dir: str) -> Run:
    """A run to be used; that its newest checkpoint is damaged goes to stderr."""
    run = load_run(run_dir)
    use_device()
    if run.warnings:
        tell(render(run.warnings))
    return run


def _until_interrupted(training: Callable[[], Result]) -> Result:
    try:
        return training()
    except Interrupted as stopped:
        tell(str(stopped))
        raise SystemExit(stopped.exit_code) from None


def _finish(training: Callable[[], Run], as_json: bool) -> None:
    run = _until_interrupted(training)
    if as_json:
        echo_json({"run": str(run.path), **(run.result or {})})
        return
    for name, scores in _test_scores(run).items():
        title = "test" if name == "last" else f"test (best epoch, step {scores['trained_steps']})"
        click.echo(f"{title}: {_scores_text(scores)}")
    click.echo(f"run: {run.path}")


def _test_scores(run: Run) -> Mapping[str, Any]:
    return (run.result or {}).get("test") or {}


def _scores_text(scores: Mapping[str, Any]) -> str:
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
