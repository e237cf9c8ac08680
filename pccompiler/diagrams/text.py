"""Widths of text, and line breaking.

A picture is drawn once and read with whatever sans-serif font the reader has, so widths are
those of a wide one (DejaVu Sans, Verdana): in a narrower font the text only gets more room.
"""

from __future__ import annotations

LINE_HEIGHT = 1.25
"""Distance between baselines, in font sizes."""

_WIDTHS: tuple[tuple[str, float], ...] = (
    ("ijl'|!.,:; I", 0.34),
    ('ftr()[]{}/-"*`', 0.42),
    ("mwMW%@→", 0.98),
    ("ABCDEFGHJKLNOPQRSTUVXYZ&+=<>#~_", 0.72),
)
_WIDTH = {character: width for characters, width in _WIDTHS for character in characters}
_ASCII, _OTHER, _BOLD = 0.62, 1.0, 1.1


def width(text: str, size: float, bold: bool = False) -> float:
    """The width of one line of text in pixels, rather too large than too small."""
    ems = sum(_WIDTH.get(c, _ASCII if c.isascii() else _OTHER) for c in text)
    return ems * size * (_BOLD if bold else 1.0)


def extent(lines: tuple[str, ...], size: float) -> tuple[float, float]:
    """Width and height of a paragraph."""
    return max(width(line, size) for line in lines), len(lines) * size * LINE_HEIGHT


def wrapped_pipeline(operators: tuple[str, ...], limit: int = 24) -> tuple[str, ...]:
    """`a → b → c` in lines of at most `limit` characters where the names allow it."""
    lines: list[str] = []
    for operator in operators:
        if lines and len(lines[-1]) + len(operator) + 3 <= limit:
            lines[-1] += f" → {operator}"
        else:
            lines.append(f"→ {operator}" if lines else operator)
    return tuple(lines)


def wrapped_notes(
    lines: tuple[str, ...], notes: tuple[str, ...], limit: int = 24
) -> tuple[str, ...]:
    """The lines, followed by notes on what they say: `conv, delay 1` where that fits."""
    found = list(lines)
    for note in notes:
        if found and len(found[-1]) + len(note) + 2 <= limit:
            found[-1] += f", {note}"
        else:
            found.append(note)
    return tuple(found)


def wrapped_name(name: str, limit: int = 22) -> tuple[str, ...]:
    """A name in lines of at most `limit` characters, broken after `_-./> ` where possible."""
    lines: list[str] = []
    while len(name) > limit:
        breaks = [i for i in range(limit // 2, limit) if name[i] in "_-./> "]
        cut = breaks[-1] + 1 if breaks else limit
        lines.append(name[:cut])
        name = name[cut:]
    return (*lines, name)


def wrapped_words(text: str, size: float, room: float) -> tuple[str, ...]:
    """A text in lines no wider than `room` pixels where single words allow it."""
    lines: list[str] = []
    for word in text.split():
        if lines and width(f"{lines[-1]} {word}", size, bold=True) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return tuple(lines)


def printable(text: str) -> str:
    """The text with what no file format can show (control characters, lone halves of
    surrogate pairs) replaced, and all white space made single spaces."""
    spaced = " ".join(text.split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in spaced)
