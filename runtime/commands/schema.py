"""`pcc schema`: the JSON schema of specs."""

from __future__ import annotations

import click

from runtime.commands.options import ending


@click.command(
    "schema",
    epilog=ending(
        "pcc schema > pcc.schema.json",
        "pcc schema --plugin my_rules.py > pcc.schema.json",
        exits="Exit codes: 0 good; 2 a plugin that cannot be used.",
    ),
)
def command() -> None:
    """Print the JSON schema of specs, for editors.

    An editor that knows YAML schemas then completes keys, describes them, and marks mistakes.
    Members of plugins (--plugin) and of installed packages are in it.
    """
    from pccompiler.components.plugins import load_installed
    from pccompiler.spec.schema import schema_text

    load_installed()

    click.echo(schema_text(), nl=False)
