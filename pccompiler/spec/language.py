"""What the language allows at a key path, read off the models of `RunSpec`.

Merging asks it which values are a choice of one member; messages ask it which keys or values
would have been right. Nothing here runs for a spec without `extends` and without mistakes.
"""

from __future__ import annotations

import types
from collections import abc
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pccompiler.components.member import Member, NameOf, OneOf, Section
from pccompiler.spec.models import RunSpec
from pccompiler.spec.tree import KeyPath, Segment


@dataclass(frozen=True)
class Place:
    """`keys` that a mapping may have here; whether the value is one member of a family
    (`choice`); the only allowed `values`, if they are listed; how many `forms` (of which a
    union chooses) the value may take; and the `description` of the key."""

    keys: tuple[str, ...]
    choice: bool
    values: tuple[Any, ...]
    forms: int
    description: str


def place(path: KeyPath) -> Place:
    """What may stand at a key path. An unknown path allows nothing."""
    forms = _forms_at(path)
    elements = [element for form in forms for element in _elements(form)]
    inner = [*forms, *elements]
    return Place(
        keys=tuple(key for form in inner for key in _keys(form)),
        choice=any(isinstance(form, OneOf) for form in inner),
        values=tuple(value for form in forms for value in _values(form)),
        forms=len(forms),
        description=_description(path),
    )


def _forms_at(path: KeyPath) -> list[Any]:
    forms: list[Any] = [RunSpec]
    for segment in path:
        forms = [inner for form in forms for inner in _inside(form, segment)]
    return forms


def _description(path: KeyPath) -> str:
    """What the key's own field says of it; of an item, what its list says."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    if not path:
        return ""
    fields = [field for form in _forms_at(path[:-1]) for field in _fields(form)]
    return next((option.description or "" for name, option in fields if name == path[-1]), "")


def _forms(annotation: Any, metadata: abc.Sequence[Any] = ()) -> list[Any]:
    """The alternatives of a type: sections, `OneOf`s, `dict`s, `tuple`s and plain types."""
    for note in metadata:
        if isinstance(note, OneOf | NameOf):
            return [note]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _forms(arguments[0], arguments[1:])
    if origin in (Union, types.UnionType):
        return [form for argument in arguments for form in _forms(argument)]
    return [] if annotation is type(None) else [annotation]


def _inside(form: Any, segment: Segment) -> list[Any]:
    if isinstance(form, OneOf):
        return [form.members[segment]] if segment in form.members else []
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


def _fields(form: Any) -> list[tuple[str, Any]]:
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
