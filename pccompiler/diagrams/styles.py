"""The styles of each kind of edge and each look of a node. A new one is one line here.

Colours are those of Okabe and Ito (2008), told apart by readers with any common colour
vision; dashes, tips and outlines repeat the difference for print in grey.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from pccompiler.ir.graph import EdgeKind


class Tip(StrEnum):
    """The tips of a line: an arrow (its value is added) or a bar (it is subtracted), at its end, at
    its start, or at both."""

    ARROW = "arrow"
    BAR = "bar"
    START = "start"
    """An arrow at its start alone."""
    ARROW_BAR = "arrow_bar"
    """An arrow at its start and a bar at its end."""
    BAR_ARROW = "bar_arrow"
    NONE = "none"


class Outline(StrEnum):
    """An outline. Triangles point along the reading direction, or back against it."""

    BOX = "box"
    ROUND = "round"
    AHEAD = "ahead"
    BACK = "back"


@dataclass(frozen=True)
class EdgeStyle:
    """`dash` is an SVG dash array; `dot` and `mermaid` name the nearest style they have.

    `weight` is how strongly the edge asks to be short; the order of the table says which
    edges point along the reading direction where a cycle makes one point against it, and
    `backwards` ones point against it unless the others forbid that.
    """

    legend: str
    colour: str
    dash: str
    width: float
    dot: str
    mermaid: str
    weight: int
    backwards: bool = False
    tip: Tip = Tip.ARROW


@dataclass(frozen=True)
class NodeStyle:
    """`radius` rounds the corners of a box; a `double` border is drawn twice, and a `stack`
    stands for several.

    `dot` is the shape in Graphviz, `mermaid` the brackets around the text.
    """

    legend: str
    fill: str
    stroke: str
    outline: Outline = Outline.BOX
    radius: float = 5
    double: bool = False
    stack: bool = False
    dot: str = "box"
    mermaid: tuple[str, str] = ("[", "]")


EDGE_STYLES: dict[str, EdgeStyle] = {
    "feedforward": EdgeStyle("feedforward", "#333333", "", 1.6, "solid", "-->", 3),
    "coupling": EdgeStyle(
        "coupling, acts both ways", "#333333", "", 1.6, "solid", "---", 3, tip=Tip.NONE
    ),
    "skip": EdgeStyle("skip", "#0072b2", "7 4", 1.8, "dashed", "-.->", 1),
    "skip_coupling": EdgeStyle(
        "skip coupling", "#0072b2", "7 4", 1.8, "dashed", "-.-", 1, tip=Tip.NONE
    ),
    "comparison": EdgeStyle(
        "enters its error, which pulls it back",
        "#777777",
        "",
        1.4,
        "solid",
        "--x",
        4,
        tip=Tip.ARROW_BAR,
    ),
    "feedback_comparison": EdgeStyle(
        "enters its feedback error, which pulls it back",
        "#777777",
        "",
        1.4,
        "solid",
        "-->",
        4,
        tip=Tip.BAR_ARROW,
    ),
    "held_target": EdgeStyle(
        "enters its error, held", "#777777", "12 3", 1.4, "dashed", "---", 4, tip=Tip.START
    ),
    "held_value": EdgeStyle("enters its error, held", "#777777", "12 3", 1.4, "dashed", "-->", 4),
    "feedback": EdgeStyle("feedback", "#d55e00", "2 3.5", 2.0, "dotted", "-.->", 1, True),
    "recurrent": EdgeStyle("recurrent", "#007a5a", "9 3 2 3", 1.8, "bold", "==>", 1, True),
    "recurrent_coupling": EdgeStyle(
        "recurrent coupling", "#007a5a", "9 3 2 3", 1.8, "bold", "===", 1, True, Tip.NONE
    ),
    "correction": EdgeStyle("correction", "#a3195b", "4.5 2.5", 1.4, "dashed", "-.->", 1, True),
}

_INPUT, _HIDDEN, _OUTPUT = ("#d6e8f5", "#0072b2"), ("#ffffff", "#555555"), ("#fbe3c8", "#b34700")
_UNIT = ("((", "))")

NODE_STYLES: dict[str, NodeStyle] = {
    "input": NodeStyle("input", *_INPUT, radius=14, mermaid=("([", "])")),
    "hidden": NodeStyle("hidden", *_HIDDEN),
    "output": NodeStyle("output", *_OUTPUT, double=True),
    "input_value": NodeStyle("input value", *_INPUT, Outline.ROUND, dot="ellipse", mermaid=_UNIT),
    "hidden_value": NodeStyle("value", *_HIDDEN, Outline.ROUND, dot="ellipse", mermaid=_UNIT),
    "output_value": NodeStyle(
        "output value", *_OUTPUT, Outline.ROUND, double=True, dot="ellipse", mermaid=_UNIT
    ),
    "sum": NodeStyle(
        "sum, passed through", "#f4f4f4", "#777777", Outline.ROUND, dot="ellipse", mermaid=_UNIT
    ),
    "join": NodeStyle(
        "joined, passed through", "#f4f4f4", "#777777", Outline.ROUND, dot="ellipse", mermaid=_UNIT
    ),
    "stack": NodeStyle(
        "repeated", "#ffffff", "#555555", radius=3, stack=True, dot="box3d", mermaid=("[[", "]]")
    ),
    "forward_error": NodeStyle(
        "forward error", "#fde2b3", "#b36b00", Outline.AHEAD, dot="triangle", mermaid=("{{", "}}")
    ),
    "summed_error": NodeStyle(
        "sum of both errors",
        "#fde2b3",
        "#b36b00",
        Outline.AHEAD,
        double=True,
        dot="triangle",
        mermaid=("{{", "}}"),
    ),
    "feedback_error": NodeStyle(
        "feedback error",
        "#e5d4ee",
        "#7a3e8e",
        Outline.BACK,
        dot="invtriangle",
        mermaid=("{{", "}}"),
    ),
}
"""By look: boxes for whole nodes, then the units that a circuit is made of."""

_PLAIN = EdgeStyle("", "#7a3e8e", "4 2", 1.6, "solid", "-->", 1)


_SUBTRACTED = {"-->": "--x", "-.->": "-.-x", "==>": "==x"}
"""Mermaid's lines with a cross at their end, by those with an arrow."""


def edge_style(kind: EdgeKind | str, subtracted: bool = False) -> EdgeStyle:
    """The style of a kind; one without a line in the table is drawn plainly by its name. What is
    `subtracted` where it arrives ends in a bar."""
    style = EDGE_STYLES.get(kind) or replace(_PLAIN, legend=str(kind))
    if not subtracted:
        return style
    legend, mermaid = f"{style.legend}, subtracted", _SUBTRACTED.get(style.mermaid, style.mermaid)
    return replace(style, legend=legend, tip=Tip.BAR, mermaid=mermaid)


def precedence(kind: EdgeKind | str) -> int:
    """The place of a kind in the table; kinds that it lacks come last."""
    return list(EDGE_STYLES).index(kind) if kind in EDGE_STYLES else len(EDGE_STYLES)
