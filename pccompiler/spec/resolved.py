"""A `RunSpec` as complete YAML text: without bases or parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import yaml

from pccompiler.components.member import Member, Section
from pccompiler.spec.models import RunSpec
from pccompiler.spec.scalars import NumberError, meaning
from pccompiler.spec.tree import KeyPath


def resolved(spec: RunSpec) -> str:
    """The complete spec, defaults included; loading it gives an equal `RunSpec`.

    Only what is None by default and has stayed so is left out.
    """
    return yaml.dump(  # pyright: ignore[reportUnknownMemberType]
        _written(spec), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None
    )


def values_of(spec: RunSpec) -> dict[str, Any]:
    """The same as Python values."""
    return _written(spec)


def leaves_of(spec: RunSpec) -> Iterator[tuple[KeyPath, Any]]:
    """Every number, text and boolean of a spec by its key path, in the order of the sections."""

    def leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
        if isinstance(value, dict):
            for key, inner in cast(dict[str, Any], value).items():
                yield from leaves(inner, (*path, key))
        elif isinstance(value, list):
            for position, inner in enumerate(cast(list[Any], value)):
                yield from leaves(inner, (*path, position))
        else:
            yield path, value

    yield from leaves(_written(spec), ())


def _written(value: Any) -> Any:
    if isinstance(value, Section):
        options = {
            field.alias or name: _written(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if not (getattr(value, name) is None and field.default is None)
        }
        if isinstance(value, Member):
            return {value.name: options} if options else value.name
        return options
    if isinstance(value, Mapping):
        entries = cast(Mapping[str, Any], value)
        return {key: _written(item) for key, item in entries.items()}
    if isinstance(value, list | tuple):
        return [_written(item) for item in cast(Iterable[Any], value)]
    return value


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: Any, text: str) -> yaml.ScalarNode:
    """Quotes every text that YAML 1.2 would read as a number, boolean or null."""
    try:
        style = None if isinstance(meaning(text), str) else '"'
    except NumberError:
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
