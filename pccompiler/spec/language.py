"""The keys and values that the language allows at a key path, read off the models of `RunSpec`.

Merging asks it which values are a choice of one member; messages ask it which keys or values
would have been right. Nothing here runs for a spec without `extends` and without mistakes.
"""

from __future__ import annotations

import types
from collections import abc
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from pccompiler.components.member import Member, NameOf, OneOf, Section, aliases_of
from pccompiler.diagnostics.wording import plural
from pccompiler.spec.models import RunSpec
from pccompiler.spec.other_words import other_words
from pccompiler.spec.problems import rounded
from pccompiler.spec.tree import KeyPath, Segment

_GUARD = 10**6
"""Upper bounds from here on only keep absurd numbers out, and are not worth a word."""
_NUMBERS = {int: "a whole number", float: "a number"}
_RELATIONS = {"ge": "of at least", "gt": "above", "lt": "below", "le": "of at most"}


@dataclass(frozen=True)
class Place:
    """`keys` that a mapping may have here, and `aliases`, other words for them; whether the
    value is one member of a family (`choice`); the only allowed `values`, if they are listed;
    how many `forms` (of which a union chooses) the value may take; what is `expected`, in
    words; the `description` of the key; and the name of the member that is the `default`."""

    keys: tuple[str, ...]
    aliases: abc.Mapping[str, str]
    choice: bool
    values: tuple[Any, ...]
    forms: int
    expected: str
    description: str
    default: str


def place(path: KeyPath) -> Place:
    """The keys and values allowed at a key path; none at an unknown one."""
    forms = _forms_at(path)
    elements = [element for form in forms for element in _elements(form)]
    inner = [*forms, *elements]
    field = _field(path)
    default = field.default if field else None
    return Place(
        keys=tuple(key for form in inner for key in _keys(form)),
        aliases={alias: key for form in inner for alias, key in _aliases(form).items()},
        choice=any(isinstance(form, OneOf) for form in inner),
        values=tuple(value for form in forms for value in _values(form)),
        forms=len(forms),
        expected=_any_of(forms),
        description=(field.description if field else None) or "",
        default=default.name if isinstance(default, Member) else "",
    )


def expected(option: FieldInfo) -> str:
    """The values of an option, in words: `a number above 0`."""
    return _any_of(_forms(option.annotation, option.metadata))


def _forms_at(path: KeyPath) -> list[Any]:
    forms: list[Any] = [RunSpec]
    for segment in path:
        forms = [inner for form in forms for inner in _inside(form, segment)]
    return forms


def _field(path: KeyPath) -> FieldInfo | None:
    """The key's own field; of an item, that of its list."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    if not path:
        return None
    fields = [field for form in _forms_at(path[:-1]) for field in _fields(form)]
    return next((option for name, option in fields if name == path[-1]), None)


def _forms(annotation: Any, metadata: abc.Sequence[Any] = ()) -> list[Any]:
    """The alternatives of a type: sections, `OneOf`s, `dict`s, `tuple`s and plain types;
    numbers with their bounds, as `Annotated[int, Ge(1)]`."""
    notes: list[Any] = []
    for note in metadata:
        if isinstance(note, OneOf | NameOf):
            return [note]
        notes += note.metadata if isinstance(note, FieldInfo) else [note]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _forms(arguments[0], (*arguments[1:], *notes))
    if origin in (Union, types.UnionType):
        return [form for argument in arguments for form in _forms(argument, notes)]
    if annotation in _NUMBERS and notes:
        return [Annotated[annotation, *notes]]
    return [] if annotation is type(None) else [annotation]


def _inside(form: Any, segment: Segment) -> list[Any]:
    if isinstance(form, OneOf):
        member = form.find(segment)
        return [member] if member else []
    if get_origin(form) is dict:
        return _forms(get_args(form)[1])
    elements = _elements(form)
    if isinstance(segment, int):
        return elements
    if elements:  # a list of one may be written without its brackets
        return [inner for element in elements for inner in _inside(element, segment)]
    for name, option in _fields(form):
        if name == segment:
            return _forms(option.annotation, option.metadata)
    return []


def _elements(form: Any) -> list[Any]:
    return _forms(get_args(form)[0]) if get_origin(form) is tuple else []


def _keys(form: Any) -> list[str]:
    if isinstance(form, OneOf):
        return list(form.members)
    return [name for name, _ in _fields(form)]


def _aliases(form: Any) -> abc.Mapping[str, str]:
    if isinstance(form, OneOf):
        return aliases_of(form.members.values())
    if not (isinstance(form, type) and issubclass(form, Section)):
        return {}
    words = form.option_aliases if issubclass(form, Member) else other_words(form)
    keys = _keys(form)
    return {word: key for word, key in words.items() if key in keys and word not in keys}


def _fields(form: Any) -> list[tuple[str, FieldInfo]]:
    """The keys of a section as the YAML writes them."""
    if not (isinstance(form, type) and issubclass(form, Section)):
        return []
    return [(option.alias or name, option) for name, option in form.model_fields.items()]


def _values(form: Any) -> tuple[Any, ...]:
    if isinstance(form, NameOf):
        return form.names
    if isinstance(form, type) and issubclass(form, Member) and form.shorthand:
        option = form.model_fields[form.shorthand]  # which may be written in the member's place
        return tuple(v for f in _forms(option.annotation, option.metadata) for v in _values(f))
    return get_args(form) if get_origin(form) is Literal else ()


def _any_of(forms: abc.Sequence[Any]) -> str:
    words = dict.fromkeys(_words(form) for form in forms)
    if _NUMBERS[float] in words:
        words.pop(_NUMBERS[int], None)
    return ", or ".join(words)


def _words(form: Any) -> str:
    """An alternative in words: `a whole number of at least 1`."""
    if isinstance(form, NameOf) or get_origin(form) is Literal:
        return " or ".join(str(value) for value in _values(form))
    if isinstance(form, OneOf):
        return f"the name of one {form.family}"
    if keys := _keys(form):
        return f"a mapping with the {plural(len(keys), 'key')} {', '.join(keys)}"
    if elements := _elements(form):
        size = "" if ... in get_args(form) else f" of {len(get_args(form))}"
        return f"a list{size}, each item {_any_of(elements)}"
    if get_origin(form) is dict:
        return f"a mapping, each value {_any_of(_forms(get_args(form)[1]))}"
    kind, *notes = get_args(form) if get_origin(form) is Annotated else (form,)
    if kind in _NUMBERS:
        return _NUMBERS[kind] + _bounds(notes)
    return {bool: "true or false", str: "a text"}.get(kind, "")


def _bounds(notes: abc.Sequence[Any]) -> str:
    """` from 1 to 1,000`, ` of at least 0 and below 1`."""
    found = {
        relation: getattr(note, relation)
        for note in notes
        for relation in _RELATIONS
        if getattr(note, relation, None) is not None
    }
    if found.get("lt", 0) >= _GUARD:
        del found["lt"]
    if found.keys() == {"ge", "le"}:
        return f" from {rounded(found['ge'])} to {rounded(found['le'])}"
    return " and".join(
        f" {words} {rounded(found[relation])}"
        for relation, words in _RELATIONS.items()
        if relation in found
    )
