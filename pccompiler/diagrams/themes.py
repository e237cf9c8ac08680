"""Themes: the translation of the light theme's colours, and the width of lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Theme:
    """`colours` maps those of the light theme; `line` multiplies the width of lines.

    `dark` gives the colours for viewers that ask for a dark background, in formats that can
    leave the choice to them. Without a `header` nothing stands above the network.
    """

    name: str
    colours: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    line: float = 1.0
    header: bool = True
    dark: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)

    def colour(self, light: str) -> str:
        """Translates a colour of the light theme."""
        return self.colours.get(light, light)


_DARK = {
    "#ffffff": "#15181d",  # background, hidden nodes
    "#f5f6f8": "#1f232a",  # columns
    "#f4f4f4": "#2b2f36",  # sums
    "#1a1a1a": "#ececec",  # names
    "#555555": "#b4b8be",  # details, hidden nodes
    "#777777": "#9aa0a8",  # sums, errors of values
    "#333333": "#d4d4d4",  # feedforward
    "#0072b2": "#56b4e9",  # skips, inputs
    "#d55e00": "#ff8f45",  # feedback
    "#007a5a": "#3ccba0",  # recurrent
    "#a3195b": "#ff86bd",  # corrections
    "#7a3e8e": "#cf9ff0",  # feedback errors, kinds without a style
    "#b34700": "#ffa25c",  # outputs
    "#b36b00": "#f2b93b",  # forward errors
    "#d6e8f5": "#16354a",
    "#fbe3c8": "#472c14",
    "#fde2b3": "#463612",
    "#e5d4ee": "#392846",
}

_GREY = {
    "#f5f6f8": "#f5f5f5",
    "#f4f4f4": "#ffffff",
    "#d6e8f5": "#ececec",
    "#fbe3c8": "#ffffff",
    "#fde2b3": "#e0e0e0",
    "#e5d4ee": "#ffffff",
    "#1a1a1a": "#000000",
    "#555555": "#000000",
    "#777777": "#707070",
    "#333333": "#000000",
    "#0072b2": "#000000",
    "#d55e00": "#000000",
    "#007a5a": "#000000",
    "#a3195b": "#000000",
    "#7a3e8e": "#000000",
    "#b34700": "#000000",
    "#b36b00": "#000000",
}

THEMES: dict[str, Theme] = {
    theme.name: theme
    for theme in (
        Theme("light"),
        Theme("dark", _DARK),
        Theme("auto", dark=_DARK),
        Theme("paper", _GREY, line=0.6, header=False),
    )
}
