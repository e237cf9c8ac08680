"""Tables on the terminal."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from pccompiler.planning.cost import bytes_text
from pccompiler.summary import Summary
from runtime.data.catalogue import FileCheck, Listing
from runtime.runs.run_list import RunInfo
from runtime.training.compare import Row
from runtime.training.dry_run import Outlook
from runtime.verification.report import verdict
from runtime.verification.rows import Report
from runtime.verification.rows import Row as Check

_WIDEST = 10_000
"""Columns of a table in a file, at most."""


class _Console(Console):
    """Leaves a reader that went away (`| head`) to the command line, which then ends quietly."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def print_table(
    title: str,
    columns: Iterable[str],
    rows: Iterable[Iterable[str]],
    spare: Sequence[str] | None = None,
) -> None:
    """A table on stdout; columns whose name ends with `#` are numbers, set flush right.

    With `spare`, no cell is folded: where a terminal is too narrow, these columns are left out,
    the first of them first.
    """
    columns, rows, hidden = list(columns), [list(row) for row in rows], list(spare or ())
    console = _Console()
    table = _table(title, columns, rows, fold=spare is None)
    while hidden and _width(console, table) > console.width and console.is_terminal:
        place = columns.index(hidden.pop(0))
        columns, rows = _without(columns, place), [_without(row, place) for row in rows]
        table = _table(title, columns, rows, fold=False)
    # A file or a pipe has no width to keep to; what may not be folded is left to the terminal.
    if spare is not None or not console.is_terminal:
        console.width = max(console.width, _width(console, table))
    console.print(table)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], fold: bool) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        justify = "right" if column.endswith("#") else "left"
        name = column.removesuffix("#")
        table.add_column(name, justify=justify, overflow="fold", no_wrap=not fold)
    for row in rows:
        table.add_row(*row)
    return table


def _width(console: Console, table: Table) -> int:
    widest = console.options.update(max_width=_WIDEST)
    return console.measure(table, options=widest).maximum


def _without(cells: list[str], place: int) -> list[str]:
    return cells[:place] + cells[place + 1 :]


def print_summary(summary: Summary) -> None:
    """Nodes, edges and totals of a network."""
    print_table(
        f"{summary.name}: nodes",
        ("node", "role", "shape", "activation", "energy"),
        ((n.name, n.role, _shape(n.shape), n.activation, n.energy or "-") for n in summary.nodes),
    )
    print_table(
        "edges",
        ("edge", "kind", "operators", "shapes", "parameters#", "FLOPs/sample#"),
        (
            (
                e.name,
                e.kind,
                e.operators,
                f"{_shape(e.source_shape)} -> {_shape(e.target_shape)}",
                f"{e.parameters:,}",
                f"{e.flops:,}",
            )
            for e in summary.edges
        ),
    )
    totals = summary.totals
    print_table(
        "totals",
        ("what", "amount#"),
        (
            ("parameters", f"{totals.parameters:,}"),
            ("FLOPs of a feedforward pass, per sample", f"{totals.forward_flops:,}"),
            (f"FLOPs of a {summary.rule} step, per sample", f"{totals.step_flops:,}"),
            ("memory of parameters, gradient and optimiser", bytes_text(totals.parameter_bytes)),
            (
                f"memory of the states of a batch of {totals.batch_size}",
                bytes_text(totals.state_bytes),
            ),
        ),
    )


def print_outlook(outlook: Outlook) -> None:
    """What a training would be."""
    counts = ", ".join(f"{count:,} {split}" for split, count in outlook.samples.items())
    rows = {
        "network": outlook.name + (f": {outlook.description}" if outlook.description else ""),
        "parameters": f"{outlook.parameters:,}",
        "memory of a training step": bytes_text(outlook.bytes),
        "rule": outlook.rule,
        "inference": outlook.inference,
        "optimizer": outlook.optimizer,
        "schedule": outlook.schedule,
        "data": outlook.source,
        "files": "\n".join(outlook.files) or "none needed",
        "samples": counts,
        "training": f"{outlook.epochs:,} epochs of {outlook.steps_per_epoch:,} steps, each of "
        f"{outlook.batch_size:,} samples: {outlook.steps:,} steps",
        "monitor": outlook.monitor or "nothing: no validation split",
        "early stop": outlook.early_stop or "none",
        "checkpoints": f"every {outlook.checkpoint_every}"
        if outlook.checkpoint_every
        else "at the end",
        "seed": str(outlook.seed),
        "devices": ", ".join(outlook.devices),
        "run folder": outlook.folder,
    }
    print_table("would train", ("what", "value"), rows.items())


def print_comparison(rows: Sequence[Row]) -> None:
    """A row for each rule: the mean over seeds, its spread, and the time of a step."""

    def number(value: float | None, otherwise: str) -> str:
        return otherwise if value is None else f"{value:.4f}"

    seeds = len(rows[0].seeds)
    print_table(
        f"test {rows[0].metric}" + (f", mean over {seeds} seeds" if seeds > 1 else ""),
        ("rule", "mean#", "spread#", "each seed", "ms/step#"),
        (
            (
                row.rule,
                number(row.mean, "diverged"),
                number(row.spread, "-"),
                " ".join(number(value, "diverged") for value in row.values),
                "-" if row.milliseconds_per_step is None else f"{row.milliseconds_per_step:.2f}",
            )
            for row in rows
        ),
    )


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

    print_table(
        "runs",
        (
            "run",
            "network",
            "rule",
            "state",
            "epochs#",
            "best validation",
            "test",
            "seconds#",
            "started",
        ),
        (
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
        ),
        ("started", "seconds#", "network", "rule", "best validation", "epochs#", "test"),
    )


def print_run_differences(runs: Sequence[RunInfo], differing: Mapping[str, Sequence[Any]]) -> None:
    """A row for each key of the specs that differs, a column for each run."""
    print_table(
        "differences of the specs",
        ("key", *(run.run for run in runs)),
        (
            (key, *("-" if value is None else _plain(value) for value in values))
            for key, values in differing.items()
        ),
    )


def print_report(report: Report) -> None:
    """The rows as a table on stdout, and the verdict in a line."""
    print_rows(f"{report.name}: {report.rule}, {report.header}", report.rows)


def print_rows(title: str, rows: Sequence[Check]) -> None:
    """Rows as a table, long cells folded."""
    print_table(
        title,
        ("check", "of", "theory", "measured", "verdict"),
        (
            (_folded(r.check), r.subject, _folded(r.expected), _folded(r.measured), verdict(r))
            for r in rows
        ),
    )


def _folded(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 38)) or ""


def _plain(value: Any) -> str:
    """A value of a spec: lists and mappings as JSON."""
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def print_sources(sources: Sequence[Listing]) -> None:
    """A row for each source; below them, how to get those that are missing."""
    words = {True: "yes", False: "no", None: "the spec names it"}
    print_table(
        "sources of data",
        ("source", "content", "found", "where"),
        (
            (
                s.name,
                s.content,
                words[s.found],
                "\n".join({str(Path(f).parent) for f in s.files.values()}) or "-",
            )
            for s in sources
        ),
    )
    for source in sources:
        if source.found is False:
            click.echo(f"{source.name}: {source.problem}\n  {source.how_to_get}")


def print_file_checks(checks: Sequence[FileCheck]) -> None:
    """A row for each file that was compared, or source that was read."""
    print_table(
        "data files",
        ("source", "what", "verdict", "SHA-256 of the content", "file"),
        ((c.source, c.content, c.verdict, c.sha256 or "-", c.file or "-") for c in checks),
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape)
