"""Characters that look like others or like nothing, named with what to write instead.

A no-break space from a web page, the dash of a word processor or a Cyrillic letter makes a
name or number another text without showing it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.source import LINE_BREAK, Span

_LOOK_ALIKE: dict[str, str] = {
    char: plain
    for plain, chars in {
        "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63",
        "->": "\u2192\u27f6\u21d2\u27f9\u2794",
        '"': "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033",
        "'": "\u2018\u2019\u201a\u201b\u2032\u00b4",
        "..": "\u2026",
        ":": "\u2236",
        # Cyrillic, Greek and Armenian letters that are drawn as Latin ones
        "a": "\u0430",
        "c": "\u0441",
        "d": "\u0501",
        "e": "\u0435",
        "h": "\u04bb",
        "i": "\u0456\u0131",
        "j": "\u0458",
        "n": "\u0578",
        "o": "\u043e\u03bf",
        "p": "\u0440",
        "s": "\u0455",
        "v": "\u03bd",
        "x": "\u0445\u00d7",
        "y": "\u0443",
        "A": "\u0410\u0391",
        "B": "\u0412\u0392",
        "C": "\u0421",
        "E": "\u0415\u0395",
        "H": "\u041d\u0397",
        "I": "\u0406\u0399",
        "K": "\u041a\u039a",
        "M": "\u041c\u039c",
        "N": "\u039d",
        "O": "\u041e\u039f",
        "P": "\u0420\u03a1",
        "T": "\u0422\u03a4",
        "X": "\u0425\u03a7",
        "Y": "\u03a5",
        "Z": "\u0396",
    }.items()
    for char in chars
}
_MOST = 3
"""Characters of one text that a message names."""


def explained(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The messages; where the text that one points at holds such characters, it names them."""
    return [_explained(problem) for problem in problems]


def oddities(text: str, first_column: int = 1) -> str:
    """Advice for the look-alike and invisible characters of a text; empty where there are none.

    `first_column`: where the text begins in its line.
    """
    told: dict[str, str] = {}
    for column, char in enumerate(text, start=first_column):
        advice = _advice(char)
        if advice and char not in told:
            name = unicodedata.name(char, "a control character").lower()
            told[char] = f"column {column} holds U+{ord(char):04X} ({name}): {advice}"
    return "; ".join(list(told.values())[:_MOST])


def first_oddity(text: str) -> int | None:
    """The column of the first such character of a line, counted from 0; comments do not count."""
    for column, char in enumerate(_without_comment(text)):
        if _advice(char):
            return column
    return None


def _advice(char: str) -> str:
    if char.isascii():
        return ""
    category = unicodedata.category(char)
    if category == "Zs":
        return "write a plain blank"
    if category in ("Cf", "Cc"):  # joiners, marks of direction, zero-width blanks
        return "remove it"
    if category in ("Zl", "Zp"):
        return "remove it, or begin a new line"
    plain = _LOOK_ALIKE.get(char) or unicodedata.normalize("NFKC", char)
    return f"write `{plain}`" if plain.isascii() else ""


def _without_comment(line: str) -> str:
    """A line up to its comment, as far as can be told without reading quotes."""
    if line.lstrip().startswith("#"):
        return ""
    return line.partition(" #")[0]


def _explained(problem: Diagnostic) -> Diagnostic:
    if problem.span is None or problem.severity != "error":
        return problem
    named = oddities("".join(_text(problem.span)), problem.span.column)
    if not named or named in problem.help:
        return problem
    return replace(problem, help=f"{named}; {problem.help}" if problem.help else named)


def _text(span: Span) -> Iterator[str]:
    """The text of a span, its first line alone."""
    lines = LINE_BREAK.split(span.source.text)
    if span.line <= len(lines):
        end = span.end_column - 1 if span.end_line == span.line else None
        yield lines[span.line - 1][span.column - 1 : end]
