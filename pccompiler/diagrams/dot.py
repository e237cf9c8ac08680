"""DOT, the language of Graphviz: for those who want to lay out or style the network anew."""

from __future__ import annotations

from collections.abc import Iterator

from pccompiler.diagrams.picture import PictureEdge, PictureNode
from pccompiler.diagrams.placed import Layout
from pccompiler.diagrams.styles import NODE_STYLES, edge_style


def render(layout: Layout) -> str:
    """A digraph with the layout's direction, looks by shape and fill and kinds by line style."""
    return "\n".join(_lines(layout)) + "\n"


def _lines(layout: Layout) -> Iterator[str]:
    picture = layout.picture
    words = "\n".join(filter(None, (picture.title, picture.description, picture.summary)))
    yield f"digraph {_quoted(picture.title)} {{"
    yield f"  rankdir={'LR' if layout.direction == 'right' or picture.grid else 'TB'};"
    yield f'  label={_quoted(words)}; labelloc=t; fontname="sans-serif";'
    yield '  node [shape=box, style="filled,rounded", fontname="sans-serif"];'
    yield '  edge [fontname="sans-serif", fontsize=11];'
    for node in picture.nodes:
        yield f"  {_id(node.name)} [{_node(node)}];"
    if picture.grid:
        for number in range(len(picture.grid.columns)):
            column = "; ".join(map(_id, picture.grid.column(number)))
            yield f"  {{rank=same; {column}}}"
    for edge in picture.edges:
        yield f"  {_id(edge.source)} -> {_id(edge.target)} [{_edge(edge)}];"
    yield "}"


def _node(node: PictureNode) -> str:
    style = NODE_STYLES[node.look]
    words = [*node.title, *filter(None, [node.detail]), *(["clamped"] if node.clamped else [])]
    attributes = {
        "label": "\n".join(words),
        "fillcolor": style.fill,
        "color": style.stroke,
        "tooltip": node.tooltip,
    }
    shape = f", shape={style.dot}" if style.dot != "box" else ""
    return _attributes(attributes) + shape + (", peripheries=2" if style.double else "")


def _edge(edge: PictureEdge) -> str:
    style = edge_style(edge.kind)
    attributes = {
        "label": "\n".join(edge.label),
        "style": style.dot,
        "color": style.colour,
        "fontcolor": style.colour,
        "tooltip": edge.tooltip,
        "class": edge.kind,
    }
    ends = ", arrowhead=tee" if style.bar else ", dir=both" if style.both else ""
    return _attributes(attributes) + ends


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
