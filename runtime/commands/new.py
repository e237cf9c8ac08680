"""`pcc new`: writes a starter spec from one of the templates.

A template is a file of `pccompiler/templates/`: a spec with comments, in which NAME stands for
the name of the new network. Its `description` is what `pcc new --list` says of it.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import click

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.spec.load import load
from runtime.commands.options import JSON, echo_json, ending
from runtime.commands.tables import print_table
from runtime.host.durable import writing
from runtime.host.streams import tell

DEFAULT = "mlp"
ENDING = ".yaml"
SCHEMA = "pcc.schema.json"
"""The JSON schema that the first line of a template names, in the folder of the spec."""


def template_names() -> tuple[str, ...]:
    """The names of all templates, in order."""
    names = [file.name for file in files("pccompiler").joinpath("templates").iterdir()]
    return tuple(sorted(name.removesuffix(ENDING) for name in names if name.endswith(ENDING)))


def template_text(template: str, name: str = "NAME") -> str:
    """A template as the spec of a network of this name."""
    file = files("pccompiler").joinpath("templates", template + ENDING)
    return file.read_text(encoding="utf-8").replace("NAME", name)


def description(template: str) -> str:
    """The description in a template."""
    match = re.search(r"^description: (.*)$", template_text(template), re.MULTILINE)
    return match[1] if match else ""


def write_spec(name: str, template: str, path: Path | None = None) -> Path:
    """Writes a new spec, by default NAME.yaml in the current folder; returns its path. A name
    that ends like a spec is meant without its ending.

    Raises SpecError: PC212 for what is no name, PC562 where a file is in the way; DataError
    (PC522) where nothing can be written.
    """
    name = name.removesuffix(ENDING).removesuffix(".yml")
    load({"pcc": 1, "name": name, "nodes": {"image": {"shape": [1]}}})  # refuses other names
    path = path or Path(name + ENDING)
    with writing(path):
        try:
            stream = path.open("x", encoding="utf-8")
        except FileExistsError:
            raise _in_the_way(path) from None
        try:
            with stream:
                stream.write(template_text(template, name))
        except OSError:
            path.unlink(missing_ok=True)  # half a spec would be in the way of the next try
            raise
    return path


def _in_the_way(path: Path) -> SpecError:
    help = "choose another name, or another file with --output"
    return SpecError(Diagnostic("PC562", f"{path} is there already", help=help))


@click.command(
    "new",
    epilog=ending(
        "pcc new first",
        "pcc new faces --template cnn -o specs/faces.yaml",
        "pcc new --list",
        exits="Exit codes: 0 good; 2 usage, or the file is there already; 3 it cannot be written.",
    ),
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
def command(
    name: str | None, template: str, output: str | None, listed: bool, as_json: bool
) -> None:
    """Write a starter spec for a network called NAME.

    It has comments, is in order as it stands, and trains on data that is there. A file of that
    name is never overwritten. NAME may end in .yaml too. --json is for --list.
    """
    if listed:
        told = {known: description(known) for known in template_names()}
        if as_json:
            echo_json(told)
            return
        print_table("templates", ("template", "what it is"), told.items())
        return
    if name is None:
        raise click.UsageError("Missing argument 'NAME', or the option --list.")
    path = write_spec(name, template, Path(output) if output else None)
    tell(f"wrote {path}; now `pcc check {path}`")
    if not path.with_name(SCHEMA).exists():
        tell(f"for an editor that completes keys: `pcc schema > {path.with_name(SCHEMA)}`")
