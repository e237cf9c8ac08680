"""Mermaid: a diagram that Markdown pages of many hosts draw themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pccompiler.diagrams.layout import Layout
from pccompiler.diagrams.picture import PictureNode
from pccompiler.diagrams.styles import ROLE_STYLES, edge_style


def render(layout: Layout) -> str:
    """A flowchart with the layout's direction, roles by class and kinds by line style."""
    return "\n".join(_lines(layout)) + "\n"


def _lines(layout: Layout) -> Iterator[str]:
    picture = layout.picture
    yield "---"
    yield f"title: {_yaml(picture.title)}"
    yield "---"
    yield f"flowchart {'LR' if layout.direction == 'right' else 'TD'}"
    if picture.description:
        yield f"  %% {picture.description}"
    yield f"  %% {picture.summary}"
    ids = _ids(node.name for node in picture.nodes)
    for node in picture.nodes:
        yield f"  {ids[node.name]}{_box(node)}:::{node.role}"
    for edge in picture.edges:
        arrow = edge_style(edge.kind).mermaid
        label = f"|{_quoted(edge.label)}|" if edge.label else ""
        yield f"  {ids[edge.source]} {arrow}{label} {ids[edge.target]}"
    for number, edge in enumerate(picture.edges):
        style = edge_style(edge.kind)
        dash = f",stroke-dasharray:{style.dash}" if style.dash else ""
        yield f"  linkStyle {number} stroke:{style.colour},stroke-width:{style.width}px{dash}"
    for role in picture.roles():
        style = ROLE_STYLES[role]
        yield f"  classDef {role} fill:{style.fill},stroke:{style.stroke},color:#1a1a1a"


def _box(node: PictureNode) -> str:
    words = [*node.title, node.detail, *(["clamped"] if node.clamped else [])]
    left, right = ("([", "])") if node.role == "input" else ("[", "]")
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
    return '"' + "<br/>".join(re.sub(r'[#"<>&`|]', _entity, line) for line in words) + '"'


def _entity(match: re.Match[str]) -> str:
    return f"#{ord(match.group())};"


def _yaml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
