"""The command line of pcc. Every command is a few lines over a function elsewhere.

Results go to stdout, progress and messages to stderr. Exit codes: 0 good, 1 the run failed or
diverged, 2 usage or spec, 3 data or checkpoint, 130 and 143 on signals.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pccompiler.diagnostics.codes import CODES
from pccompiler.diagnostics.diagnostic import Diagnostic, PccError
from pccompiler.diagnostics.render import render
from pccompiler.diagnostics.wording import plural
from pccompiler.passes import OPTIONAL, STAGES
from runtime.commands.diagram import diagram
from runtime.commands.group import PccGroup, run_process
from runtime.commands.machine import MACHINE_COMMANDS
from runtime.commands.new_spec import DEFAULT, description, template_names, write_spec
from runtime.commands.options import (
    EXITS,
    JSON,
    SET,
    SPEC,
    SpecCommand,
    checked_spec,
    completing,
    echo_json,
    ending,
)
from runtime.commands.run_commands import RUN_COMMANDS
from runtime.commands.verify import verify
from runtime.host.streams import ending_with, tell


def _codes(_ctx: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """Codes for the completion of a shell."""
    return [code for code in CODES if code.startswith(begun.upper())]


@click.group(cls=PccGroup, epilog=EXITS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pcc", prog_name="pcc")
def main() -> None:
    """Compile and train energy-based networks described in YAML.

    Start with `pcc new NAME`, then `pcc check NAME.yaml` and `pcc train NAME.yaml`.
    `pcc explain CODE` says more about any message, `pcc COMMAND --help` about a command.
    Results go to stdout, progress and messages to stderr.
    """


@main.command(
    epilog=ending(
        "pcc new first",
        "pcc new faces --template cnn -o specs/faces.yaml",
        "pcc new --list",
        exits="Exit codes: 0 good; 2 usage, or the file is there already; 3 it cannot be written.",
    )
)
@click.argument("name", required=False)
@click.option(
    "--template",
    type=click.Choice(template_names()),
    default=DEFAULT,
    show_default=True,
    help="What to start from; --list describes them.",
)
@click.option("-o", "--output", type=click.Path(), help="File to write; default: NAME.yaml.")
@click.option("--list", "listed", is_flag=True, help="List the templates instead.")
@JSON
def new(name: str | None, template: str, output: str | None, listed: bool, as_json: bool) -> None:
    """Write a starter spec for a network called NAME.

    It has comments, is in order as it stands, and trains on data that is there. A file of that
    name is never overwritten. NAME may end in .yaml too. --json is for --list.
    """
    if listed:
        told = {known: description(known) for known in template_names()}
        if as_json:
            echo_json(told)
            return
        from runtime.commands.tables import print_table

        print_table("templates", ("template", "what it is"), told.items())
        return
    if name is None:
        raise click.UsageError("Missing argument 'NAME', or the option --list.")
    path = write_spec(name, template, Path(output) if output else None)
    tell(f"wrote {path}; now `pcc check {path}`")


@main.command(
    cls=SpecCommand,
    epilog=ending(
        "pcc check net.yaml",
        "pcc check specs/*.yaml --format concise",
        "pcc check net.yaml -s learning.rule=backprop",
        exits="Exit codes: 0 no errors, though perhaps warnings; 2 usage, or an error in a spec.",
    ),
)
@click.argument("specs", nargs=-1, required=True, type=click.Path())
@SET
@click.option(
    "--format",
    "style",
    type=click.Choice(["full", "concise", "json", "github"]),
    default="full",
    show_default=True,
    help="How messages are written: with the quoted line, one line each, for programs, or for "
    "GitHub's annotations.",
)
def check(specs: tuple[str, ...], overrides: tuple[str, ...], style: Any) -> None:
    """Check one or more specs, without running anything.

    Reads the specs and what they extend, not their data. Prints every mistake of every file on
    stdout, those of an override once.
    """
    from pccompiler.driver import check as check_spec

    found: list[Diagnostic] = []
    for spec in specs:
        try:
            found += check_spec(spec, overrides).warnings
        except PccError as error:
            found += error.diagnostics
    found = list(dict.fromkeys(found))  # a mistake of an override is the same in every file
    errors = sum(diagnostic.severity == "error" for diagnostic in found)
    with ending_with(2 if errors else 0):
        if found or style == "json":
            click.echo(render(found, style))
        if style == "full":
            _check_summary(len(specs), errors, len(found) - errors)


@main.command(
    epilog=ending("pcc explain PC303", "pcc explain", exits="Exit codes: 0 good; 2 no such code.")
)
@click.argument("code", required=False, shell_complete=_codes)
@JSON
def explain(code: str | None, as_json: bool) -> None:
    """Explain the code of a message; without CODE, list all codes.

    Says what a code such as PC303 means and why it matters, with a wrong and a right example.
    """
    from pccompiler.diagnostics.explain import code_of, explanation, overview

    if as_json:
        found = CODES.values() if code is None else [code_of(code)]
        told = [asdict(entry) for entry in found]
        echo_json(told if code is None else told[0])
        return
    click.echo(overview() if code is None else explanation(code_of(code)))


@main.command(epilog=ending("pcc schema > pcc.schema.json", exits="Exit code: 0."))
def schema() -> None:
    """Print the JSON schema of specs, for editors.

    An editor that knows YAML schemas then completes keys, describes them, and marks mistakes.
    """
    from pccompiler.spec.schema import schema_text

    click.echo(schema_text(), nl=False)


@main.command(
    cls=SpecCommand,
    epilog=ending(
        "pcc show net.yaml",
        "pcc show net.yaml -s params.width=256 --json",
        exits="Exit codes: 0 good; 2 usage or spec.",
    ),
)
@SPEC
@SET
@JSON
def show(spec: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show shapes, parameters, FLOPs and memory.

    FLOPs are for one sample, a multiply-add counting as two; memory is what a training step
    of one batch needs, in 32-bit numbers.
    """
    from pccompiler.summary import summarise

    summary = summarise(checked_spec(spec, overrides))
    if as_json:
        echo_json(summary.as_json())
        return
    from runtime.commands.tables import print_summary

    print_summary(summary)


main.add_command(diagram)


@main.command(
    name="compile",
    cls=SpecCommand,
    epilog=ending(
        "pcc compile net.yaml",
        "pcc compile net.yaml --emit cost > cost.json",
        "pcc compile net.yaml --emit plan --disable wavefront --time-passes",
        "pcc compile net.yaml --print-after infer_shapes",
        exits="Exit codes: 0 good; 2 usage or spec.",
    ),
)
@SPEC
@SET
@click.option(
    "--emit",
    type=click.Choice(["graph", "plan", "jaxpr", "hlo", "cost"]),
    help="What to print: the typed graph, the update plan, the JAX expression of a training "
    "step, its optimised HLO, or XLA's estimate of its cost, as JSON; default: that it compiles.",
)
@click.option(
    "--print-after",
    metavar="PASS",
    shell_complete=completing((*STAGES, "all")),
    help=f"Print the result of a pass: {', '.join(STAGES)}, or all; default: of none.",
)
@click.option(
    "--disable",
    multiple=True,
    metavar="PASS",
    shell_complete=completing(OPTIONAL),
    help=f"Leave out an optimising pass: {', '.join(OPTIONAL)}. May be repeated; default: none.",
)
@click.option(
    "--time-passes",
    is_flag=True,
    help="Print on stderr how many milliseconds each pass took, with the check of its result.",
)
def compile_(
    spec: str,
    overrides: tuple[str, ...],
    emit: str | None,
    print_after: str | None,
    disable: tuple[str, ...],
    time_passes: bool,
) -> None:
    """Compile a network; print the program at any stage.

    Reads SPEC, not its data, and writes nothing. The passes that optimise never change a
    result, so leaving one out only shows what it does.
    """
    from runtime.commands.listings import PassPrinter, PassTimer, emitted

    printer = PassPrinter(print_after, disable)
    observe = PassTimer(printer) if time_passes else printer
    checked = checked_spec(spec, overrides, disable=disable, observe=observe)
    if emit or not print_after:
        click.echo(emitted(checked, emit), nl=False)


for _command in (*RUN_COMMANDS, verify, *MACHINE_COMMANDS):
    main.add_command(_command)


def _check_summary(specs: int, errors: int, warnings: int) -> None:
    verdict = f"{errors} {plural(errors, 'error')}, {warnings} {plural(warnings, 'warning')}"
    if not errors and not warnings:
        verdict = "ok"
    tell(f"{specs} {plural(specs, 'spec')} checked: {verdict}")


def run() -> None:
    """The process that `pcc` starts."""
    run_process(main)


if __name__ == "__main__":
    run()
