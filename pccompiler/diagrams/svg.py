"""SVG for browsers, papers and README files; text stays text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

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
from pccompiler.diagrams.routes import Point, Segment
from pccompiler.diagrams.themes import Theme

_FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


def render(layout: Layout, theme: Theme) -> bytes:
    """The whole document."""
    return document(drawing(layout, theme.header), theme).encode()


def document(drawn: Drawing, theme: Theme, keys: bool = False) -> str:
    """A drawing as SVG; with `keys`, groups that show something carry theirs as `data-key`."""
    wide, high = n(drawn.width), n(drawn.height)
    label = quoteattr(f"Diagram of the network {drawn.title}")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}"'
        f' viewBox="0 0 {wide} {high}" role="img" aria-label={label} font-family="{_FONT}">',
        f"<title>{escape(drawn.title)}</title>",
        f"<desc>{escape(drawn.description)}</desc>",
        *_other_colours(theme),
        *_Writer(theme, keys).marks(drawn.marks),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _other_colours(theme: Theme) -> Iterator[str]:
    """Colours for viewers that prefer a dark background: rules win over attributes."""
    if theme.dark:
        rules = "".join(
            f'[{what}="{theme.colour(colour)}"]{{{what}:{dark}}}'
            for what in ("fill", "stroke")
            for colour, dark in theme.dark.items()
        )
        yield f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"


class _Writer:
    """Marks as lines of SVG in the colours of a theme."""

    def __init__(self, theme: Theme, keys: bool) -> None:
        self.theme, self.keys = theme, keys

    def marks(self, marks: Iterable[Mark]) -> Iterator[str]:
        for mark in marks:
            match mark:
                case Group():
                    yield from self._group(mark)
                case Rectangle():
                    yield self._rectangle(mark)
                case Polygon():
                    corners = " ".join(map(_xy, mark.corners))
                    paint = self._paint(mark.fill, mark.stroke, mark.width)
                    yield f'<polygon points="{corners}"{paint}/>'
                case Line():
                    yield self._line(mark)
                case Words():
                    yield self._words(mark)

    def _group(self, group: Group) -> Iterator[str]:
        kind = f" class={quoteattr(group.kind)}" if group.kind else ""
        key = f" data-key={quoteattr(group.key)}" if self.keys and group.key else ""
        shift = ""
        if group.shift != ORIGIN:
            shift = f' transform="translate({n(group.shift.x)} {n(group.shift.y)})"'
        yield f"<g{kind}{key}{shift}>"
        if group.tooltip:
            yield f"<title>{escape(group.tooltip)}</title>"
        yield from self.marks(group.marks)
        yield "</g>"

    def _rectangle(self, mark: Rectangle) -> str:
        x, y, wide, high = map(n, mark.box)
        round = f' rx="{n(mark.radius)}"' if mark.radius else ""
        paint = self._paint(mark.fill, mark.stroke, mark.width)
        return f'<rect x="{x}" y="{y}" width="{wide}" height="{high}"{round}{paint}/>'

    def _line(self, mark: Line) -> str:
        dash = f' stroke-dasharray="{" ".join(map(n, mark.dash))}"' if mark.dash else ""
        paint = self._paint(NOTHING, mark.colour, mark.width)
        return f'<path d="{_path(mark.route)}"{paint}{dash}/>'

    def _words(self, mark: Words) -> str:
        bold = ' font-weight="bold"' if mark.bold else ""
        middle = ' text-anchor="middle"' if mark.centred else ""
        return (
            f'<text x="{n(mark.x)}" y="{n(mark.y)}" font-size="{n(mark.size)}"'
            f' fill="{self.theme.colour(mark.colour)}"{bold}{middle}>{escape(mark.text)}</text>'
        )

    def _paint(self, fill: str, stroke: str, width: float) -> str:
        paint = f' fill="{self.theme.colour(fill)}"'
        if stroke != NOTHING:
            paint += f' stroke="{self.theme.colour(stroke)}"'
            paint += f' stroke-width="{n(width * self.theme.line, 2)}" stroke-linejoin="round"'
        return paint


def _path(route: tuple[Segment, ...]) -> str:
    parts = [f"M{_xy(route[0][0])}"]
    for segment in route:
        letter = "L" if len(segment) == 2 else "C"
        parts.append(letter + " ".join(map(_xy, segment[1:])))
    return "".join(parts)


def _xy(place: Point) -> str:
    return f"{n(place.x)} {n(place.y)}"


def n(number: float, digits: int = 1) -> str:
    """A number with a decimal or two where it needs them; never `-0`."""
    return f"{round(number, digits) + 0.0:g}" if abs(number) < 1e5 else f"{number:.0f}"
