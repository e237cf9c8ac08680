"""PNG and PDF: the marks of a drawing painted by matplotlib, with the font that it brings."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pccompiler.diagrams.drawing import drawing
from pccompiler.diagrams.marks import (
    NOTHING,
    ORIGIN,
    Drawing,
    Group,
    Line,
    Mark,
    Polygon,
    Rectangle,
    Words,
)
from pccompiler.diagrams.placed import Layout
from pccompiler.diagrams.routes import Box, Point
from pccompiler.diagrams.themes import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

SCALE = 2.0
"""Dots of a PNG for each pixel of the layout, where the picture does not become too large."""

_MOST_DOTS, _LONGEST = 80e6, 60_000.0  # of a PNG: in all, and along a side
_LONGEST_PAGE = 14_000.0  # points that readers of PDF take
_INCH, _POINT = 96.0, 0.75  # pixels in an inch, points in a pixel
_FONT = "DejaVu Sans"
_ROUND = 0.5523  # handles of the curve nearest to a quarter of a circle


def png(layout: Layout, theme: Theme) -> bytes:
    """A picture of dots, at twice the size of the layout unless that is very large."""
    drawn = drawing(layout, theme.header)
    return _painted(drawn, theme, "png", 1.0, _INCH * scale(drawn.width, drawn.height))


def pdf(layout: Layout, theme: Theme) -> bytes:
    """A page of the drawing's size, in which text stays text."""
    drawn = drawing(layout, theme.header)
    return _painted(drawn, theme, "pdf", _page_scale(drawn), 72.0)


def png_remark(layout: Layout, theme: Theme) -> str:
    """Says at what scale a picture was drawn that is too large for its dots."""
    drawn = drawing(layout, theme.header)
    return _remark(scale(drawn.width, drawn.height), drawn)


def pdf_remark(layout: Layout, theme: Theme) -> str:
    """Says at what scale a page was drawn that would be too large for readers."""
    drawn = drawing(layout, theme.header)
    return _remark(_page_scale(drawn), drawn)


def _remark(factor: float, drawn: Drawing) -> str:
    if factor >= 1:
        return ""
    return (
        f"it is drawn at {factor:.0%} of its size of {drawn.width:,.0f} by {drawn.height:,.0f} "
        "pixels, as larger files cannot be opened: to read it, write a .html or .svg"
    )


def _page_scale(drawn: Drawing) -> float:
    return min(1.0, _LONGEST_PAGE / (max(drawn.width, drawn.height) * _POINT))


def scale(width: float, height: float) -> float:
    """Dots for each pixel of a drawing."""
    return min(SCALE, _LONGEST / max(width, height), (_MOST_DOTS / (width * height)) ** 0.5)


def _painted(drawn: Drawing, theme: Theme, form: str, size: float, dpi: float) -> bytes:
    """The drawing at `size` times its own; the same drawing gives the same bytes."""
    # Figure, not pyplot: no global state, no backend to choose, works without a display.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    wide, high = (length * size / _INCH for length in (drawn.width, drawn.height))
    figure = Figure(figsize=(wide, high))
    axes: Axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, drawn.width)
    axes.set_ylim(drawn.height, 0)
    _Painter(axes, theme, size * _POINT).paint(drawn.marks, ORIGIN)
    undated = {"Software": None}
    if form == "pdf":
        undated = {"CreationDate": None, "Title": drawn.title}
    buffer = io.BytesIO()
    with rc_context({"pdf.fonttype": 42}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # it draws a box instead
        figure.savefig(buffer, format=form, dpi=dpi, metadata=undated)
    return buffer.getvalue()


class _Painter:
    """Marks as artists on axes, in the order in which they stand."""

    def __init__(self, axes: Axes, theme: Theme, point: float) -> None:
        self.axes, self.theme, self.point, self.order = axes, theme, point, 0

    def paint(self, marks: Iterable[Mark], at: Point) -> None:
        for mark in marks:
            match mark:
                case Group():
                    self.paint(mark.marks, Point(at.x + mark.shift.x, at.y + mark.shift.y))
                case Rectangle():
                    self._patch(_rounded(mark.box, mark.radius, at), mark)
                case Polygon():
                    self._patch(_path([[corner] for corner in mark.corners], at, True), mark)
                case Line():
                    self._line(mark, at)
                case Words():
                    self._words(mark, at)

    def _next(self) -> int:
        self.order += 1
        return self.order

    def _patch(self, path: Path, mark: Rectangle | Polygon) -> None:
        paint = {"facecolor": self.theme.colour(mark.fill), "edgecolor": NOTHING}
        if mark.stroke != NOTHING:
            paint["edgecolor"] = self.theme.colour(mark.stroke)
        self._add(path, linewidth=self._width(mark.width), joinstyle="round", **paint)

    def _line(self, mark: Line, at: Point) -> None:
        path = _path([mark.route[0][:1], *(segment[1:] for segment in mark.route)], at)
        # matplotlib multiplies dashes by the width of the line
        dash = tuple(length / (mark.width * self.theme.line) for length in mark.dash)
        self._add(
            path,
            facecolor=NOTHING,
            edgecolor=self.theme.colour(mark.colour),
            linewidth=self._width(mark.width),
            linestyle=(0, dash) if dash else "solid",
            capstyle="butt",
            joinstyle="round",
        )

    def _add(self, path: Path, **paint: Any) -> None:
        from matplotlib.patches import PathPatch

        self.axes.add_artist(PathPatch(path, zorder=self._next(), **paint))

    def _words(self, mark: Words, at: Point) -> None:
        self.axes.text(
            at.x + mark.x,
            at.y + mark.y,
            mark.text,
            fontsize=mark.size * self.point,
            family=_FONT,
            weight="bold" if mark.bold else "normal",
            color=self.theme.colour(mark.colour),
            horizontalalignment="center" if mark.centred else "left",
            verticalalignment="baseline",
            parse_math=False,
            zorder=self._next(),
        )

    def _width(self, width: float) -> float:
        return width * self.theme.line * self.point


def _path(parts: Iterable[Iterable[Point]], at: Point, closed: bool = False) -> Path:
    """A path through the ends of the parts: one point is a line's end, three a curve's."""
    from matplotlib.path import Path

    places: list[tuple[float, float]] = []
    codes: list[Any] = []
    for part in parts:
        points = [(at.x + place.x, at.y + place.y) for place in part]
        places += points
        codes += [Path.CURVE4 if len(points) == 3 else Path.LINETO] * len(points)
    codes[0] = Path.MOVETO
    if closed:
        places.append(places[0])
        codes.append(Path.CLOSEPOLY)
    return Path(places, codes)


def _rounded(box: Box, radius: float, at: Point) -> Path:
    """A box with corners that are quarters of circles."""
    if not radius:
        corners = [(box.x, box.y), (box.right, box.y), (box.right, box.bottom), (box.x, box.bottom)]
        return _path([[Point(*corner)] for corner in corners], at, True)
    parts: list[list[Point]] = []
    back = radius * (1 - _ROUND)
    for x, y, right, down in (
        (box.x, box.y, 1, 1),
        (box.right, box.y, -1, 1),
        (box.right, box.bottom, -1, -1),
        (box.x, box.bottom, 1, -1),
    ):
        upright = Point(x, y + down * radius), Point(x, y + down * back)
        level = Point(x + right * back, y), Point(x + right * radius, y)
        corner = [*upright, *level] if right == down else [*level[::-1], *upright[::-1]]
        parts += [corner[:1], corner[1:]]
    return _path(parts, at, True)
