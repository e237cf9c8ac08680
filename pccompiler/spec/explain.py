"""The pages of `pcc explain` on members: docstrings and options, and the list of a family."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from pccompiler.components.activations import ACTIVATIONS, Activation
from pccompiler.components.member import Member, look_into_packages
from pccompiler.components.registry import ACTIVATION, FAMILIES, origin_of
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.render import visible
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.spec.language import expected

Entry = tuple[str, str, "type[Member] | Activation"]
"""The family, the name, and the member."""


def page(word: str) -> str:
    """The page on a member, or on all members of a family.

    Of a name that several families have, all are told. Raises SpecError (PC203) for a word that
    is neither.
    """
    name = word.strip().lower()
    found = _found(name)
    if found and found[0][0] == name:
        return _listing(found)
    families: dict[type[Member] | Activation, list[str]] = {}
    for family, _, member in found:
        families.setdefault(member, []).append(family)
    return "\n\n\n".join(_explained(words, name, member) for member, words in families.items())


def as_json(word: str) -> list[dict[str, Any]]:
    """The same as values."""
    return [
        {
            "family": family,
            "name": name,
            "description": _documentation(member),
            "plugin": str(origin) if (origin := origin_of(family, name)) else None,
            "options": {
                key: {"takes": expected(option), "description": option.description or ""}
                for key, option in _options(member)
            },
        }
        for family, name, member in _found(word.strip().lower())
    ]


def words() -> list[str]:
    """The words that have a page."""
    every = list(_every())
    return sorted({name for _, name, _ in every} | {family for family, _, _ in every})


def _every() -> Iterator[Entry]:
    for family in FAMILIES:
        for member in family:
            yield family.word, member.name, member
    for name, activation in ACTIVATIONS.items():
        yield ACTIVATION, name, activation


def _found(name: str) -> list[Entry]:
    """The members of this name, or else those of the family of this name."""
    if not any(name in entry[:2] for entry in _every()):
        look_into_packages()
    every = list(_every())
    named = [entry for entry in every if entry[1] == name]
    found = named or [entry for entry in every if entry[0] == name.replace("_", " ")]
    if not found:
        message = f"there is no member, family of members or code `{visible(name)}`"
        help = suggestion(name, words()) or "`pcc explain` lists all codes"
        raise SpecError(Diagnostic("PC203", message, help=help))
    return found


def _listing(found: list[Entry]) -> str:
    width = max(len(name) for _, name, _ in found)
    lines = [f"  {name:{width}}  {_documentation(m).splitlines()[0]}" for _, name, m in found]
    return "\n".join([f"{found[0][0]}: one of", "", *lines])


def _explained(families: list[str], name: str, member: type[Member] | Activation) -> str:
    origin = origin_of(families[0], name)
    lines = [f"{', '.join(families)}: {name}" + (f"    # from {origin}" if origin else ""), ""]
    lines.append(_documentation(member))
    options = list(_options(member))
    if options:
        lines += ["", "Options:"]
    for key, option in options:
        lines.append(f"  {key}: {expected(option)}{_default(option)}")
        lines += textwrap.wrap(
            option.description or "", 80, initial_indent="      ", subsequent_indent="      "
        )
    return "\n".join(lines)


def _documentation(member: type[Member] | Activation) -> str:
    if isinstance(member, Activation):
        written = inspect.getdoc(member.function) if member.function.__doc__ else member.formula
        return written or "An elementwise function."
    return inspect.cleandoc(member.__doc__ or member.name)


def _options(member: type[Member] | Activation) -> Iterator[tuple[str, FieldInfo]]:
    if not isinstance(member, Activation):
        for key, option in member.model_fields.items():
            yield option.alias or key, option


def _default(option: FieldInfo) -> str:
    if option.is_required():
        return "; required"
    default = option.get_default(call_default_factory=False)
    if isinstance(default, Member):
        return f"; default {default.name}"
    if isinstance(default, bool):
        return f"; default {str(default).lower()}"
    return "" if default is None else f"; default {default}"
