"""`pcc schema`: the JSON schema of specs."""

from __future__ import annotations

import click

from runtime.commands.options import ending


@click.command("schema", epilog=ending("pcc schema > pcc.schema.json", exits="Exit code: 0."))
def command() -> None:
    """Print the JSON schema of specs, for editors.

    An editor that knows YAML schemas then completes keys, describes them, and marks mistakes.
    """
    from pccompiler.spec.schema import schema_text

    click.echo(schema_text(), nl=False)
