"""Options that several commands share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from pccompiler.diagnostics.render import render
from runtime.streams import tell

if TYPE_CHECKING:
    from pccompiler.driver import Checked

SPEC = click.argument("spec", type=click.Path())
SET = click.option(
    "-s",
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a value of the spec, e.g. -s inference.steps=40. May be repeated.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
RUN = click.argument("run", type=click.Path())
WHICH = click.option(
    "--checkpoint",
    "which",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="The newest parameters, or those with the best validation score.",
)
DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes what JAX finds.",
)


def echo_json(value: Any) -> None:
    """Prints a value as JSON on stdout; a number that is not finite, of which JSON knows none,
    as null."""
    import json

    click.echo(json.dumps(_finite(value), indent=2, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def checked_spec(spec: str, overrides: tuple[str, ...], **options: Any) -> Checked:
    """The checked spec; its warnings go to stderr."""
    from pccompiler.driver import check

    checked = check(spec, overrides, **options)
    if checked.warnings:
        tell(render(checked.warnings))
    return checked
