"""A self-contained HTML page: zoom, pan, and details of the element under the pointer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

from pccompiler.diagrams.drawing import drawing, legend
from pccompiler.diagrams.page import SCRIPT, STYLE
from pccompiler.diagrams.placed import Layout
from pccompiler.diagrams.shapes import INK, PAPER, QUIET, SHADE
from pccompiler.diagrams.svg import document
from pccompiler.diagrams.text import printable
from pccompiler.diagrams.themes import Theme

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def render(layout: Layout, theme: Theme) -> bytes:
    """The page; the browser is told to load nothing from anywhere."""
    drawn = drawing(layout, header=False, legend=False)
    picture = layout.picture
    words = " · ".join(filter(None, (picture.description, picture.summary)))
    known = json.dumps(dict(_known(layout)), ensure_ascii=False).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(picture.title)}</title>
<style>{_colours(theme)}{STYLE}</style>
</head>
<body>
<header><h1>{escape(picture.title)}</h1><p>{escape(words)}</p></header>
<main id="stage" tabindex="0">
{document(drawn, theme, keys=True)}</main>
<nav><button id="closer" title="zoom in (+)">+</button>\
<button id="farther" title="zoom out (-)">−</button>\
<button id="whole" title="the whole network (0)">whole</button></nav>
<details id="legend" open><summary>legend</summary>
{document(legend(layout), theme)}</details>
<aside id="facts" role="status" hidden></aside>
<footer>scroll to zoom, drag to move, point at a node or an edge, or press Tab</footer>
<script type="application/json" id="known">{known}</script>
<script>{SCRIPT}</script>
</body>
</html>
""".encode()


def _colours(theme: Theme) -> str:
    """The colours of the page, for viewers that prefer a dark one too if the theme says so."""

    def rule(theme: Theme) -> str:
        named = {"paper": PAPER, "ink": INK, "quiet": QUIET, "shade": SHADE}
        colours = "".join(f"--{name}:{theme.colour(colour)};" for name, colour in named.items())
        return f":root{{{colours}}}"

    dark = ""
    if theme.dark:
        dark = f"@media (prefers-color-scheme:dark){{{rule(replace(theme, colours=theme.dark))}}}"
    return rule(theme) + dark


def _known(layout: Layout) -> Iterator[tuple[str, dict[str, Any]]]:
    """By key: name and facts of every node and edge, and the keys of an edge's ends."""
    keys = {placed.node.name: f"n{i}" for i, placed in enumerate(layout.nodes)}
    for placed in layout.nodes:
        node = placed.node
        yield keys[node.name], {"name": printable(node.name), "facts": node.facts}
    for i, placed in enumerate(layout.edges):
        edge = placed.edge
        ends = [keys[edge.source], keys[edge.target]]
        yield f"e{i}", {"name": printable(edge.name), "facts": edge.facts, "ends": ends}
