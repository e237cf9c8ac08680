"""DOT, the language of Graphviz: for those who want to lay out or style the network anew."""

from __future__ import annotations

from collections.abc import Iterator

from pccompiler.diagrams.layers import in_reading_order
from pccompiler.diagrams.picture import PictureEdge, PictureNode
from pccompiler.diagrams.placed import Layout
from pccompiler.diagrams.shapes import INK, PAPER
from pccompiler.diagrams.styles import NODE_STYLES, Tip
from pccompiler.diagrams.themes import Theme

_ENDS = {
    Tip.ARROW: "",
    Tip.BAR: ", arrowhead=tee",
    Tip.START: ", dir=back",
    Tip.ARROW_BAR: ", dir=both, arrowhead=tee",
    Tip.BAR_ARROW: ", dir=both, arrowtail=tee",
    Tip.NONE: ", dir=none",
}


def render(layout: Layout, theme: Theme) -> bytes:
    """A digraph with the layout's direction, looks by shape and fill and kinds by line style."""
    return ("\n".join(_lines(layout, theme)) + "\n").encode()


def _lines(layout: Layout, theme: Theme) -> Iterator[str]:
    picture = in_reading_order(layout.picture)
    ink, background = theme.colour(INK), theme.colour(PAPER)
    words = "\n".join(filter(None, (picture.title, picture.description, picture.summary)))
    yield f"digraph {_quoted(picture.title)} {{"
    yield f"  rankdir={'LR' if layout.direction == 'right' or picture.grid else 'TB'};"
    yield f'  label={_quoted(words)}; labelloc=t; fontname="sans-serif";'
    yield f'  bgcolor="{background}"; fontcolor="{ink}";'
    yield (
        '  node [shape=box, style="filled,rounded", fontname="sans-serif",'
        f' fontcolor="{ink}", penwidth={theme.line:g}];'
    )
    yield '  edge [fontname="sans-serif", fontsize=11];'
    for node in picture.nodes:
        yield f"  {_id(node.name)} [{_node(node, theme)}];"
    if picture.grid:
        for number in range(len(picture.grid.columns)):
            column = "; ".join(map(_id, picture.grid.column(number)))
            yield f"  {{rank=same; {column}}}"
    for edge in picture.edges:
        yield f"  {_id(edge.source)} -> {_id(edge.target)} [{_edge(edge, theme)}];"
    yield "}"


def _node(node: PictureNode, theme: Theme) -> str:
    style = NODE_STYLES[node.look]
    words = [*node.title, *node.details, *(["clamped"] if node.clamped else [])]
    attributes = {
        "label": "\n".join(words),
        "fillcolor": theme.colour(style.fill),
        "color": theme.colour(style.stroke),
        "tooltip": node.tooltip,
    }
    shape = f", shape={style.dot}" if style.dot != "box" else ""
    return _attributes(attributes) + shape + (", peripheries=2" if style.double else "")


def _edge(edge: PictureEdge, theme: Theme) -> str:
    style = edge.style
    attributes = {
        "label": "\n".join(edge.label),
        "style": style.dot,
        "color": theme.colour(style.colour),
        "fontcolor": theme.colour(style.colour),
        "tooltip": edge.tooltip,
        "class": edge.kind,
    }
    return _attributes(attributes) + _ENDS[style.tip]


def _attributes(attributes: dict[str, str]) -> str:
    """Attributes; Graphviz reads entities such as `&lt;` in them, so `&` is written as one."""
    return ", ".join(
        f"{key}={_quoted(value.replace('&', '&amp;'))}" for key, value in attributes.items()
    )


def _id(name: str) -> str:
    return _quoted("".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name))


def _quoted(text: str) -> str:
    """A DOT string; a backslash would start an escape, such as `\\N` for the node's name."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
