"""What each kind of edge and each role looks like. A new kind is one line here.

Colours are those of Okabe and Ito (2008), told apart by readers with any common colour
vision; dashes and borders repeat the difference for print in grey.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pccompiler.components.vocabulary import Role
from pccompiler.ir.graph import EdgeKind


@dataclass(frozen=True)
class EdgeStyle:
    """`dash` is an SVG dash array; `dot` and `mermaid` name the nearest style they have.

    `weight` is how strongly the edge asks to be short; the order of the table says which
    edges point along the reading direction where a cycle makes one point against it.
    """

    legend: str
    colour: str
    dash: str
    width: float
    dot: str
    mermaid: str
    weight: int


@dataclass(frozen=True)
class RoleStyle:
    """`radius` rounds the corners; a `double` border is drawn twice."""

    legend: str
    fill: str
    stroke: str
    radius: float
    double: bool = False


EDGE_STYLES: dict[str, EdgeStyle] = {
    "feedforward": EdgeStyle("feedforward", "#333333", "", 1.6, "solid", "-->", 3),
    "skip": EdgeStyle("skip", "#0072b2", "7 4", 1.8, "dashed", "-.->", 1),
    "feedback": EdgeStyle("feedback", "#d55e00", "2 3.5", 2.0, "dotted", "-.->", 1),
    "recurrent": EdgeStyle("recurrent", "#007a5a", "9 3 2 3", 1.8, "bold", "==>", 1),
}

ROLE_STYLES: dict[Role, RoleStyle] = {
    Role.INPUT: RoleStyle("input", "#d6e8f5", "#0072b2", 14),
    Role.HIDDEN: RoleStyle("hidden", "#ffffff", "#555555", 5),
    Role.OUTPUT: RoleStyle("output", "#fbe3c8", "#b34700", 5, double=True),
}

_PLAIN = EdgeStyle("", "#7a3e8e", "4 2", 1.6, "solid", "-->", 1)


def edge_style(kind: EdgeKind | str) -> EdgeStyle:
    """The style of a kind; one without a line in the table is drawn plainly by its name."""
    return EDGE_STYLES.get(kind) or replace(_PLAIN, legend=str(kind))


def precedence(kind: EdgeKind | str) -> int:
    """The place of a kind in the table; kinds that it lacks come last."""
    return list(EDGE_STYLES).index(kind) if kind in EDGE_STYLES else len(EDGE_STYLES)
