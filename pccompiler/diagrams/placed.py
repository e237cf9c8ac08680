"""A picture with coordinates: what layouts make and formats draw."""

from __future__ import annotations

from dataclasses import dataclass

from pccompiler.diagrams.picture import Picture, PictureEdge, PictureNode
from pccompiler.diagrams.routes import Box, Direction, Segment

BORDER = 12.0
"""Free space around the drawing."""


@dataclass(frozen=True)
class PlacedNode:
    """A node and the box that it fills."""

    node: PictureNode
    box: Box


@dataclass(frozen=True)
class PlacedEdge:
    """`route` leads from the source's outline to the target's; `label` is its text's box."""

    edge: PictureEdge
    route: tuple[Segment, ...]
    label: Box | None


@dataclass(frozen=True)
class PlacedColumn:
    """A column of a grid; its title stands at the top of its box."""

    title: str
    box: Box


@dataclass(frozen=True)
class Layout:
    """A picture with coordinates; x to the right, y downwards, in pixels."""

    picture: Picture
    direction: Direction
    nodes: tuple[PlacedNode, ...]
    edges: tuple[PlacedEdge, ...]
    width: float
    height: float
    columns: tuple[PlacedColumn, ...] = ()
