"""A spec as a tree of values, each with its position in the text it came from.

The trees are immutable: merging, overriding and substituting build new ones. Mappings keep
the order of the file. Trees made from Python values have no positions.
"""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass

from pccompiler.diagnostics.source import Span

Value = None | bool | int | float | str
Segment = str | int
KeyPath = tuple[Segment, ...]


@dataclass(frozen=True)
class Scalar:
    """A text, number, boolean or null. `written` is how the file spells it.

    A `faulty` scalar has already been reported; what validation would add is noise.
    """

    value: Value
    span: Span | None = None
    written: str = ""
    faulty: bool = False


@dataclass(frozen=True)
class Sequence:
    """A list."""

    items: tuple[Tree, ...] = ()
    span: Span | None = None


@dataclass(frozen=True)
class Entry:
    """The value of one key, and where the key stands."""

    value: Tree
    key_span: Span | None = None


@dataclass(frozen=True)
class Mapping:
    """Keys, which are always text, and their values."""

    entries: abc.Mapping[str, Entry]
    span: Span | None = None


Tree = Scalar | Sequence | Mapping


@dataclass(frozen=True)
class Document:
    """The tree that a `RunSpec` was validated from: extended, overridden, substituted."""

    tree: Mapping

    def span(self, path: KeyPath, key: bool = False) -> Span | None:
        """The position of the value at a key path (`key`: of its key).

        Falls back to the nearest ancestor that the texts contain; None for Python values.
        """
        node: Tree = self.tree
        found = node.span
        for segment in path:
            child = child_of(node, segment)
            if child is None:
                return found
            found = _own_span(node, segment, child, key and segment == path[-1]) or found
            node = child
        return found


def child_of(node: Tree, segment: Segment) -> Tree | None:
    """The value under a key or index, or None."""
    if isinstance(node, Mapping) and isinstance(segment, str):
        entry = node.entries.get(segment)
        return entry.value if entry else None
    if isinstance(node, Sequence) and isinstance(segment, int):
        return node.items[segment] if 0 <= segment < len(node.items) else None
    return None


def _own_span(parent: Tree, segment: Segment, child: Tree, key: bool) -> Span | None:
    if key and isinstance(parent, Mapping) and isinstance(segment, str):
        return parent.entries[segment].key_span or child.span
    return child.span


def plain(node: Tree) -> object:
    """The tree as Python values: dictionaries, tuples and scalars."""
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return tuple(plain(item) for item in node.items)
    return node.value


def dotted(path: KeyPath) -> str:
    """A key path as messages and overrides write it: `edges.0.op`."""
    return ".".join(str(segment) for segment in path)
