"""Diagrams of networks. A new format or view is a file and a line in `FORMATS` or `VIEWS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import closest
from pccompiler.diagrams import dot, mermaid, svg
from pccompiler.diagrams.circuit import circuit
from pccompiler.diagrams.layout import lay_out
from pccompiler.diagrams.network import picture
from pccompiler.diagrams.picture import Picture
from pccompiler.diagrams.placed import Layout
from pccompiler.diagrams.unrolled import unrolled
from pccompiler.ir.graph import Graph


@dataclass(frozen=True)
class Format:
    """A way to write a layout as text; `endings` are the file names' endings that ask for it."""

    name: str
    endings: tuple[str, ...]
    render: Callable[[Layout], str]


FORMATS: tuple[Format, ...] = (
    Format("svg", (".svg",), svg.render),
    Format("dot", (".dot", ".gv"), dot.render),
    Format("mermaid", (".mmd", ".mermaid"), mermaid.render),
)

View = Callable[[Graph, Iterable[str] | None, str], Picture]
"""What a diagram shows of a graph with given clamped nodes, under a description."""

VIEWS: dict[str, View] = {"network": picture, "unrolled": unrolled, "circuit": circuit}

_BY_NAME = {member.name: member for member in FORMATS}
_BY_ENDING = {ending: member for member in FORMATS for ending in member.endings}


def draw(
    graph: Graph,
    format: str,
    *,
    clamped: Iterable[str] | None = None,
    description: str = "",
    view: str = "network",
) -> str:
    """The diagram of a network as the text of a file.

    `format` is the name of one of `FORMATS`. `clamped` nodes carry a pin: the inputs and
    outputs unless said otherwise. `description` stands under the title, and `view` names one
    of `VIEWS`. The same network gives the same text, however it was declared.
    Raises KeyError for an unknown format or view, and SpecError (PC552) where a network
    without time is to be unrolled.
    """
    return _BY_NAME[format].render(lay_out(VIEWS[view](graph, clamped, description)))


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


__all__ = ["FORMATS", "VIEWS", "Format", "draw", "format_of"]
