"""A spec given as Python values, as the tree that a file would have given. No positions."""

from __future__ import annotations

from collections import abc
from typing import Any, cast

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.spec.read import MAX_DEPTH
from pccompiler.spec.scalars import NumberError, usable
from pccompiler.spec.tree import Entry, KeyPath, Mapping, Scalar, Sequence, Tree, dotted


def tree_of(values: abc.Mapping[Any, Any]) -> Mapping:
    """The tree of a dictionary. Raises SpecError for what no YAML file could hold."""
    return _mapping(values, ())


def _mapping(values: abc.Mapping[Any, Any], path: KeyPath) -> Mapping:
    for key in values:
        if not isinstance(key, str):
            raise SpecError(
                Diagnostic("PC112", f"the key {key!r} is not a text", path=dotted(path))
            )
    return Mapping({key: Entry(_tree(value, (*path, key))) for key, value in values.items()})


def _tree(value: Any, path: KeyPath) -> Tree:
    if len(path) > MAX_DEPTH:
        message = f"values are nested more than {MAX_DEPTH} deep"
        raise SpecError(Diagnostic("PC110", message, path=dotted(path)))
    if isinstance(value, abc.Mapping):
        return _mapping(cast(abc.Mapping[Any, Any], value), path)
    if isinstance(value, list | tuple):
        items = cast(abc.Sequence[Any], value)
        return Sequence(tuple(_tree(item, (*path, i)) for i, item in enumerate(items)))
    if value is None or isinstance(value, bool | str):
        return Scalar(value, written=str(value))
    if isinstance(value, int | float):
        try:
            return Scalar(usable(value), written=str(value))
        except NumberError as error:
            raise SpecError(Diagnostic("PC111", str(error), path=dotted(path))) from None
    message = f"`{dotted(path)}` is of the Python type {type(value).__name__}, which YAML lacks"
    raise SpecError(Diagnostic("PC204", message, path=dotted(path)))
