"""Themes: every colour has its partner, text can be read, and paper needs no colours."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from pccompiler.diagrams import THEMES, VIEWS
from pccompiler.diagrams.shapes import INK, PAPER, QUIET, SHADE
from pccompiler.diagrams.styles import EDGE_STYLES, NODE_STYLES, edge_style
from tests.diagrams.networks import recurrent, small, text_of

LIGHT = {INK, QUIET, PAPER, SHADE, edge_style("unknown").colour}
LIGHT |= {style.colour for style in EDGE_STYLES.values()}
LIGHT |= {colour for style in NODE_STYLES.values() for colour in (style.fill, style.stroke)}

HEX = re.compile(r"#[0-9a-f]{6}")


def luminance(colour: str) -> float:
    """Relative luminance, as the Web Content Accessibility Guidelines define it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["dark", "paper"])
def test_every_colour_has_its_partner(name: str) -> None:
    assert set(THEMES[name].colours) >= LIGHT - ({PAPER} if name == "paper" else set())


@pytest.mark.parametrize("name", ["light", "dark", "paper"])
def test_text_can_be_read_and_lines_be_seen(name: str) -> None:
    colour = THEMES[name].colour
    fills = {PAPER, SHADE, *(style.fill for style in NODE_STYLES.values())}
    for fill in fills:
        assert contrast(colour(INK), colour(fill)) >= 7
        assert contrast(colour(QUIET), colour(fill)) >= 4.5
    for style in EDGE_STYLES.values():  # labels have the colour of their edge
        assert contrast(colour(style.colour), colour(PAPER)) >= 3.8, style.legend
    for style in NODE_STYLES.values():
        assert contrast(colour(style.stroke), colour(PAPER)) >= 3, style.legend


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("format", ["svg", "dot", "mermaid"])
def test_a_theme_leaves_no_colour_of_the_light_one(view: str, format: str) -> None:
    dark = text_of(recurrent(), format, view=view, theme="dark")
    assert set(HEX.findall(dark)) <= set(THEMES["dark"].colours.values())
    paper = text_of(recurrent(), format, view=view, theme="paper")
    assert all(c[1:3] == c[3:5] == c[5:7] for c in HEX.findall(paper))


def test_kinds_are_told_apart_without_colours() -> None:
    looks = {
        kind: (style.dash, style.tip, style.tip == "both") for kind, style in EDGE_STYLES.items()
    }
    assert not [pair for pair in combinations(looks, 2) if looks[pair[0]] == looks[pair[1]]]
    shapes = {
        look: (style.outline, style.radius, style.double, style.stack)
        for look, style in NODE_STYLES.items()
        if look in ("input", "hidden", "output", "stack", "forward_error", "feedback_error")
    }
    assert len(set(shapes.values())) == len(shapes)


def test_a_paper_has_thin_lines_and_no_header() -> None:
    screen, paper = text_of(small(), "svg"), text_of(small(), "svg", theme="paper")
    widths = [
        max(float(w) for w in re.findall(r'stroke-width="([\d.]+)"', text))
        for text in (screen, paper)
    ]
    assert widths[1] == pytest.approx(0.6 * widths[0])
    assert ">79,124 parameters" not in paper
    assert "parameters</text>" in screen
    assert "parameters</text>" not in paper
    assert 'class="legend"' in paper


def test_auto_is_light_and_has_rules_for_the_dark() -> None:
    auto = text_of(small(), "svg", theme="auto")
    [rules] = re.findall(r"<style>(.*?)</style>\n", auto)
    assert rules.startswith("@media (prefers-color-scheme: dark){")
    assert auto.replace(f"<style>{rules}</style>\n", "") == text_of(small(), "svg")
    for light, dark in THEMES["dark"].colours.items():
        assert f'[fill="{light}"]{{fill:{dark}}}' in rules
        assert f'[stroke="{light}"]{{stroke:{dark}}}' in rules
