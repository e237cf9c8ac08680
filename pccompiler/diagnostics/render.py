"""Diagnostics as text: for people (full, concise), for programs (json), for GitHub (github).

error[PC203]: unknown rule `backprp`
  --> specs/digits_mlp.yaml:24:9 (learning.rule)
24 |   rule: backprp
   |         ^^^^^^^ no rule
help: did you mean `backprop`?  (pcc explain PC203)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, Literal

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.source import COMMAND_LINE, LINE_BREAK, Span

Format = Literal["full", "concise", "json", "github"]

MAX_WIDTH = 100
"""Characters of a quoted line; longer ones are cut around the caret."""


def render(diagnostics: Iterable[Diagnostic], format: Format = "full") -> str:
    """All diagnostics in one text, without a final newline."""
    if format == "json":
        import json

        return json.dumps([_object(d) for d in diagnostics], indent=2, ensure_ascii=False)
    one: Callable[[Diagnostic], str] = {"full": _full, "concise": _concise, "github": _github}[
        format
    ]
    return ("\n\n" if format == "full" else "\n").join(one(d) for d in diagnostics)


def _full(diagnostic: Diagnostic) -> str:
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {visible(diagnostic.message)}"]
    path = visible(diagnostic.path)
    if diagnostic.span is not None:
        at = f" ({path})" if path else ""
        lines += [f"  --> {visible(str(diagnostic.span))}{at}"]
        lines += _quoted(diagnostic.span, diagnostic.label)
    elif path:
        lines += [f"  --> {path}"]
    for what, span in diagnostic.related:
        lines += [f"note: {visible(what)}", f"  --> {visible(str(span))}", *_quoted(span)]
    explain = f"pcc explain {diagnostic.code}"
    advice = f"{visible(diagnostic.help)}  ({explain})" if diagnostic.help else explain
    return "\n".join([*lines, f"help: {advice}"])


def _concise(diagnostic: Diagnostic) -> str:
    return f"{_place(diagnostic)}{diagnostic.severity}[{diagnostic.code}] {_sentence(diagnostic)}"


def _github(diagnostic: Diagnostic) -> str:
    """A workflow command; GitHub shows it beside the line in a pull request."""
    level = {"note": "notice"}.get(diagnostic.severity, diagnostic.severity)
    span = diagnostic.span
    file = span.source.name if span else diagnostic.file
    where = f"file={_escaped(file)}," if file and file != COMMAND_LINE else ""
    if where and span:
        where += f"line={span.line},col={span.column},"
    advice = f"\nhelp: {visible(diagnostic.help)}" if diagnostic.help else ""
    text = f"{_sentence(diagnostic)}{advice}".replace("%", "%25").replace("\n", "%0A")
    return f"::{level} {where}title={diagnostic.code}::{text}"


def _place(diagnostic: Diagnostic) -> str:
    return f"{visible(str(diagnostic.span))}: " if diagnostic.span else ""


def _sentence(diagnostic: Diagnostic) -> str:
    """Message, and key path where the message does not name it."""
    message, path = visible(diagnostic.message), visible(diagnostic.path)
    return message if not path or f"`{path}`" in message else f"{message} ({path})"


def _escaped(text: str) -> str:
    """A property of a workflow command."""
    return visible(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def _object(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "path": diagnostic.path,
        "label": diagnostic.label,
        "help": diagnostic.help,
        **_position(diagnostic.span, diagnostic.file),
        "related": [{"message": what, **_position(span)} for what, span in diagnostic.related],
    }


def _position(span: Span | None, file: str = "") -> dict[str, Any]:
    return {
        "file": span.source.name if span else file or None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
    }


def _quoted(span: Span, label: str = "") -> list[str]:
    """The span's first line, and carets below it."""
    lines = LINE_BREAK.split(span.source.text)
    if span.line > len(lines):
        return []
    line = visible(lines[span.line - 1])
    start = min(span.column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    end = max(min(end, len(line)), start + 1)
    line, start, end = _window(line, start, end)
    number = str(span.line)
    carets = "^" * max(1, _width(line[start:end]))
    marked = f"{' ' * _width(line[:start])}{carets} {visible(label)}".rstrip()
    return [f"{number} | {line}".rstrip(), f"{' ' * len(number)} | {marked}"]


def _window(line: str, start: int, end: int) -> tuple[str, int, int]:
    """At most MAX_WIDTH characters of the line, around the stretch from `start` to `end`."""
    if len(line) <= MAX_WIDTH:
        return line, start, end
    first = max(0, min(start - MAX_WIDTH // 3, len(line) - MAX_WIDTH))
    last = min(len(line), first + MAX_WIDTH)
    head, tail = "..." if first else "", "..." if last < len(line) else ""
    shift = len(head) - first
    return f"{head}{line[first:last]}{tail}", start + shift, min(end, last) + shift


def visible(text: str) -> str:
    """One line of printable characters, as many as before: tabs become single blanks."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
