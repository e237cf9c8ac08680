"""`pcc compare`: the same network under several rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pccompiler.components.rules import BASELINE, DEFAULT, RULES
from pccompiler.diagnostics.diagnostic import RunError
from runtime.commands.options import (
    JSON,
    SET,
    SPEC,
    SpecCommand,
    completing,
    echo_json,
    ending,
)
from runtime.commands.results import until_interrupted
from runtime.commands.tables import print_table
from runtime.host.streams import ending_with, tell

if TYPE_CHECKING:
    from runtime.training.compare import Row


def rule_names() -> list[str]:
    """The rules that there are, those of plugins included."""
    return [rule.name for rule in RULES]


@click.command(
    "compare",
    cls=SpecCommand,
    epilog=ending(
        "pcc compare net.yaml",
        "pcc compare net.yaml --rules z_il,backprop --seeds 0..4 -s training.epochs=5",
        "pcc compare net.yaml --rules 'backprop,{equilibrium_propagation: {beta: 0.1}}'",
    ),
)
@SPEC
@SET
@click.option(
    "--rules",
    default=f"{DEFAULT.name},{BASELINE.name}",
    show_default=True,
    metavar="A,B,...",
    shell_complete=completing(rule_names, after=","),
    help=f"Rules to compare, as in learning.rule: {', '.join(rule_names())}.",
)
@click.option(
    "--seeds",
    default="0..2",
    show_default=True,
    metavar="A..B",
    help="Seeds of parameters and order of samples: a range 0..4, or a list 0,3,7.",
)
@click.option(
    "--runs",
    type=click.Path(),
    help="Folder for the runs, or of those that a comparison left behind; default: "
    "runs/NAME-compare-001.",
)
@JSON
def command(
    spec: str, overrides: tuple[str, ...], rules: str, seeds: str, runs: str | None, as_json: bool
) -> None:
    """Compare rules on the same network.

    Reads SPEC and its data, and writes a run folder for each training into the folder --runs.
    Trains the spec once for each rule and seed, and prints the test scores with their mean
    and spread. All runs share the same split of the data. If one diverges, the others go on,
    and the exit code is 1.

    Of the runs that --runs holds already, those that have finished are used and the others
    resumed, so the same command continues a comparison that was interrupted. Before anything
    trains it is refused if a folder in there holds anything but such a run of the same spec and
    data.
    """
    from runtime.commands.progress import reporter_for
    from runtime.host.backend import use_device
    from runtime.training.compare import compare, parse_seeds, split_rules

    use_device()
    names = split_rules(rules)
    folder = Path(runs) if runs else None
    rows = until_interrupted(
        lambda: compare(spec, names, parse_seeds(seeds), overrides, folder, reporter_for)
    )
    with ending_with(RunError.exit_code if any(row.diverged for row in rows) else 0):
        if as_json:
            echo_json([row.as_json() for row in rows])
        else:
            _print_comparison(rows)
            tell(f"runs: {rows[0].folders[0].parent}")


def _print_comparison(rows: Sequence[Row]) -> None:
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
