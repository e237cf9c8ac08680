"""`pcc runs`: lists, compares and deletes run folders."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runtime.commands.options import JSON, echo_json, ending
from runtime.commands.tables import fits, print_table
from runtime.host.streams import tell

if TYPE_CHECKING:
    from runtime.runs.run_list import RunInfo

RUN_EXITS = "Exit codes: 0 good; 2 usage; 3 a folder that is no run, or cannot be used."


@click.group("runs")
def command() -> None:
    """List, compare or delete run folders."""


@command.command(
    name="list",
    epilog=ending("pcc runs list", "pcc runs list runs/net-compare-001 --json", exits=RUN_EXITS),
)
@click.argument("folder", default="runs", type=click.Path())
@JSON
def list_runs(folder: str, as_json: bool) -> None:
    """List the runs in a folder and in the folders in it.

    FOLDER is by default `runs`. Shows the state of each, its epochs, the best value of its
    monitored metric on the validation split, and the test scores of its last parameters.
    """
    from runtime.runs.run_folder import RUNS
    from runtime.runs.run_list import list_runs

    found = list_runs(Path(folder)) if folder != str(RUNS) or RUNS.exists() else ()
    if as_json:
        echo_json([run.as_json() for run in found])
    elif found:
        print_runs(found)
    else:
        tell(f"no runs in {folder}")


@command.command(
    name="compare", epilog=ending("pcc runs compare runs/net-001 runs/net-002", exits=RUN_EXITS)
)
@click.argument("paths", nargs=-1, required=True, metavar="RUN...", type=click.Path())
@JSON
def compare_runs(paths: tuple[str, ...], as_json: bool) -> None:
    """Compare runs: their scores, and in what their specs differ.

    Scores are means per sample, times are seconds spent in training steps.
    """
    from runtime.runs.run_list import differences, open_runs, run_info

    folders = open_runs(paths)
    found = [run_info(folder) for folder in folders]
    differing = differences(folders)
    if as_json:
        echo_json({"runs": [run.as_json() for run in found], "differences": differing})
        return
    print_runs(found)
    if differing:
        print_differences(found, differing)


@command.command(
    name="delete", epilog=ending("pcc runs delete runs/net-001 runs/net-002", exits=RUN_EXITS)
)
@click.argument("paths", nargs=-1, required=True, metavar="RUN...", type=click.Path())
def delete_runs(paths: tuple[str, ...]) -> None:
    """Delete run folders, with their checkpoints and metrics. Nothing is asked.

    Refuses, and then deletes none of them, if one is no run folder, if a run is training, or if
    a folder holds files that pcc did not write.
    """
    from runtime.runs.run_list import delete_runs

    for folder in delete_runs(paths):
        tell(f"deleted {folder.path}")


def print_runs(runs: Sequence[RunInfo]) -> None:
    """A row for each run."""

    def best(run: RunInfo) -> str:
        if run.best is None:
            return "-"
        value = "-" if run.best["value"] is None else f"{run.best['value']:.4g}"
        return f"{run.best['metric']} {value} in epoch {run.best['epoch']}"

    def test(run: RunInfo) -> str:
        known = [(k, (run.test or {}).get(k)) for k in ("accuracy", "loss", "energy")]
        shown = [f"{name} {value:.4g}" for name, value in known if value is not None]
        return ", ".join(shown[:2]) or "-"

    columns = (
        "run",
        "network",
        "rule",
        "state",
        "epochs#",
        "best validation",
        "test",
        "seconds#",
        "started",
    )
    rows = [
        (
            run.run,
            run.name,
            run.rule,
            run.state,
            f"{run.epoch}/{run.epochs}",
            best(run),
            test(run),
            f"{run.seconds:.1f}",
            run.started or "-",
        )
        for run in runs
    ]
    title = "runs"
    if not fits(columns, rows):
        folder, names = _shortened([run.run for run in runs])
        title = f"runs in {folder}" if folder else title
        rows = [(name, *row[1:]) for name, row in zip(names, rows, strict=True)]
    spare = ("started", "seconds#", "network", "rule", "epochs#", "best validation", "state")
    print_table(title, columns, rows, spare)
    for run in runs:
        if run.remark:
            tell(f"{run.run}: {run.remark}")


def _shortened(names: Sequence[str]) -> tuple[str, list[str]]:
    """The folder that all these runs are in, and their names in there."""
    parents = [Path(name).parent for name in names]
    if len({parent.is_absolute() for parent in parents}) > 1:
        return "", list(names)
    folder = os.path.commonpath(parents)
    return folder, [os.path.relpath(name, folder or ".") for name in names]


def print_differences(runs: Sequence[RunInfo], differing: Mapping[str, Sequence[Any]]) -> None:
    """A row for each key of the specs that differs, a column for each run."""
    print_table(
        "differences of the specs",
        ("key", *(run.run for run in runs)),
        (
            (key, *("-" if value is None else _plain(value) for value in values))
            for key, values in differing.items()
        ),
    )


def _plain(value: Any) -> str:
    """A value of a spec: lists and mappings as JSON."""
    return json.dumps(value) if isinstance(value, list | dict) else str(value)
