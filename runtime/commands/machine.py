"""The commands about what is on this machine: data, versions, devices, limits."""

from __future__ import annotations

from contextlib import suppress

import click

from pccompiler.components.sources import SOURCES
from runtime.commands.options import JSON, echo_json, ending
from runtime.host.streams import ending_with, tell

NAMES = [source.name for source in SOURCES]
READY = [source.name for source in SOURCES if not source.has_required_options()]
"""Sources that need no file of the user's own."""
ROOT = click.option(
    "--root",
    type=click.Path(),
    help="Look only here, as with `data.root` in a spec; default: the variable PCC_DATA, then "
    "the source's own folders.",
)
DATA_EXITS = "Exit codes: 0 good; 2 usage; 3 what was asked for is missing or damaged."


@click.group()
def data() -> None:
    """Show which data there is, where, and whether it is whole."""


@data.command(
    name="list",
    epilog=ending("pcc data list", "pcc data list --root ~/datasets --json", exits="Exit code: 0."),
)
@ROOT
@JSON
def data_list(root: str | None, as_json: bool) -> None:
    """List the sources of data, and how to get what is missing."""
    from runtime.data.catalogue import listing

    told = [listing(source, root) for source in SOURCES]
    if as_json:
        echo_json([entry.as_json() for entry in told])
        return
    from runtime.commands.tables import print_sources

    print_sources(told)


@data.command(epilog=ending("pcc data path fashion_mnist", exits=DATA_EXITS))
@click.argument("source", type=click.Choice(NAMES), metavar="SOURCE")
@ROOT
@JSON
def path(source: str, root: str | None, as_json: bool) -> None:
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
        from runtime.commands.tables import print_table

        print_table(f"where {source} is looked for", ("folder", "state"), states)
    elif told.found:
        tell(f"{source} is looked for in no folder: {told.how_to_get}")
    if told.found is False:
        raise DataError(Diagnostic("PC501", told.problem, help=told.how_to_get))


@data.command(
    name="check", epilog=ending("pcc data check", "pcc data check fashion_mnist", exits=DATA_EXITS)
)
@click.argument("sources", nargs=-1, type=click.Choice(READY), metavar="[SOURCE]...")
@ROOT
@JSON
def data_check(sources: tuple[str, ...], root: str | None, as_json: bool) -> None:
    """Compare data files with the published SHA-256 checksums.

    Checksums are those of the contents, unpacked. Sources without published files are read.
    Without SOURCE all are checked that are there.
    """
    from pccompiler.diagnostics.diagnostic import DataError
    from runtime.data.catalogue import check_sources, problems, source_named

    asked = [source_named(name) for name in sources or READY]
    found = list(check_sources(asked, root))
    with suppress(BrokenPipeError):
        if as_json:
            echo_json([entry.as_json() for entry in found])
        else:
            from runtime.commands.tables import print_file_checks

            print_file_checks(found)
    wrong = problems(found, sources)
    if wrong:
        raise DataError(wrong)


@click.command(
    epilog=ending(
        "pcc doctor",
        "pcc doctor --json",
        exits="Exit codes: 0 nothing is broken; 1 something is.",
    )
)
@JSON
def doctor(as_json: bool) -> None:
    """Look at versions, devices, data, caches, limits and folders.

    Everything is ok, a note (something that some runs may miss) or broken.
    """
    from runtime.commands.doctor import findings, is_broken, report

    found = findings()
    broken = is_broken(found)
    with ending_with(1 if broken else 0):
        if as_json:
            echo_json({"ok": not broken, "findings": [finding.as_json() for finding in found]})
        else:
            click.echo(report(found))


@click.command(epilog=ending("pcc completion bash", exits="Exit codes: 0 good; 2 usage."))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
def completion(shell: str) -> None:
    """Print what makes a shell complete commands, options and codes.

    SHELL is bash, zsh or fish. The line that belongs into its start file:

    \b
      bash (4.4 or newer)   eval "$(pcc completion bash)"
      zsh                   eval "$(pcc completion zsh)"
      fish                  pcc completion fish | source
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these three"
    main = click.get_current_context().find_root().command
    click.echo(kind(main, {}, "pcc", "_PCC_COMPLETE").source())


MACHINE_COMMANDS: tuple[click.Command, ...] = (data, doctor, completion)
