"""What every member of every family promises: a name, a summary, and a way back from YAML."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pccompiler.components import registry
from pccompiler.components.family import Family
from pccompiler.components.member import Member, OneOf, aliases_of
from pccompiler.testing import check_language

FAMILIES: dict[str, Family[Any]] = {family.word: family for family in registry.FAMILIES}
"""Every family of the language, by what messages call a member."""

REQUIRED: dict[str, dict[str, Any]] = {
    "constant": {"value": 0.5},
    "idx": {"folder": "somewhere"},
    "npz": {"path": "somewhere.npz"},
    "reshape": {"shape": (2, -1)},
}
"""Options for members that cannot be built without."""

every_member = pytest.mark.parametrize(
    ("family", "member"),
    [
        pytest.param(family, member, id=f"{family}-{member.name}")
        for family, members in FAMILIES.items()
        for member in members
    ],
)


def reader(family: str) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[Member, OneOf(FAMILIES[family])])


def built(member: type[Member]) -> Member:
    return member(**(REQUIRED[member.name] if member.has_required_options() else {}))


@pytest.mark.parametrize("family", FAMILIES)
def test_names_within_a_family_are_unique(family: str) -> None:
    names = [member.name for member in FAMILIES[family]]
    assert len(set(names)) == len(names)


@every_member
def test_the_words_of_a_member_are_whole(family: str, member: type[Member]) -> None:
    """Summary, described options, immutability, there and back in YAML, no unknown option."""
    check_language(built(member))
    assert member.name.isidentifier()
    assert member.name == member.name.lower()


@pytest.mark.parametrize("family", FAMILIES)
def test_no_alias_is_a_name_of_its_own_family_and_none_stands_for_nothing(family: str) -> None:
    names = {member.name for member in FAMILIES[family]}
    aliases = aliases_of(FAMILIES[family])
    assert not names & set(aliases)
    assert set(aliases.values()) <= names


def _of_one_kind(family: str) -> list[type[Member]]:
    """The members of a family, and of those that share members with it."""
    own = set(FAMILIES[family])
    return [member for other in FAMILIES.values() if own & set(other) for member in other]


@every_member
def test_other_words_for_options_are_no_options_themselves(
    family: str, member: type[Member]
) -> None:
    known = {option for other in _of_one_kind(family) for option in other.model_fields}
    assert set(member.option_aliases.values()) <= known


@every_member
def test_a_bare_name_is_the_member_with_its_defaults(family: str, member: type[Member]) -> None:
    if member.has_required_options():
        with pytest.raises(ValidationError):
            reader(family).validate_python(member.name)
    else:
        assert reader(family).validate_python(member.name) == member()


@every_member
def test_the_shorthand_sets_the_option_that_it_names(family: str, member: type[Member]) -> None:
    if member.shorthand is None:
        return
    value = getattr(built(member), member.shorthand)
    short = reader(family).validate_python({member.name: value})
    assert getattr(short, member.shorthand) == value


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(family: str) -> None:
    with pytest.raises(ValidationError) as caught:
        reader(family).validate_python("no_such_member")
    [error] = caught.value.errors()
    assert error["type"] == "unknown_name"
    assert set(error["ctx"]["known"]) == {member.name for member in FAMILIES[family]}
