"""Members that a test defines, registered for as long as it needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

from pccompiler.components.member import Member, OneOf, Section, check_complete
from pccompiler.spec.models import RunSpec


@contextmanager
def registered(member: type[Member], *families: str) -> Iterator[None]:
    """The member is a choice of these families (as messages call them) inside the block."""
    check_complete(member)
    tables = {id(note): note for model in _models() for note in _notes(model)}
    chosen = [table for table in tables.values() if table.family in families]
    assert {table.family for table in chosen} == set(families), "no such family in the language"
    before = [table.members for table in chosen]
    for table in chosen:
        table.members = {**table.members, member.name: member}
    try:
        _rebuild()
        yield
    finally:
        for table, members in zip(chosen, before, strict=True):
            table.members = members
        _rebuild()


def _models() -> list[type[BaseModel]]:
    """The models that choose members, before those that contain them."""
    waiting: list[type[BaseModel]] = [Section]
    found: list[type[BaseModel]] = []
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model is not RunSpec and any(_notes(model)):
            found.append(model)
    return [*sorted(found, key=lambda m: not issubclass(m, Member)), RunSpec]


def _notes(model: type[BaseModel]) -> list[OneOf]:
    return [note for field in model.model_fields.values() for note in _within(field)]


def _within(annotated: Any) -> list[OneOf]:
    """The choices that stand anywhere in a type."""
    found = [n for n in getattr(annotated, "metadata", ()) if isinstance(n, OneOf)]
    found += [n for n in getattr(annotated, "__metadata__", ()) if isinstance(n, OneOf)]
    inner: Sequence[Any] = getattr(annotated, "__args__", ())
    if (annotation := getattr(annotated, "annotation", None)) is not None:
        inner = [annotation, *inner]
    return [*found, *(note for part in inner for note in _within(part))]


def _rebuild() -> None:
    for model in _models():
        model.model_rebuild(force=True)
