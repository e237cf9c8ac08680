"""`pcc explain`: what the code of a message means."""

from __future__ import annotations

from dataclasses import asdict

import click

from pccompiler.diagnostics.codes import CODES
from pccompiler.diagnostics.explain import code_of, explanation, overview
from runtime.commands.options import JSON, echo_json, ending


def _codes(_ctx: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """Codes for the completion of a shell."""
    return [code for code in CODES if code.startswith(begun.upper())]


@click.command(
    "explain",
    epilog=ending("pcc explain PC303", "pcc explain", exits="Exit codes: 0 good; 2 no such code."),
)
@click.argument("code", required=False, shell_complete=_codes)
@JSON
def command(code: str | None, as_json: bool) -> None:
    """Explain the code of a message; without CODE, list all codes.

    Says what a code such as PC303 means and why it matters, with a wrong and a right example.
    """
    if as_json:
        found = CODES.values() if code is None else [code_of(code)]
        told = [asdict(entry) for entry in found]
        echo_json(told if code is None else told[0])
        return
    click.echo(overview() if code is None else explanation(code_of(code)))
