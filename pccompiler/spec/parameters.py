"""`${name}`: the named numbers of `params`, put where they are used.

A value that is nothing but `${name}` becomes the number; inside a longer text, in keys too,
the number is written out, whole numbers without a point.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.source import Span
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.spec.problems import report
from pccompiler.spec.tree import (
    Entry,
    KeyPath,
    Mapping,
    Scalar,
    Sequence,
    Tree,
    Value,
    child_of,
    dotted,
)

_USE = re.compile(r"\$\{([^{}]*)\}")
_CALCULATES = re.compile(r"[+*/%^()]|\s-|-\s")
"""Marks of an expression, unusual in a name."""


@dataclass(frozen=True)
class Parameters:
    """The values of `params`. One that is no number is None: validation reports it."""

    values: dict[str, int | float | None]
    problems: list[Diagnostic]

    @classmethod
    def of(cls, tree: Mapping, problems: list[Diagnostic]) -> Parameters:
        section = child_of(tree, "params")
        if not isinstance(section, Mapping):
            return cls({}, problems)
        return cls({key: _number(item.value) for key, item in section.entries.items()}, problems)

    def substituted(self, tree: Tree, path: KeyPath = ()) -> Tree:
        """The tree with every use replaced. `params` itself stays as it is."""
        if isinstance(tree, Scalar):
            return self._scalar(tree, path)
        if isinstance(tree, Sequence):
            items = (self.substituted(item, (*path, i)) for i, item in enumerate(tree.items))
            return Sequence(tuple(items), tree.span)
        entries: dict[str, Entry] = {}
        for written, entry in tree.entries.items():
            if not path and written == "params":
                entries[written] = entry
                continue
            key = self.text(written, entry.key_span, (*path, written))
            value = self.substituted(entry.value, (*path, key))
            if key in entries:
                self._twice((*path, key), entries[key], entry)
            else:
                entries[key] = Entry(value, entry.key_span)
        return Mapping(entries, tree.span)

    def text(self, text: str, span: Span | None, path: KeyPath) -> str:
        """A text with every use written out; unknown names are reported and left."""
        if "${" not in text or list(self._faults(text, span, path)):
            return text
        return _USE.sub(lambda use: _spelled(self.values[use[1].strip()]) or use[0], text)

    def _scalar(self, scalar: Scalar, path: KeyPath) -> Scalar:
        text = scalar.value
        if not isinstance(text, str) or "${" not in text:
            return scalar
        faults = list(self._faults(text, scalar.span, path))
        used = [self.values.get(name.strip()) for name in _USE.findall(text)]
        if faults or None in used:
            return replace(scalar, faulty=True)
        value: Value = self.text(text, scalar.span, path)
        return replace(scalar, value=used[0] if _USE.fullmatch(text) else value)

    def _faults(self, text: str, span: Span | None, path: KeyPath) -> Iterator[None]:
        """Reports what is wrong with the uses in a text, and yields once for each."""
        for use in _USE.finditer(text):
            name = use[1].strip()
            if name not in self.values:
                yield self._problem(
                    f"unknown parameter `{name}`",
                    _inside(span, text, use.start(), use.end()),
                    path,
                    self._advice(name),
                )
        open_use = _USE.sub(lambda use: " " * len(use[0]), text).find("${")
        if open_use >= 0:
            yield self._problem(
                "`${` without its closing brace",
                _inside(span, text, open_use, open_use + 2),
                path,
                "write ${name}",
            )

    def _advice(self, name: str) -> str:
        if _CALCULATES.search(name) or name.partition("-")[0].strip() in self.values:
            known = ", ".join(islice(self.values, 20))
            only = "only the name of one of the params may stand here, no expression"
            return f"{only}; known: {known}" if known else only
        return suggestion(name, self.values) or f"add `params: {{{name}: ...}}`"

    def _problem(self, message: str, span: Span | None, path: KeyPath, help: str) -> None:
        problem = Diagnostic("PC208", message, span, dotted(path), help=help)
        report(self.problems, problem)

    def _twice(self, path: KeyPath, first: Entry, second: Entry) -> None:
        related = (("the first", first.key_span),) if first.key_span else ()
        report(
            self.problems,
            Diagnostic(
                "PC107",
                f"two keys of the same mapping become `{path[-1]}` once parameters are put in",
                second.key_span,
                dotted(path),
                help="rename one of the two",
                related=related,
            ),
        )


def _number(tree: Tree) -> int | float | None:
    value = tree.value if isinstance(tree, Scalar) else None
    return None if isinstance(value, bool | str) else value


def _spelled(number: int | float | None) -> str:
    if number is None:
        return ""
    if isinstance(number, float) and number.is_integer():
        return str(int(number))
    return str(number)


def _inside(span: Span | None, text: str, start: int, end: int) -> Span | None:
    """The part of a one-line scalar's span that holds text[start:end], if it is there."""
    if span is None or span.line != span.end_line:
        return span
    quotes = (span.end_column - span.column - len(text)) // 2
    if quotes not in (0, 1):  # escapes make the text shorter than its spelling
        return span
    first = span.column + quotes
    return Span(span.source, span.line, first + start, span.line, first + end)
