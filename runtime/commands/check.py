"""`pcc check`: checks specs, without running anything."""

from __future__ import annotations

from typing import Any

import click

from pccompiler.diagnostics.diagnostic import Diagnostic, PccError
from pccompiler.diagnostics.render import render
from pccompiler.diagnostics.wording import plural
from pccompiler.driver import check
from runtime.commands.options import SET, SpecCommand, ending
from runtime.host.streams import ending_with, tell


@click.command(
    "check",
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
def command(specs: tuple[str, ...], overrides: tuple[str, ...], style: Any) -> None:
    """Check one or more specs, without running anything.

    Reads the specs and what they extend, not their data. Prints every mistake of every file on
    stdout, those of an override once.
    """
    found: list[Diagnostic] = []
    for spec in specs:
        try:
            found += check(spec, overrides).warnings
        except PccError as error:
            found += error.diagnostics
    found = list(dict.fromkeys(found))  # a mistake of an override is the same in every file
    errors = sum(diagnostic.severity == "error" for diagnostic in found)
    with ending_with(2 if errors else 0):
        if found or style == "json":
            click.echo(render(found, style))
        if style == "full":
            _summary(len(specs), errors, len(found) - errors)


def _summary(specs: int, errors: int, warnings: int) -> None:
    verdict = f"{errors} {plural(errors, 'error')}, {warnings} {plural(warnings, 'warning')}"
    if not errors and not warnings:
        verdict = "ok"
    tell(f"{specs} {plural(specs, 'spec')} checked: {verdict}")
