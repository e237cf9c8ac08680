"""`pcc data`: the data sources, their folders, and whether their files are intact."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pccompiler.components.sources import SOURCES
from runtime.commands.options import JSON, echo_json, ending
from runtime.commands.tables import print_table
from runtime.host.streams import tell

if TYPE_CHECKING:
    from runtime.data.catalogue import FileCheck, Listing


class SourceName(click.Choice):
    """The name of a source, those of plugins included; `ready`: that needs no file of the
    user's own."""

    def __init__(self, ready: bool = False) -> None:
        self.ready = ready
        self.case_sensitive = True

    @property
    def choices(self) -> Sequence[str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return [s.name for s in SOURCES if not (self.ready and s.has_required_options())]


ROOT = click.option(
    "--root",
    type=click.Path(),
    help="Look only here, as with `data.root` in a spec; default: the variable PCC_DATA, then "
    "the source's own folders.",
)
DATA_EXITS = "Exit codes: 0 good; 2 usage; 3 what was asked for is missing or damaged."


@click.group("data")
def command() -> None:
    """Show which data there is, where, and whether it is whole."""


@command.command(
    name="list",
    epilog=ending("pcc data list", "pcc data list --root ~/datasets --json", exits="Exit code: 0."),
)
@ROOT
@JSON
def list_sources(root: str | None, as_json: bool) -> None:
    """List the sources of data, and how to get what is missing."""
    from runtime.data.catalogue import listing

    told = [listing(source, root) for source in SOURCES]
    if as_json:
        echo_json([entry.as_json() for entry in told])
        return
    print_sources(told)


@command.command(name="path", epilog=ending("pcc data path fashion_mnist", exits=DATA_EXITS))
@click.argument("source", type=SourceName(), metavar="SOURCE")
@ROOT
@JSON
def folders_of(source: str, root: str | None, as_json: bool) -> None:
    """Show in which folders a source is looked for, in order.

    SOURCE is a name of `pcc data list`. A folder is used, there (but without the files) or
    missing.
    """
    from pccompiler.diagnostics.diagnostic import DataError, Diagnostic
    from runtime.data.catalogue import folder_states, listing, source_named

    named = source_named(source)
    told, states = listing(named, root), list(folder_states(named, root))
    if as_json:
        folders = [{"folder": folder, "state": state} for folder, state in states]
        echo_json({"source": source, "found": told.found, "folders": folders})
    elif states:
        print_table(f"where {source} is looked for", ("folder", "state"), states)
    elif told.found:
        tell(f"{source} is looked for in no folder: {told.how_to_get}")
    if told.found is False:
        raise DataError(Diagnostic("PC501", told.problem, help=told.how_to_get))


@command.command(
    name="check", epilog=ending("pcc data check", "pcc data check fashion_mnist", exits=DATA_EXITS)
)
@click.argument("sources", nargs=-1, type=SourceName(ready=True), metavar="[SOURCE]...")
@ROOT
@JSON
def check_files(sources: tuple[str, ...], root: str | None, as_json: bool) -> None:
    """Compare data files with the published SHA-256 checksums.

    Checksums are those of the contents, unpacked. Sources without published files are read.
    Without SOURCE all are checked that are there.
    """
    from pccompiler.diagnostics.diagnostic import DataError
    from runtime.data.catalogue import check_sources, problems, source_named

    asked = [source_named(name) for name in sources or SourceName(ready=True).choices]
    found = list(check_sources(asked, root))
    with suppress(BrokenPipeError):
        if as_json:
            echo_json([entry.as_json() for entry in found])
        else:
            print_file_checks(found)
    wrong = problems(found, sources)
    if wrong:
        raise DataError(wrong)


def print_sources(sources: Sequence[Listing]) -> None:
    """A row for each source; below them, how to get those that are missing."""
    words = {True: "yes", False: "no", None: "the spec names it"}
    print_table(
        "sources of data",
        ("source", "content", "found", "where"),
        (
            (
                s.name,
                s.content,
                words[s.found],
                "\n".join({str(Path(f).parent) for f in s.files.values()}) or "-",
            )
            for s in sources
        ),
    )
    for source in sources:
        if source.found is False:
            click.echo(f"{source.name}: {source.problem}\n  {source.how_to_get}")


def print_file_checks(checks: Sequence[FileCheck]) -> None:
    """A row for each file that was compared, or source that was read."""
    print_table(
        "data files",
        ("source", "what", "verdict", "SHA-256 of the content", "file"),
        ((c.source, c.content, c.verdict, c.sha256 or "-", c.file or "-") for c in checks),
    )
