"""Mermaid: a diagram that Markdown pages of many hosts draw themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from pccompiler.diagrams.layers import in_reading_order
from pccompiler.diagrams.picture import Picture, PictureEdge, PictureNode
from pccompiler.diagrams.placed import Layout
from pccompiler.diagrams.shapes import INK
from pccompiler.diagrams.styles import NODE_STYLES, Tip
from pccompiler.diagrams.themes import Theme

MOST_EDGES = 500
"""Edges that Mermaid draws where nothing is configured."""


def render(layout: Layout, theme: Theme) -> bytes:
    """A flowchart with the layout's direction, looks by class and kinds by line style.

    The background is that of the page which shows it.
    """
    return ("\n".join(_lines(layout, theme)) + "\n").encode()


def remark(layout: Layout, theme: Theme) -> str:
    """Says that viewers may refuse a large diagram."""
    edges = sum(1 for edge in layout.picture.edges for _ in _links(edge))
    if edges <= MOST_EDGES:
        return ""
    return (
        f"it has {edges:,} edges, and viewers of Mermaid draw at most {MOST_EDGES} unless their "
        "`maxEdges` is raised: do so or write a .svg"
    )


def _lines(layout: Layout, theme: Theme) -> Iterator[str]:
    picture = in_reading_order(layout.picture)
    yield "---"
    yield f"title: {_yaml(picture.title)}"
    yield "---"
    yield f"flowchart {'LR' if layout.direction == 'right' or picture.grid else 'TD'}"
    if picture.description:
        yield f"  %% {_remark(picture.description)}"
    yield f"  %% {_remark(picture.summary)}"
    ids = _ids(node.name for node in picture.nodes)
    yield from _nodes(picture, ids)
    links = [link for edge in picture.edges for link in _links(edge)]
    for edge, (source, target), arrow in links:
        label = f"|{_quoted(edge.label)}|" if edge.label else ""
        yield f"  {ids[source]} {arrow}{label} {ids[target]}"
    for number, (edge, _, _) in enumerate(links):
        style = edge.style
        dash = f",stroke-dasharray:{style.dash}" if style.dash else ""
        colour, wide = theme.colour(style.colour), round(style.width * theme.line, 2)
        yield f"  linkStyle {number} stroke:{colour},stroke-width:{wide}px{dash}"
    for look in picture.looks():
        style = NODE_STYLES[look]
        fill, stroke, ink = map(theme.colour, (style.fill, style.stroke, INK))
        yield f"  classDef {look} fill:{fill},stroke:{stroke},color:{ink}"


_BACK = {Tip.ARROW_BAR: "-->", Tip.BAR_ARROW: "--x"}
"""The second line of an edge with different tips, for which Mermaid has no single one."""


def _links(edge: PictureEdge) -> Iterator[tuple[PictureEdge, tuple[str, str], str]]:
    """(edge, its ends, the line between them), once or there and back."""
    yield edge, (edge.source, edge.target), edge.style.mermaid
    if edge.style.tip in _BACK:
        yield edge, (edge.target, edge.source), _BACK[edge.style.tip]


def _nodes(picture: Picture, ids: Mapping[str, str]) -> Iterator[str]:
    """The nodes; those of a grid's column stand together in a subgraph."""
    lines = {node.name: f"{ids[node.name]}{_box(node)}:::{node.look}" for node in picture.nodes}
    if not picture.grid:
        yield from (f"  {line}" for line in lines.values())
        return
    for number, title in enumerate(picture.grid.columns):
        yield f"  subgraph column_{number} [{_quoted([title])}]"
        yield "    direction TB"
        yield from (f"    {lines[name]}" for name in picture.grid.column(number))
        yield "  end"


def _box(node: PictureNode) -> str:
    words = [*node.title, *node.details, *(["clamped"] if node.clamped else [])]
    left, right = NODE_STYLES[node.look].mermaid
    return f"{left}{_quoted(words)}{right}"


def _ids(names: Iterator[str] | list[str]) -> dict[str, str]:
    """Ids of letters, digits and underscores, made from the names; prefixed, as mermaid has
    reserved words such as `end`, and extended where two names would share one."""
    ids: dict[str, str] = {}
    for name in names:
        plain = "n_" + re.sub(r"[^A-Za-z0-9]", "_", name)
        number, unique = 2, plain
        while unique in ids.values():
            unique, number = f"{plain}__{number}", number + 1
        ids[name] = unique
    return ids


def _quoted(words: list[str] | tuple[str, ...]) -> str:
    """Lines as one mermaid string: what has a meaning in it is written as an entity code."""
    return '"' + "<br/>".join(re.sub(r'[#"<>&`|%]', _entity, line) for line in words) + '"'


def _entity(match: re.Match[str]) -> str:
    return f"#{ord(match.group())};"


def _remark(text: str) -> str:
    """Text for one line of remarks. Mermaid obeys `%%{init: ...}%%` wherever it stands; tags and
    backticks could end the page, or the fence, that a diagram stands in."""
    return re.sub("[<>`]", _entity, re.sub("%(?=[%{])", "% ", " ".join(text.split())))


def _yaml(text: str) -> str:
    """A YAML string in double quotes, the percent signs of directives as escapes."""
    return json.dumps(text, ensure_ascii=False).replace("%", "\\x25")
