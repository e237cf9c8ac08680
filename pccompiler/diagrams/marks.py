"""The marks that a drawing is made of, which every graphical format writes in its own way.

Colours are those of the light theme; a format that writes a mark translates them by its theme. All
lengths are in pixels, x to the right and y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from pccompiler.diagrams.routes import Box, Point, Segment

NOTHING = "none"
"""No fill, or no stroke."""

ORIGIN = Point(0.0, 0.0)


@dataclass(frozen=True)
class Rectangle:
    """A box with round corners."""

    box: Box
    radius: float
    fill: str
    stroke: str = NOTHING
    width: float = 0.0


@dataclass(frozen=True)
class Polygon:
    """A filled polygon."""

    corners: tuple[Point, ...]
    fill: str
    stroke: str = NOTHING
    width: float = 0.0


@dataclass(frozen=True)
class Line:
    """Joined segments; `dash` holds the lengths of dashes and gaps."""

    route: tuple[Segment, ...]
    colour: str
    width: float
    dash: tuple[float, ...] = ()


@dataclass(frozen=True)
class Words:
    """One line of text on the baseline at `y`; it starts at `x`, or is centred there."""

    text: str
    x: float
    y: float
    size: float
    colour: str
    bold: bool = False
    centred: bool = True


@dataclass(frozen=True)
class Group:
    """Marks that belong together, moved by `shift`; `key` names what they show, if anything."""

    kind: str
    marks: tuple[Mark, ...]
    tooltip: str = ""
    shift: Point = ORIGIN
    key: str = ""


Mark = Rectangle | Polygon | Line | Words | Group


@dataclass(frozen=True)
class Drawing:
    """All marks of a document, from the back to the front."""

    width: float
    height: float
    title: str
    description: str
    marks: tuple[Mark, ...]
