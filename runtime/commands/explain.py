"""`pcc explain`: what the code of a message means, and what a member does."""

from __future__ import annotations

import re
from dataclasses import asdict

import click

from pccompiler.diagnostics.codes import CODES
from pccompiler.diagnostics.explain import code_of, explanation, overview
from runtime.commands.options import JSON, echo_json, ending, plugins_of

_CODE = re.compile(r"\s*[A-Za-z]{0,2}\d+\s*")


def _words(ctx: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """Codes and members for the completion of a shell."""
    from pccompiler.spec.explain import words

    plugins_of(ctx)
    codes = [code for code in CODES if code.startswith(begun.upper())]
    return [*codes, *(word for word in words() if begun and word.startswith(begun))]


@click.command(
    "explain",
    epilog=ending(
        "pcc explain PC303",
        "pcc explain equilibrium_propagation",
        "pcc explain my_rule --plugin my_rules.py",
        "pcc explain schedule",
        "pcc explain",
        exits="Exit codes: 0 good; 2 no such code or member.",
    ),
)
@click.argument("word", required=False, metavar="[CODE|MEMBER|FAMILY]", shell_complete=_words)
@JSON
def command(word: str | None, as_json: bool) -> None:
    """Explain a code or a member; without one, list all codes.

    Says what a code such as PC303 means and why it matters, with a wrong and a right example.
    Of a rule, an operator, an energy, ... it says what it does and which options it has; of a
    family, such as `rule`, which members there are.
    """
    if word is None:
        if as_json:
            echo_json([asdict(code) for code in CODES.values()])
        else:
            click.echo(overview())
    elif _CODE.fullmatch(word) or not word.strip():
        code = code_of(word)
        if as_json:
            echo_json(asdict(code))
        else:
            click.echo(explanation(code))
    else:
        from pccompiler.spec import explain

        if as_json:
            echo_json(explain.as_json(word))
        else:
            click.echo(explain.page(word))
