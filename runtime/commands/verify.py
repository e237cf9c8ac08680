"""`pcc verify`: measures whether a rule does what its theory says."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runtime.commands.options import COUNTS, JSON, SEEDS, SET, SPEC, SpecCommand, echo_json, ending
from runtime.commands.tables import print_table
from runtime.host.streams import ending_with
from runtime.verification import MOST_STEPS

if TYPE_CHECKING:
    from runtime.verification.rows import Report, Row


@click.command(
    "verify",
    cls=SpecCommand,
    epilog=ending(
        "pcc verify net.yaml",
        "pcc verify net.yaml -s learning.rule=z_il --full --plot verify.png",
        exits="Exit codes: 0 good; 1 a row fails; 2 usage or spec; 130 interrupted, "
        "143 terminated.",
    ),
)
@SPEC
@SET
@click.option(
    "--samples",
    type=COUNTS,
    default=4,
    show_default=True,
    help="How many samples of made-up data to measure on.",
)
@click.option(
    "--narrow",
    type=COUNTS,
    default=8,
    show_default=True,
    metavar="WIDTH",
    help="Measure a copy whose hidden nodes are at most so many units or channels wide.",
)
@click.option(
    "--steps",
    type=COUNTS,
    default=MOST_STEPS,
    show_default=True,
    help="Inference steps in which the states must come to rest.",
)
@click.option("--full", is_flag=True, help="Measure the whole network, however wide.")
@click.option(
    "--prospective",
    is_flag=True,
    help="Also measure prospective configuration: whether one update moves the prediction at "
    "the target, and hidden nodes where inference had put them.",
)
@click.option("--seed", type=SEEDS, help="Seed of parameters and data; default: training.seed.")
@click.option(
    "--plot",
    "picture",
    type=click.Path(),
    metavar="FILE",
    help="Draw energies over inference, and errors over beta, into a .png, .svg or .pdf file; "
    "default: no picture.",
)
@JSON
def command(
    spec: str,
    overrides: tuple[str, ...],
    samples: int,
    narrow: int,
    steps: int,
    full: bool,
    prospective: bool,
    seed: int | None,
    picture: str | None,
    as_json: bool,
) -> None:
    """Measure whether a rule does what its theory says.

    On the network of SPEC, in double precision, with fresh parameters: the gradient of the rule
    against that of the loss (by backpropagation, or at the equilibrium by the implicit function
    theorem), edge by edge; how fast the error shrinks with beta; whether the states come to rest
    and the energy falls. Each row says what theory expects, what was measured, and pass or FAIL;
    a row without a verdict is one where theory expects nothing. A last line says what it means,
    and which of steps, rate and beta to change.
    """
    from runtime.host.backend import use_device

    if picture is not None and Path(picture).suffix not in (".png", ".svg", ".pdf"):
        raise click.BadParameter("the file must end in .png, .svg or .pdf", param_hint="--plot")
    use_device()  # before anything imports JAX, whose variables it looks at
    import jax

    from runtime.commands.progress import watching
    from runtime.verification.checks import verify
    from runtime.verification.narrow import narrowed
    from runtime.verification.prospective import prospective_rows
    from runtime.verification.report import as_json as report_as_json
    from runtime.verification.report import plot
    from runtime.verification.subject import Subject

    if picture is not None and not Path(picture).absolute().parent.is_dir():
        raise click.BadParameter("its folder does not exist; make it first", param_hint="--plot")
    measured, changed = (spec, False) if full else narrowed(spec, overrides, narrow)
    rest = overrides if full else ()
    what = f"a copy at most {narrow} wide" if changed else "the whole network"
    header = f"{what}, {samples} samples, float64"
    with jax.enable_x64(True), watching("measured") as tell:
        subject = Subject.of(measured, rest, samples=samples, seed=seed, most_steps=steps)
        report = verify(subject, header, lambda row: tell(row.check))
        if prospective:
            tell("now prospective configuration")
            report.rows += prospective_rows(measured, rest, samples=samples, seed=subject.seed)
    if picture is not None:
        plot(report, Path(picture))
    with ending_with(1 if report.failed else 0):
        if as_json:
            echo_json(report_as_json(report))
        else:
            print_report(report)


def print_report(report: Report) -> None:
    """The rows as a table on stdout, and below it what they mean."""
    print_rows(f"{report.name}: {report.rule}, {report.header}", report.rows)
    click.echo(report.conclusion)


def print_rows(title: str, rows: Sequence[Row]) -> None:
    """Rows as a table, long cells folded."""
    from runtime.verification.report import verdict

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
