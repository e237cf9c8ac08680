"""Syntax errors of YAML: the parser's messages, reworded with what to change."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.source import LINE_BREAK, Source, Span
from pccompiler.diagnostics.wording import plural
from pccompiler.spec.characters import first_oddity, oddities

_OPENED = {
    "while scanning a quoted scalar": "the quote opens here",
    "while parsing a flow sequence": "the bracket opens here",
    "while parsing a flow mapping": "the brace opens here",
    "while parsing a block mapping": "the mapping starts here",
    "while parsing a block collection": "the list starts here",
    "while scanning a simple key": "the key starts here",
}
_HELP = (
    ("mapping values are not allowed", "put quotes around a text that contains `: `"),
    ("unexpected end of stream", "close the quote or bracket"),
    ("did not find expected ',' or", "close the bracket, or put a comma between the values"),
    ("expected ',' or", "close the bracket, or put a comma between the values"),
    ("could not find expected ':'", "write `key: value`, with a blank after the colon"),
    ("cannot start any token", "put quotes around the text"),
    ("did not find expected key", "check the indentation"),
    ("did not find expected '-'", "check the indentation"),
    ("expected <block end>", "check the indentation"),
)
_BY_INDENTATION = (
    "did not find expected key",
    "did not find expected '-'",
    "expected <block end>",
    "mapping values are not allowed",
)
"""Complaints that often come from a line that is indented too far, or not far enough."""
_ITEM = re.compile(r"-(\s+|$)")


def told(error: yaml.MarkedYAMLError, source: Source) -> Diagnostic:
    """The message about text that the parser refused (PC103)."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Diagnostic("PC103", f"the file is not YAML: {error}")
    lines = LINE_BREAK.split(source.text)
    line, column = mark.line + 1, mark.column + 1
    problem = error.problem or "cannot be read"
    related: tuple[tuple[str, Span], ...] = ()
    context = error.context_mark
    if error.context and context and (context.line, context.column) != (mark.line, mark.column):
        what = _OPENED.get(error.context.split(",")[0], error.context)
        related = ((what, _at(source, context.line + 1, context.column + 1)),)
    started = mark.line if context is None else context.line
    for suspect in (mark.line, started, mark.line - 1):
        odd = first_oddity(lines[suspect]) if 0 <= suspect < len(lines) else None
        if odd is not None:
            message = "not YAML: a character is not the one that it looks like"
            help = oddities(lines[suspect][odd:], odd + 1)
            return Diagnostic("PC103", message, _at(source, suspect + 1, odd + 1), help=help)
    quoted = lines[mark.line] if mark.line < len(lines) else ""
    if quoted[mark.column : mark.column + 1] == "\t":
        problem, advice = "a tab is used for indentation", "indent with spaces"
    elif "${" in quoted and "expected" in problem:
        advice = 'inside brackets a parameter needs quotes: "${name}"'
    elif any(part in problem for part in _BY_INDENTATION) and (
        meant := misplaced(lines, mark.line, mark.column)
    ):
        indent, wanted, like = meant
        problem = f"the line is indented by {indent} {plural(indent, 'blank')}, which fits no line"
        problem += " above it"
        advice = f"indent it by {wanted}, like line {like}"
        column, related = indent + 1, ()
    else:
        advice = next((text for part, text in _HELP if part in problem), "")
    span = _at(source, line, column)
    return Diagnostic("PC103", f"not YAML: {problem}", span, help=advice, related=related)


def misplaced(
    lines: Sequence[str], number: int, column: int | None = None
) -> tuple[int, int, int] | None:
    """The indentation of a line (counted from 0), the one it should have, and the line above that
    has it (counted from 1); None where it is not its indentation that is wrong.

    A key belongs under a key that is still open, an item of a list under an item. `column`:
    where the parser stopped; what stands right of the first key or item is another matter.
    """
    line = lines[number]
    indent = _indent(line)
    first_key = line.find(":")
    if column is not None and column > max(indent, first_key):
        return None
    is_item = bool(_ITEM.match(line[indent:]))
    open_at: list[tuple[int, bool, int]] = []  # column, whether an item, number of the line
    for above, text in enumerate(lines[:number], start=1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        at = _indent(text)
        open_at = [entry for entry in open_at if entry[0] < at]
        open_at.append((at, bool(_ITEM.match(text[at:])), above))
        while match := _ITEM.match(text[at:]):
            at += match.end()
            open_at.append((at, bool(_ITEM.match(text[at:])), above))
    if any(at == indent for at, _, _ in open_at):
        return None
    alike = [(at, above) for at, item, above in open_at if item == is_item]
    if not alike:
        return None
    wanted, like = min(reversed(alike), key=lambda entry: abs(entry[0] - indent))
    return indent, wanted, like


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _at(source: Source, line: int, column: int) -> Span:
    return Span(source, line, column, line, column + 1)
