"""`-s key.path=value`: one value of the spec, replaced from the command line.

The path's segments stand between dots, except inside the brackets of a range
(`nodes.h[1..2].activation=relu`); numbers index lists, `edges.0.op` or `edges[0].op`. The
value is YAML. An override may set a key that the file leaves out, but not add a parameter or
a node.
"""

from __future__ import annotations

import re
from collections.abc import Sequence as List
from dataclasses import dataclass

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.source import COMMAND_LINE, Source, Span
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.spec.language import place
from pccompiler.spec.names import NameSyntaxError, expand
from pccompiler.spec.parameters import Parameters
from pccompiler.spec.read import read_value
from pccompiler.spec.tree import Entry, KeyPath, Mapping, Scalar, Sequence, Tree, dotted

_INDEX = r"\[\s*[0-9]+\s*\]"
_NAME = rf"(?:[^.\[\]]|(?!{_INDEX})\[[^\]]*\])+"
_SEGMENT = re.compile(rf"{_NAME}|{_INDEX}")
_PATH = re.compile(rf"{_NAME}(?:\.{_NAME}|{_INDEX})*")
_OWN_NAMES = {"params": "parameter", "nodes": "node"}


@dataclass(frozen=True)
class Override:
    """A key path, with the position of each segment, and the value to put there."""

    segments: tuple[tuple[str, Span], ...]
    value: Tree

    @property
    def sets_parameter(self) -> bool:
        return self.segments[0][0] == "params"


def parse(text: str, problems: list[Diagnostic]) -> Override | None:
    """Reads one override; what is wrong with it goes to `problems`."""
    source = Source(COMMAND_LINE, text)
    path, equals, _ = text.partition("=")
    if not equals or not _PATH.fullmatch(path):
        span = Span(source, 1, 1, 1, len(path) + 1)
        message = f"`{text}` is no override: it needs a key path, `=` and a value"
        advice = "write -s training.epochs=5"
        problems.append(Diagnostic("PC211", message, span, help=advice))
        return None
    segments = tuple(
        (_unbracketed(match[0]), Span(source, 1, match.start() + 1, 1, match.end() + 1))
        for match in _SEGMENT.finditer(path)
    )
    try:
        return Override(segments, read_value(source, len(path) + 1, problems))
    except SpecError as error:
        problems += error.diagnostics
        return None


def _unbracketed(segment: str) -> str:
    """The number of an index, `[0]`; any other segment as it is."""
    return segment.strip("[] ") if re.fullmatch(_INDEX, segment) else segment


def applied(
    tree: Mapping, overrides: List[Override], parameters: Parameters, problems: list[Diagnostic]
) -> Mapping:
    """The tree with each override's value in its place, in order."""
    for override in overrides:
        segments = tuple(
            (parameters.text(text, span, ()), span) for text, span in override.segments
        )
        path = tuple(text for text, _ in segments)
        value = parameters.substituted(override.value, path)
        try:
            changed = _set(tree, segments, value, ())
        except SpecError as error:
            problems += error.diagnostics
            continue
        if isinstance(changed, Mapping):
            tree = changed
    return tree


def _set(tree: Tree, segments: tuple[tuple[str, Span], ...], value: Tree, path: KeyPath) -> Tree:
    """The tree with `value` at the remaining segments. Raises SpecError (PC211)."""
    if not segments:
        return value
    (text, span), rest = segments[0], segments[1:]
    if isinstance(tree, Sequence):
        index = _index(text, span, tree, path)
        inner = _set(tree.items[index], rest, value, (*path, index))
        return Sequence((*tree.items[:index], inner, *tree.items[index + 1 :]), tree.span)
    tree = _opened(tree, text, span, path)
    old = tree.entries.get(text)
    if old is None and len(path) == 1 and path[0] in _OWN_NAMES:
        names = tree.entries
        message = f"the spec has no {_OWN_NAMES[str(path[0])]} `{text}`"
        range_ = next((name for name in names if _stands_for(name, text)), None)
        advice = f"it is one of `{range_}`, set together" if range_ else suggestion(text, names)
        raise SpecError(_problem(message, span, (*path, text), advice))
    inner = _set(old.value if old else Mapping({}, span), rest, value, (*path, text))
    return Mapping(
        {**tree.entries, text: Entry(inner, old.key_span if old and rest else span)},
        tree.span,
    )


def _opened(tree: Tree, text: str, span: Span, path: KeyPath) -> Mapping:
    """The mapping that an override reaches into; a choice of another member is replaced."""
    choice = place(path).choice
    if isinstance(tree, Mapping) and not (choice and text not in tree.entries):
        return tree
    if choice or (isinstance(tree, Scalar) and tree.value is None):
        return Mapping({}, span)
    message = f"`{dotted(path)}` is a single value, so `{text}` cannot be set inside it"
    raise SpecError(_problem(message, span, (*path, text), f"write -s {dotted(path)}=..."))


def _index(text: str, span: Span, items: Sequence, path: KeyPath) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 9 and int(text) < len(items.items):
        return int(text)
    count = len(items.items)
    message = f"`{dotted(path)}` is a list of {count}, which has no item `{text}`"
    advice = f"items are numbered from 0 to {count - 1}" if count else "the list is empty"
    raise SpecError(_problem(message, span, (*path, text), advice))


def _stands_for(name: str, one: str) -> bool:
    """Whether a name with a range, such as `h[1..2]`, stands for this one among others."""
    try:
        return one in expand(name)
    except NameSyntaxError:
        return False


def _problem(message: str, span: Span, path: KeyPath, help: str) -> Diagnostic:
    return Diagnostic("PC211", message, span, dotted(path), help=help)
