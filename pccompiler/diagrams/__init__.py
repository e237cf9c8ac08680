"""Diagrams of networks. A new format or view is a file and a line in `FORMATS` or `VIEWS`.

A view turns a graph into a picture, an engine gives the picture places (`Layout`), and a
format writes the layout in the colours of a theme.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import closest
from pccompiler.diagrams import dot, graphviz, html, mermaid, painting, svg
from pccompiler.diagrams.circuit import circuit
from pccompiler.diagrams.collapse import collapsed
from pccompiler.diagrams.layout import lay_out, unplaced
from pccompiler.diagrams.network import picture
from pccompiler.diagrams.picture import Picture
from pccompiler.diagrams.placed import Layout
from pccompiler.diagrams.themes import THEMES, Theme
from pccompiler.diagrams.unrolled import unrolled
from pccompiler.ir.graph import Graph


@dataclass(frozen=True)
class Format:
    """A way to write a layout; `endings` are the file names' endings that ask for it.

    `placed` ones show the places of the layout; the others leave them to who reads the file.
    `adaptive` ones can leave light or dark to who shows it. `remark` warns where a layout is too
    large for the format, and says what to do; else it is empty.
    """

    name: str
    endings: tuple[str, ...]
    render: Callable[[Layout, Theme], bytes]
    placed: bool = True
    adaptive: bool = False
    remark: Callable[[Layout, Theme], str] = lambda layout, theme: ""


FORMATS: dict[str, Format] = {
    member.name: member
    for member in (
        Format("svg", (".svg",), svg.render, adaptive=True),
        Format("png", (".png",), painting.png, remark=painting.png_remark),
        Format("pdf", (".pdf",), painting.pdf, remark=painting.pdf_remark),
        Format("html", (".html", ".htm"), html.render, adaptive=True),
        Format("dot", (".dot", ".gv"), dot.render, placed=False),
        Format(
            "mermaid", (".mmd", ".mermaid"), mermaid.render, placed=False, remark=mermaid.remark
        ),
    )
}

View = Callable[[Graph, Iterable[str] | None, str], Picture]
"""Makes the picture of a graph with given clamped nodes, under a description."""

VIEWS: dict[str, View] = {"network": picture, "unrolled": unrolled, "circuit": circuit}

ENGINES: dict[str, Callable[[Picture], Layout]] = {"own": lay_out, "graphviz": graphviz.lay_out}
"""Layout engines by name. Graphviz takes no picture that has a grid."""

_BY_ENDING = {ending: member for member in FORMATS.values() for ending in member.endings}


def draw(
    graph: Graph,
    format: str,
    *,
    clamped: Iterable[str] | None = None,
    description: str = "",
    view: str = "network",
    collapse: bool = False,
    theme: str = "light",
    engine: str = "own",
) -> bytes:
    """The diagram of a network as the content of a file.

    `format` is the name of one of `FORMATS`. `clamped` nodes carry a pin: the inputs and
    outputs unless said otherwise. `description` stands under the title, `view`, `theme` and
    `engine` name one of `VIEWS`, `THEMES` and `ENGINES`, and `collapse` draws what repeats
    once. The same network gives the same content, however it was declared.
    Raises KeyError for an unknown name, SpecError (PC552) where a network without time is to
    be unrolled, and GraphvizError.
    """
    drawn = VIEWS[view](graph, clamped, description)
    if collapse:
        drawn, _ = collapsed(drawn)
    form = FORMATS[format]
    return form.render(ENGINES[engine](drawn) if form.placed else unplaced(drawn), THEMES[theme])


def format_of(path: str | PurePath) -> str:
    """The name of the format that a file name's ending asks for.

    Raises SpecError (PC320) where no format has that ending.
    """
    ending = PurePath(path).suffix.lower()
    if ending in _BY_ENDING:
        return _BY_ENDING[ending].name
    close = closest(ending, _BY_ENDING)
    known = ", ".join(_BY_ENDING)
    raise SpecError(
        Diagnostic(
            "PC320",
            f"unknown diagram format `{ending}` of `{path}`"
            if ending
            else f"`{path}` has no ending, which would say the diagram's format",
            help=f"did you mean `{PurePath(path).with_suffix(close)}`?"
            if close
            else f"use one of the endings {known}",
        )
    )


__all__ = [
    "ENGINES",
    "FORMATS",
    "THEMES",
    "VIEWS",
    "Format",
    "Layout",
    "Picture",
    "Theme",
    "View",
    "collapsed",
    "draw",
    "format_of",
    "unplaced",
]
