"""The record of members from outside in a run folder: members.json, one entry for each that the
spec uses. A run is never continued or used with another one unseen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pccompiler.components.plugins import load_installed, load_plugins
from pccompiler.components.registry import Origin, origin_of
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic
from pccompiler.spec.models import RunSpec
from pccompiler.spec.outside import members_from_outside
from runtime.host.durable import replace_file
from runtime.runs.reading import content

FILE = "members.json"


class UsedMember(BaseModel):
    """A member from outside, by its family and name, and where it came from."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    family: str
    name: str
    plugin: str
    version: str
    digest: Annotated[str, Field(min_length=12)]

    def __str__(self) -> str:
        return f"the {self.family} `{self.name}`"

    @property
    def origin(self) -> Origin:
        return Origin(self.plugin, self.version, self.digest, self.plugin)


_RECORD = TypeAdapter(tuple[UsedMember, ...])


def record_members(folder: Path, spec: RunSpec) -> None:
    """Writes which members from outside the spec uses; no file where it uses none."""
    used = tuple(
        UsedMember(
            family=entry.family,
            name=entry.name,
            plugin=entry.origin.plugin,
            version=entry.origin.version,
            digest=entry.origin.digest,
        )
        for entry in members_from_outside(spec)
    )
    if used or (folder / FILE).exists():
        text = json.dumps([member.model_dump() for member in used], indent=2)
        replace_file(folder / FILE, f"{text}\n".encode())


def recorded_members(folder: Path) -> tuple[UsedMember, ...]:
    """The recorded members. Raises DataError (PC523) where they cannot be read."""
    try:
        text = content(folder / FILE)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unreadable(folder, error.strerror or str(error)) from None
    try:
        return _RECORD.validate_json(text)
    except ValidationError:
        raise _unreadable(folder, "it is not what a run writes there") from None


def refuse_missing_members(folder: Path) -> None:
    """Raises DataError (PC565) if a member that the run was trained with is not there."""
    missing = [member for member in _with_plugins(folder) if not _loaded(member)]
    if missing:
        raise DataError(_missing(member, folder) for member in missing)


def refuse_other_members(folder: Path, help: str = "restore the one that it was") -> None:
    """Raises DataError: PC565 as above, PC566 if one is not what it was."""
    refuse_missing_members(folder)
    changed = [
        _changed(member, found, folder, help)
        for member in recorded_members(folder)
        if (found := _loaded(member)) and found.digest != member.digest
    ]
    if changed:
        raise DataError(changed)


def _with_plugins(folder: Path) -> Sequence[UsedMember]:
    """The recorded members, after loading all known plugins."""
    recorded = recorded_members(folder)
    load_plugins()
    if not all(_loaded(member) for member in recorded):
        load_installed()
    return recorded


def _loaded(member: UsedMember) -> Origin | None:
    return origin_of(member.family, member.name)


def _missing(member: UsedMember, folder: Path) -> Diagnostic:
    message = f"run {folder} uses {member} of {member.origin}, which is not loaded"
    if member.plugin.endswith(".py"):
        help = f'pass --plugin {member.plugin} (in Python plugins=["{member.plugin}"])'
    else:
        version = f" {member.version}" if member.version else ""
        help = f"install {member.plugin}{version}, or name its module with --plugin"
    return Diagnostic("PC565", message, help=help)


def _changed(member: UsedMember, found: Origin, folder: Path, help: str) -> Diagnostic:
    message = f"run {folder} was trained with {member} of {member.origin}; loaded is {found}"
    return Diagnostic("PC566", message, help=help)


def _unreadable(folder: Path, problem: str) -> DataError:
    message = f"{folder / FILE} cannot be read: {problem}"
    return DataError(Diagnostic("PC523", message, help="restore it from a copy of the run"))
