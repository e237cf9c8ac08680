"""`pcc diagram`: draws a network into a file."""

from __future__ import annotations

import os
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runtime.commands.options import SET, SPEC, SpecCommand, checked_spec, ending
from runtime.host.streams import tell

if TYPE_CHECKING:
    from pccompiler.diagrams import Layout, Picture


class _Names(click.Choice[str]):
    """The names of a table of `pccompiler.diagrams`, which is imported when they are asked for."""

    def __init__(self, table: str) -> None:
        self._table = table
        self.case_sensitive = True

    @cached_property
    def choices(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return tuple(getattr(import_module("pccompiler.diagrams"), self._table))


@click.command(
    "diagram",
    cls=SpecCommand,
    epilog=ending(
        "pcc diagram net.yaml -o net.svg",
        "pcc diagram net.yaml -o net.pdf --view circuit --style paper",
        "pcc diagram net.yaml -o net.html --theme auto --collapse",
        exits="Exit codes: 0 good; 2 usage or spec; 3 the file cannot be written.",
    ),
)
@SPEC
@click.option("-o", "--output", required=True, type=click.Path(), help="File to write.")
@SET
@click.option(
    "--view",
    type=_Names("VIEWS"),
    help="network, the default: nodes and edges as written; unrolled: their copies in time; "
    "circuit: units for values and errors.",
)
@click.option("--unroll", is_flag=True, help="Short for --view unrolled.")
@click.option(
    "--collapse",
    is_flag=True,
    help="Draw what repeats three times or more once, as a stack with a count: h1..h128, or "
    "blocks of several nodes.",
)
@click.option(
    "--theme",
    type=click.Choice(["light", "dark", "auto"]),
    default="light",
    show_default=True,
    help="Colours; auto leaves the choice to who shows a .svg or .html.",
)
@click.option(
    "--style",
    type=click.Choice(["screen", "paper"]),
    default="screen",
    show_default=True,
    help="paper: thin black lines on white, told apart without colours, and no header.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "own", "graphviz"]),
    default="auto",
    show_default=True,
    help="Who places nodes and edges; auto takes Graphviz, where it is installed, for boxes that "
    "few edges join in one direction, and pcc's own layout for all else.",
)
def command(
    spec: str,
    output: str,
    overrides: tuple[str, ...],
    view: str | None,
    unroll: bool,
    collapse: bool,
    theme: str,
    style: str,
    engine: str,
) -> None:
    """Draw a network into a file.

    The ending chooses the format: .svg, .png, .pdf, .html (zoom, and details under the
    pointer; it needs no network), .dot or .gv (Graphviz), .mmd or .mermaid.
    """
    from pccompiler.diagrams import FORMATS, THEMES, VIEWS, collapsed, format_of, unplaced
    from runtime.host.durable import replace_file

    form = FORMATS[format_of(output)]
    if unroll and view not in (None, "unrolled"):
        raise click.UsageError(f"--unroll does not go with --view {view}.")
    view = "unrolled" if unroll else view or "network"
    if collapse and view == "unrolled":
        raise click.UsageError("--collapse does not go with the unrolled view.")
    if style == "paper" and theme != "light":
        raise click.UsageError(f"--style paper is black on white, so --theme {theme} has no part.")
    if theme == "auto" and not form.adaptive:
        raise click.UsageError(f"--theme auto is for .svg and .html; a {form.name} file is fixed.")
    if engine != "auto" and not form.placed:
        raise click.UsageError(f"--engine {engine}: a {form.name} file has no places in it.")
    if engine == "graphviz" and view == "unrolled":
        raise click.UsageError("--engine graphviz does not go with the unrolled view.")

    checked = checked_spec(spec, overrides)
    clamped = checked.plan.phases[-1].clamped
    picture = VIEWS[view](checked.graph, clamped, checked.spec.description)
    if collapse:
        picture, stacks = collapsed(picture)
        if not stacks:
            tell("nothing repeats three times or more, so all is drawn")
    layout, who = _laid_out(picture, engine) if form.placed else (unplaced(picture), "")
    colours = THEMES["paper" if style == "paper" else theme]
    content = form.render(layout, colours)
    path = Path(output)
    # a link stays one: what it points to is replaced
    replace_file(Path(os.path.realpath(path)) if path.is_symlink() else path, content)
    tell(f"wrote {output}{who}")
    if remark := form.remark(layout, colours):
        advice = "" if collapse or view == "unrolled" else ", or add --collapse"
        tell(f"{remark}{advice}")


def _laid_out(picture: Picture, engine: str) -> tuple[Layout, str]:
    """The layout, and whose it is."""
    from pccompiler.diagrams import ENGINES, graphviz

    by_graphviz = engine == "graphviz"
    if by_graphviz or (engine == "auto" and graphviz.suits(picture) and graphviz.installed()):
        try:
            return ENGINES["graphviz"](picture), ", placed by Graphviz"
        except graphviz.GraphvizError as error:
            if by_graphviz:
                advice = "Use" if graphviz.installed() else "Install Graphviz, or use"
                raise click.UsageError(
                    f"--engine graphviz: {error}. {advice} --engine own."
                ) from None
            tell(f"{error}, so pcc's own layout is used")
    return ENGINES["own"](picture), ", placed by pcc's own layout"
