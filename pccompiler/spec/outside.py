"""Members from outside that a spec uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic.fields import FieldInfo

from pccompiler.components.member import Member, NameOf, Section
from pccompiler.components.registry import ACTIVATION, Outside, outside
from pccompiler.spec.models import RunSpec


def members_from_outside(spec: RunSpec) -> tuple[Outside, ...]:
    """Those that its sections name, each once, in order of family and name."""
    registered = outside()
    if not registered:
        return ()
    chosen = {id(type(member)) for member in _members(spec)}
    activations = set(_activations(spec))
    used: dict[int, Outside] = {}  # one that belongs to two families is told once
    for entry in registered:
        named = entry.family == ACTIVATION and entry.name in activations
        if named or id(entry.member) in chosen:
            used.setdefault(id(entry.member), entry)
    return tuple(sorted(used.values(), key=lambda entry: (entry.family, entry.name)))


def _members(value: Any) -> Iterator[Member]:
    for section in _sections(value):
        if isinstance(section, Member):
            yield section


def _activations(value: Any) -> Iterator[str]:
    """The names of activations, wherever an option takes one."""
    for section in _sections(value):
        for name, field in type(section).model_fields.items():
            chosen = getattr(section, name)
            if isinstance(chosen, str) and _names_activation(field):
                yield chosen


def _names_activation(field: FieldInfo) -> bool:
    return any(isinstance(note, NameOf) and note.family == ACTIVATION for note in field.metadata)


def _sections(value: Any) -> Iterator[Section]:
    """A section and all that are inside it."""
    if isinstance(value, Section):
        yield value
        for name in type(value).model_fields:
            yield from _sections(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in cast(Mapping[str, Any], value).values():
            yield from _sections(item)
    elif isinstance(value, list | tuple):
        for item in cast(Iterable[Any], value):
            yield from _sections(item)
