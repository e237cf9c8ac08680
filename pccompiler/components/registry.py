"""All families of members, and the registration of members from outside.

A class belongs to every family whose base class it derives from. It is refused unless it has a
name that no other member of the family has, and all that the base leaves to it: what is
registered takes effect.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import PydanticUserError

from pccompiler.components.activations import ACTIVATION_ALIASES, ACTIVATIONS, Activation
from pccompiler.components.energies import LOSSES, NODE_ENERGIES, PRIORS
from pccompiler.components.family import Family
from pccompiler.components.forms import FORMS
from pccompiler.components.initializers import BIAS_INITIALIZERS, INITIALIZERS
from pccompiler.components.member import IncompleteMemberError, Member, check_complete
from pccompiler.components.operators import OPERATORS
from pccompiler.components.operators.elementwise import elementwise
from pccompiler.components.operators.transpose_of import TransposeOf
from pccompiler.components.optimizers import OPTIMIZERS
from pccompiler.components.rules import RULES
from pccompiler.components.schedules import SCHEDULES
from pccompiler.components.sources import SOURCES
from pccompiler.components.state_inits import STATE_INITS
from pccompiler.components.state_optimizers import STATE_OPTIMIZERS
from pccompiler.components.updates import UPDATE_ORDERS

FAMILIES: tuple[Family[Any], ...] = (
    OPERATORS,
    INITIALIZERS,
    BIAS_INITIALIZERS,
    NODE_ENERGIES,
    LOSSES,
    PRIORS,
    FORMS,
    STATE_INITS,
    UPDATE_ORDERS,
    STATE_OPTIMIZERS,
    RULES,
    OPTIMIZERS,
    SCHEDULES,
    SOURCES,
)
"""Every family but the activations, which are a table of functions."""

ACTIVATION = "activation"
"""The word for an entry of that table in messages."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NOT_TEXT = frozenset({"null", "true", "false"})
"""Words that YAML reads as something other than text."""


@dataclass(frozen=True)
class Origin:
    """The origin of a member from outside.

    `plugin` is the file, package or class as messages name it, `place` identifies it; `digest` the
    SHA-256 of its source.
    """

    plugin: str
    version: str
    digest: str
    place: str

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"{self.plugin}{version} (SHA-256 {self.digest[:12]})"


@dataclass(frozen=True)
class Outside:
    """A member from outside, by the family and the name that a spec uses."""

    family: str
    name: str
    member: type[Member] | Activation
    origin: Origin


@dataclass(frozen=True)
class Problem:
    """A reason why a class cannot be registered: its diagnostic code, and what to do.

    `place` is the variable of the plugin that it is about.
    """

    code: str
    place: str
    message: str
    help: str


class MemberError(Exception):
    """Members that cannot be registered."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.message} ({problem.help})" for problem in problems))
        self.problems = problems


_entries: dict[tuple[str, str], Outside] = {}
"""The registered members, by family and name."""


def outside() -> tuple[Outside, ...]:
    """All members from outside that are registered."""
    return tuple(_entries.values())


def origin_of(family: str, name: str) -> Origin | None:
    """The origin of a member; None for ours."""
    entry = _entries.get((family, name))
    return entry.origin if entry else None


def register(
    *members: type[Member],
    activations: Mapping[str, Activation] | None = None,
    origin: Origin | None = None,
) -> None:
    """Registers members from outside, all or none.

    Those of the same plugin are replaced by newer ones of the same name. Raises MemberError.
    """
    activations = activations or {}
    origins = {member: origin or _own_origin(member) for member in members}
    table = origin or Origin("activations", "", "", place="activations")
    problems = [
        *(problem for member in members for problem in _problems(member, origins[member])),
        *(problem for name in activations for problem in _activation_problems(name, table)),
        *_twice(members, activations),
    ]
    if problems:
        raise MemberError(problems)
    for name, activation in activations.items():
        _add_activation(name, activation, table)
    for member in members:
        for family in _families(member):
            family.add(member)
            _note(family.word, member.name, member, origins[member])


def forget(place: str | None = None) -> None:
    """Removes all members from outside, or those of one place."""
    for entry in outside():
        if place is None or entry.origin.place == place:
            _remove(entry)


@contextmanager
def registered(
    *members: type[Member], activations: Mapping[str, Activation] | None = None
) -> Iterator[None]:
    """Inside the block these members are registered, in place of others from outside that have
    their names. Raises MemberError."""
    before = outside()
    names = {(family.word, vars(m).get("name")) for m in members for family in _families(m)}
    for entry in before:
        if (entry.family, entry.name) in names:
            _remove(entry)
    try:
        register(*members, activations=activations)
        yield
    finally:
        for entry in outside():
            if entry not in before:
                _remove(entry)
        for entry in before:
            if entry not in outside():
                _put_back(entry)


def _put_back(entry: Outside) -> None:
    for family in FAMILIES:
        if family.word == entry.family and not isinstance(entry.member, Activation):
            family.add(entry.member)
    _entries[entry.family, entry.name] = entry


def _note(family: str, name: str, member: type[Member] | Activation, origin: Origin) -> None:
    _entries[family, name] = Outside(family, name, member, origin)


def _add_activation(name: str, activation: Activation, origin: Origin) -> None:
    """An activation is also an operator of its name."""
    ACTIVATIONS[name] = activation
    ACTIVATION_ALIASES.update(dict.fromkeys(activation.aliases, name))
    _note(ACTIVATION, name, activation, origin)
    operator = elementwise(name)
    OPERATORS.add(operator)
    _note(OPERATORS.word, name, operator, origin)


def _remove(entry: Outside) -> None:
    del _entries[entry.family, entry.name]
    if isinstance(entry.member, Activation):
        del ACTIVATIONS[entry.name]
        for alias in entry.member.aliases:
            ACTIVATION_ALIASES.pop(alias, None)
        return
    for family in FAMILIES:
        family.remove(entry.member)


def _own_origin(member: type) -> Origin:
    """The origin of a class that no file or package was named for: its module, and its own
    source."""
    try:
        source = inspect.getsource(member)
    except (OSError, TypeError):
        source = repr(member)
    digest = hashlib.sha256(source.encode()).hexdigest()
    name = f"{member.__module__}.{member.__qualname__}"
    return Origin(name, "", digest, place=name)


# -- what a member must have --------------------------------------------------------------------


def _families(member: type[Member]) -> list[Family[Any]]:
    return [
        family for family in FAMILIES if issubclass(member, family.base) and family.accepts(member)
    ]


def _problems(member: type[Member], origin: Origin) -> Iterator[Problem]:
    """Everything that prevents a class from being registered."""
    place = member.__name__

    def incomplete(message: str, help: str) -> Problem:
        return Problem("PC214", place, f"`{place}` {message}", help)

    families = _families(member)
    if not families:
        bases = ", ".join(dict.fromkeys(family.base.__name__ for family in FAMILIES))
        yield incomplete("belongs to no family of members", f"derive it from one of {bases}")
        return
    name = vars(member).get("name")
    if not isinstance(name, str):
        example = re.sub(r"(?<!^)(?=[A-Z])", "_", place).lower()
        yield incomplete(
            "has no name of its own",
            f'write `name: ClassVar[str] = "{example}"`, or begin the name of a class that only '
            "others derive from with an underscore",
        )
        return
    try:
        check_complete(member)
    except IncompleteMemberError as error:
        yield Problem("PC214", place, str(error), "define what is missing")
    if not (member.model_config.get("frozen") and member.model_config.get("extra") == "forbid"):
        yield incomplete(
            "can be changed, or takes options that it does not have",
            "leave `frozen` and `extra` of `model_config` as they are",
        )
    if member.shorthand and member.shorthand not in member.model_fields:
        yield incomplete(
            f"has the shorthand `{member.shorthand}`, which is none of its options",
            "name one of its options",
        )
    if not _is_complete(member):
        yield incomplete(
            "has options of types that cannot be found",
            "import these types where pydantic finds them: at the top of the file",
        )
    yield from _name_problems(place, name, families, origin)


def _activation_problems(name: str, origin: Origin) -> Iterator[Problem]:
    yield from _name_problems(name, name, [OPERATORS], origin, ACTIVATION)


def _name_problems(
    place: str,
    name: str,
    families: list[Family[Any]],
    origin: Origin,
    word: str = "",
) -> Iterator[Problem]:
    """The problems of a name: not allowed, or taken in one of the families."""
    if not _NAME.fullmatch(name) or name in _NOT_TEXT:
        message = f"`{name}` cannot be the name of a member"
        help = "use lower-case letters, digits and underscores, a letter first"
        yield Problem("PC214", place, message, help)
        return
    for family in families:
        owner = _owner(family, name, origin)
        if owner:
            message = f"there is already the {word or family.word} `{name}`, {owner}"
            yield Problem("PC215", place, message, "give yours another name")
            return


def _owner(family: Family[Any], name: str, origin: Origin) -> str:
    """The owner of a name, unless it is the same plugin; empty where the name is free."""
    known = {member.name for member in family.ours}
    if name in known or (family is OPERATORS and name == TransposeOf.name):
        return "which is part of pcc"
    entry = _entries.get((family.word, name))
    if entry is None or entry.origin.place == origin.place:
        return ""
    return f"from {entry.origin.plugin}"


def _twice(
    members: tuple[type[Member], ...], activations: Mapping[str, Activation]
) -> Iterator[Problem]:
    """Names that two of the new members share in one family."""
    seen: dict[tuple[str, str], str] = {(OPERATORS.word, name): name for name in activations}
    for member in members:
        for family in _families(member):
            name = getattr(member, "name", "")
            other = seen.setdefault((family.word, name), member.__name__)
            if other != member.__name__:
                message = f"`{other}` and `{member.__name__}` are both the {family.word} `{name}`"
                yield Problem("PC215", member.__name__, message, "give one of them another name")
                break


def _is_complete(member: type[Member]) -> bool:
    try:
        member.model_rebuild()
    except (PydanticUserError, NameError):
        return False
    return True
