"""PNG and PDF: the same drawing as the SVG, in full, and the same bytes each time."""

from __future__ import annotations

import io
import re
import zlib
from itertools import chain as chained
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings

from pccompiler.diagrams import THEMES, draw
from pccompiler.diagrams.drawing import drawing
from pccompiler.diagrams.layout import lay_out
from pccompiler.diagrams.marks import Drawing, Group, Mark, Words
from pccompiler.diagrams.network import picture
from pccompiler.diagrams.painting import SCALE, scale
from pccompiler.diagrams.text import width
from pccompiler.ir.graph import Graph, Stage
from tests.diagrams.networks import chain, edge, networks, node, recurrent, small, text_of


def dots(png: bytes) -> np.ndarray:
    """Height, width, and red, green and blue from 0 to 1."""
    return matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3]


def colour(text: str) -> np.ndarray:
    return np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def test_a_png_has_twice_the_size_of_the_svg() -> None:
    root = ElementTree.fromstring(text_of(small(), "svg"))
    high, wide, _ = dots(draw(small(), "png")).shape
    assert wide == pytest.approx(SCALE * float(root.get("width", 0)), abs=1)
    assert high == pytest.approx(SCALE * float(root.get("height", 0)), abs=1)


def test_what_is_drawn_stands_where_the_layout_says() -> None:
    """Background beside the nodes, and each node's fill in its lower left corner."""
    layout = lay_out(picture(small()))
    drawn = drawing(layout)
    [network] = [m for m in drawn.marks if isinstance(m, Group) and m.kind == "network"]
    image = dots(draw(small(), "png"))
    fills = {"input": "#d6e8f5", "hidden": "#ffffff", "output": "#fbe3c8"}
    for placed in layout.nodes:
        x = network.shift.x + placed.box.x + 16
        y = network.shift.y + placed.box.bottom - 7
        seen = image[int(y * SCALE), int(x * SCALE)]
        assert seen == pytest.approx(colour(fills[placed.node.look]), abs=0.01)
    for edge_ in layout.edges:
        middle = edge_.route[0][0]
        x, y = network.shift.x + middle.x + 2, network.shift.y + middle.y
        around = image[int(y * SCALE) - 3 : int(y * SCALE) + 4, int(x * SCALE)]
        assert around.min() < 0.6, edge_.edge.name


@pytest.mark.parametrize("theme", THEMES)
def test_the_background_is_that_of_the_theme(theme: str) -> None:
    image = dots(draw(small(), "png", theme=theme))
    wanted = colour(THEMES[theme].colour("#ffffff"))
    assert (np.abs(image - wanted) < 0.01).all(axis=-1).mean() > 0.5


def test_a_paper_has_no_colours() -> None:
    image = dots(draw(recurrent(), "png", theme="paper"))
    assert np.ptp(image, axis=-1).max() < 0.01


@given(networks(4))
@settings(max_examples=5, deadline=None)
def test_any_network_can_be_painted_and_gives_the_same_bytes(graph: Graph) -> None:
    for form, head in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        content = draw(graph, form)
        assert content.startswith(head)
        assert draw(graph, form) == content


def test_a_pdf_has_the_size_of_the_svg_and_fonts_that_stay_text() -> None:
    root = ElementTree.fromstring(text_of(small(), "svg"))
    content = draw(small(), "pdf")
    [box] = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", content)
    assert float(box[0]) == pytest.approx(0.75 * float(root.get("width", 0)), abs=0.1)
    assert float(box[1]) == pytest.approx(0.75 * float(root.get("height", 0)), abs=0.1)
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    told = b"\n".join(zlib.decompress(s) for s in streams if s[:1] == b"x")
    assert b"/CIDFontType2" in content
    assert told.count(b"BT") >= 20


def test_dollars_and_strange_letters_are_only_text() -> None:
    graph = Graph.of("$x_1$", Stage.TYPED, [node("$\\frac{a}{b}$"), node("漢字")], [])
    assert draw(graph, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize(("wide", "high"), [(300, 200), (900, 40_000), (40_000, 900), (9e4, 9e4)])
def test_a_png_never_becomes_too_large(wide: float, high: float) -> None:
    factor = scale(wide, high)
    assert 0 < factor <= SCALE
    assert max(wide, high) * factor <= 60_000
    assert wide * high * factor**2 <= 81e6


def test_a_pdf_of_a_very_deep_network_is_a_page_that_readers_take() -> None:
    [box] = re.findall(rb"/MediaBox \[ 0 0 [\d.]+ ([\d.]+) \]", draw(chain(260), "pdf"))
    assert float(box) <= 14_400


def words(drawn: Drawing) -> list[Words]:
    def found(marks: tuple[Mark, ...]) -> list[Words]:
        groups = chained.from_iterable(found(m.marks) for m in marks if isinstance(m, Group))
        return [m for m in marks if isinstance(m, Words)] + list(groups)

    return found(drawn.marks)


def test_text_is_never_wider_than_the_layout_takes_it_to_be() -> None:
    """In the font that paints it; around a name in bold its box leaves a tenth to spare."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    names = [*"abcdefghij", "image", "WWWW", "conv_transpose", "illicit", "h1..h128", "Mm_09"]
    graph = Graph.of(
        "widths",
        Stage.TYPED,
        [node(name, (28, 28, 1)) for name in names],
        [edge("a", name, "skip", "flatten dense tanh") for name in names[1:]],
    )
    measure = TextToPath()
    for mark in words(drawing(lay_out(picture(graph)))):
        weight = "bold" if mark.bold else "normal"
        font = FontProperties(family="DejaVu Sans", weight=weight, size=100)
        taken, _, _ = measure.get_text_width_height_descent(mark.text, font, ismath=False)
        assert taken / 100 * mark.size <= width(mark.text, mark.size, mark.bold) * (
            1.1 if mark.bold else 1.03
        ), mark.text
