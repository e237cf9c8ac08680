"""Translates pydantic's errors into the user's words, with positions in the user's text.

pydantic's locations hold segments that the YAML lacks (the branch of a union, the index of
a pipeline of one, the name of a member written without options). Walking the tree and
skipping what it lacks gives the place in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import ValidationError

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.source import Span
from pccompiler.diagnostics.suggest import closest, meant, suggestion
from pccompiler.diagnostics.wording import plural
from pccompiler.spec.elsewhere import paths_to
from pccompiler.spec.language import place
from pccompiler.spec.problems import MAX_PROBLEMS, rounded, shortened, too_many
from pccompiler.spec.scalars import NumberError, meaning
from pccompiler.spec.tree import (
    Document,
    KeyPath,
    Mapping,
    Scalar,
    Segment,
    Tree,
    child_of,
    dotted,
)
from pccompiler.spec.tree import Sequence as ListTree

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_LENGTHS = {
    "too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
    "string_too_short": ("at least", "min_length"),
    "string_too_long": ("at most", "max_length"),
}


@dataclass(frozen=True)
class _Fault:
    """One error of pydantic and the part of its location that the tree has.

    `fork` is the path of the union in which it arose, if it arose in one.
    """

    kind: str
    message: str
    context: dict[str, Any]
    last: Segment
    path: KeyPath
    node: Tree
    fork: KeyPath | None

    @property
    def wrong_kind_of_value(self) -> bool:
        return self.kind in _EXPECTED and self.path == self.fork


def diagnostics(error: ValidationError, document: Document) -> list[Diagnostic]:
    """One message for each of the user's mistakes, a union's branches taken together."""
    # A union says several things about one mistake; nobody reads thousands.
    raw = error.errors(include_url=False, include_input=False)[: 10 * MAX_PROBLEMS]
    faults = [_located(fault, document.tree) for fault in raw]
    new = [fault for fault in faults if not _follows_from_another(fault)]
    groups: dict[object, list[_Fault]] = {}
    for number, fault in enumerate(new):
        groups.setdefault(number if fault.fork is None else fault.fork, []).append(fault)
    messages = [
        message
        for group in list(groups.values())[: MAX_PROBLEMS + 1]
        for message in islice(_said(group, document), MAX_PROBLEMS + 1)
    ]
    messages = _without_explained_gaps(messages)
    if len(messages) <= MAX_PROBLEMS:
        return messages
    return [*messages[:MAX_PROBLEMS], too_many()]


def _located(error: Any, tree: Tree) -> _Fault:
    location: tuple[Segment, ...] = error["loc"]
    last = location[-1] if location else ""
    walked = location[:-1] if error["type"] == "missing" else location
    path: KeyPath = ()
    fork: KeyPath | None = None
    node = tree
    for segment in walked:
        child = child_of(node, segment)
        if child is None:
            fork = path if fork is None and place(path).forms > 1 else fork
            continue
        node, path = child, (*path, segment)
    return _Fault(error["type"], error["msg"], error.get("ctx", {}), last, path, node, fork)


def _follows_from_another(fault: _Fault) -> bool:
    """A value already reported, or a list that is short only because its items are wrong."""
    if isinstance(fault.node, Scalar):
        return fault.node.faulty
    return fault.kind == "too_short" and fault.context["actual_length"] < _length(fault.node)


def _length(node: ListTree | Mapping) -> int:
    return len(node.items if isinstance(node, ListTree) else node.entries)


def _said(group: list[_Fault], document: Document) -> Iterator[Diagnostic]:
    """The error of a union: that of its best fitting branch, else the kinds of value it takes."""
    precise = [fault for fault in group if not fault.wrong_kind_of_value]
    if precise:
        yield from (_diagnostic(fault, document) for fault in precise)
    else:
        yield _wrong_kind(group, document)


def _diagnostic(fault: _Fault, document: Document) -> Diagnostic:
    name, found = _name(fault.path), _found(fault.node)
    span, key = _span(fault, document), document.span(fault.path, key=True)
    at = dotted(fault.path)
    context = fault.context
    if fault.kind in _EXPECTED:
        return _wrong_kind([fault], document)
    if fault.kind == "extra_forbidden":
        section, unknown = fault.path[:-1], str(fault.path[-1])
        where = f"in `{dotted(section)}`" if section else "at the top level"
        advice = _key_advice(unknown, section, document)
        message = f"unknown key `{unknown}` {where}"
        return Diagnostic("PC201", message, key, at, "not a key of this section", advice)
    if fault.kind == "missing":
        message = f"{name} lacks the key `{fault.last}`"
        advice = f"add `{fault.last}: ...`"
        return Diagnostic("PC202", message, span, dotted((*fault.path, fault.last)), help=advice)
    if fault.kind == "unknown_name":
        span = key if isinstance(fault.node, Mapping) and fault.path else span
        if isinstance(fault.node, Mapping) and context["given"] in fault.node.entries:
            span = fault.node.entries[context["given"]].key_span
        return _unknown(context, span, at)
    if fault.kind == "literal_error":
        return _not_listed(fault, document)
    if fault.kind in _BOUNDS:
        relation, bound = _BOUNDS[fault.kind]
        message = f"{name} must be {relation} {rounded(context[bound])}, found {found}"
        return Diagnostic("PC205", message, span, at, help=_advice(fault.path))
    if fault.kind in _LENGTHS:
        adverb, bound = _LENGTHS[fault.kind]
        unit = "character" if fault.kind.startswith("string") else "item"
        message = f"{name} must have {adverb} {context[bound]} {plural(context[bound], unit)}"
        return Diagnostic("PC205", message, span, at, help=_advice(fault.path))
    if fault.kind == "one_of":
        known = place(fault.path).keys
        message = f"{name} must name one {context['family']}, found {found}"
        advice = f"write the name, or {{name: {{option: value}}}}; {suggestion('', known)}"
        return Diagnostic("PC206", message, span, at, help=advice)
    if fault.kind == "edge_ends":
        advice = 'write {path: "a -> b"} or {from: a, to: b}'
        return Diagnostic("PC207", fault.message, span, at, help=advice)
    if fault.kind == "string_pattern_mismatch":
        message = f"{name} cannot be {found}"
        advice = place(fault.path).description or f"it must match {context['pattern']}"
        return Diagnostic("PC212", message, span, at, help=advice)
    said = str(context["error"]) if fault.kind == "value_error" else fault.message
    return Diagnostic("PC212", f"{name}: {said}", span, at)


def _wrong_kind(group: list[_Fault], document: Document) -> Diagnostic:
    fault = group[0]
    expected = list(dict.fromkeys(_EXPECTED[fault.kind] for fault in group))
    if "a number" in expected and "a whole number" in expected:
        expected.remove("a whole number")
    message = f"{_name(fault.path)} must be {' or '.join(expected)}, found {_found(fault.node)}"
    advice = _spelling_advice(fault, expected) or _advice(fault.path)
    span = _span(fault, document)
    return Diagnostic("PC204", message, span, dotted(fault.path), help=advice)


def _advice(path: KeyPath) -> str:
    """Advice on what to write, and the meaning of the key."""
    here = place(path)
    if here.expected in ("", "a text"):
        return here.description
    meaning = f" ({here.description})" if here.description else ""
    return f"write {here.expected}{meaning}"


def _key_advice(unknown: str, section: KeyPath, document: Document) -> str:
    """The key of the section that was meant, or else where the language has such a key."""
    here = place(section)
    known = here.keys if section else (*here.keys, "extends")
    if place(section[:-1]).choice:  # a member, whose options are its own
        siblings = _members_with(unknown, section)
        if siblings and unknown not in here.aliases:
            return f"it is an option of {' and '.join(siblings)}; " + suggestion("", known)
        return suggestion(unknown, known, here.aliases)
    elsewhere = paths_to(unknown, document.tree)
    exactly = not section and any(path.endswith(f".{unknown}") for path in elsewhere)
    if elsewhere and (exactly or meant(unknown, known, here.aliases) is None):
        return f"did you mean {' or '.join(f'`{path}`' for path in elsewhere)}?"
    return suggestion(unknown, known, here.aliases)


def _members_with(option: str, section: KeyPath) -> list[str]:
    """The other members of the family that have this option."""
    family = section[:-1]
    return [f"`{name}`" for name in place(family).keys if option in place((*family, name)).keys]


def _spelling_advice(fault: _Fault, expected: Sequence[str]) -> str:
    """Advice for a value that is wrong by its spelling alone."""
    node = fault.node
    if not isinstance(node, Scalar):
        return ""
    value = node.value
    if isinstance(value, str) and {"a number", "a whole number"} & set(expected):
        try:
            number = meaning(value.strip())
        except NumberError:
            return ""
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        return f"remove the quotes: {value.strip()}" if is_number else ""
    if isinstance(value, float) and value.is_integer() and "a whole number" in expected:
        return f"write {int(value)}"
    if value is None:
        return "give it a value, or remove the key"
    if expected == ["a list"] and _may_stand_in_list(value, fault.path):
        return f"write [{node.written}]"
    if value in ("yes", "no", "on", "off") and "true or false" in expected:
        return f"write {'true' if value in ('yes', 'on') else 'false'}"
    return ""


def _may_stand_in_list(value: object, path: KeyPath) -> bool:
    """Whether a list of this one value would be right, as far as kinds go."""
    if not place(path).expected.startswith("a list, "):  # of any length
        return False
    item = place((*path, 0)).expected
    if isinstance(value, str):
        return item == "a text" or value in item.split(" or ")
    return not isinstance(value, bool) and "number" in item


def _not_listed(fault: _Fault, document: Document) -> Diagnostic:
    """A value outside a fixed list."""
    span, at = _span(fault, document), dotted(fault.path)
    known = place(fault.path).values
    node = fault.node
    if isinstance(node, Scalar) and isinstance(node.value, str) and isinstance(known[0], str):
        return _unknown(
            {"family": str(fault.path[-1]), "given": node.value, "known": known, "aliases": {}},
            span,
            at,
        )
    listed = " or ".join(str(value) for value in known)
    message = f"{_name(fault.path)} must be {listed}, found {_found(node)}"
    return Diagnostic("PC204", message, span, at, help=_advice(fault.path))


def _unknown(context: dict[str, Any], span: Span | None, at: str) -> Diagnostic:
    """A name that its family, or its list of values, does not have."""
    family, given, known = context["family"], context["given"], context["known"]
    message = f"unknown {family} `{shortened(given)}`"
    _, dot, ending = given.rpartition(".")
    is_file = bool(dot) and family == "data source" and ending in known
    advice = (
        f"write {{{ending}: {given}}}" if is_file else suggestion(given, known, context["aliases"])
    )
    return Diagnostic("PC203", message, span, at, f"no {family}", advice)


def _without_explained_gaps(messages: list[Diagnostic]) -> list[Diagnostic]:
    """Drops `lacks the key x` where the same mapping has an `xx` that was meant to be x."""
    unknown = [m.path.rpartition(".") for m in messages if m.code == "PC201"]

    def explained(message: Diagnostic) -> bool:
        section, _, missing = message.path.rpartition(".")
        return message.code == "PC202" and any(
            parent == section and closest(key, (missing,)) for parent, _, key in unknown
        )

    return [message for message in messages if not explained(message)]


def _span(fault: _Fault, document: Document) -> Span | None:
    """The position of a fault: for a mapping, a list or nothing at all, that of its key."""
    node = fault.node
    shown = isinstance(node, Scalar) and not (node.value is None and not node.written)
    return document.span(fault.path, key=not shown)


def _name(path: KeyPath) -> str:
    return f"`{dotted(path)}`" if path else "the spec"


def _found(node: Tree) -> str:
    if isinstance(node, Mapping):
        keys = list(node.entries)
        return f"a mapping with the key `{shortened(keys[0])}`" if len(keys) == 1 else "a mapping"
    if isinstance(node, ListTree):
        return "a list"
    return f"{_kind(node)}{_origin(node)}"


def _kind(node: Scalar) -> str:
    if node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return f"the boolean {'true' if node.value else 'false'}"
    if isinstance(node.value, str):
        return f"the text `{shortened(node.value)}`"
    return f"the number {node.value if '${' in node.written else node.written}"


def _origin(node: Scalar) -> str:
    return f" from `{shortened(node.written)}`" if "${" in node.written else ""
