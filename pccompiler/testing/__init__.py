"""The contract of members as checks, for authors of members from outside and for our own tests.

    from pccompiler.testing import check_member

    def test_my_rule():
        check_member(MyRule)

A member with options that have no default, or with interesting ones, is given as an instance:
`check_member(MyRule(beta=0.2))`. Raises AssertionError, which says what a member of this family
promises and this one does not keep. Nothing stays registered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from pccompiler.components import registry
from pccompiler.components.activations import Activation
from pccompiler.components.family import Family
from pccompiler.components.member import Member, OneOf
from pccompiler.components.operators import Operator
from pccompiler.components.sources import DataSource
from pccompiler.components.vocabulary import Array, Shape
from pccompiler.testing.effect import network, trained
from pccompiler.testing.families import CHECKS, SHAPES, check_activation
from pccompiler.testing.promises import promise

__all__ = ["check_language", "check_member"]


def check_member(
    member: type[Member] | Member | Activation,
    *,
    shapes: Sequence[Shape] = SHAPES,
    folders: Sequence[Path] = (),
) -> None:
    """Raises AssertionError unless a member keeps what its family promises.

    An operator is tried on inputs of those `shapes` that it takes, of which there must be one; a
    data source looks for its files in `folders`.
    """
    if isinstance(member, Activation):
        check_activation(member)
        _activation_takes_effect(member)
        return
    instance = member() if isinstance(member, type) else member
    base, check = next((b, check) for b, check in CHECKS.items() if isinstance(instance, b))
    if base is Operator:
        check = partial(check, shapes=shapes)
    if base is DataSource:
        check = partial(check, folders=folders)
    kind = type(instance)
    ours = any(kind in family.ours for family in registry.FAMILIES)
    with registry.registered(*(() if ours else (kind,))):
        check_language(instance)
        check(instance)


def _activation_takes_effect(activation: Activation) -> None:
    name = "activation_under_test"
    asked: list[str] = []

    def function(x: Array) -> Array:
        asked.append(name)
        return activation(x)

    with registry.registered(activations={name: replace(activation, function=function)}):
        trained(network(hidden={"activation": name}))
    promise(asked, "it takes effect in a network that names it")


# -- what all members promise --------------------------------------------------------------------


def check_language(member: Member) -> None:
    """Its words: a summary, described options, immutability, and a way there and back in YAML."""
    kind = type(member)
    promise(bool(kind.__doc__), f"{kind.__name__} has a docstring")
    promise(kind.summary().endswith("."), "the first line of the docstring is a sentence")
    for key, option in kind.model_fields.items():
        promise(bool(option.description), f"the option `{key}` has a description")
        try:
            setattr(member, key, getattr(member, key))
        except ValidationError:
            continue
        promise(False, f"the option `{key}` cannot be changed once the member is built")
    families = [family for family in registry.FAMILIES if kind in family]
    promise(bool(families), f"{kind.__name__} belongs to a family")
    for family in families:
        _check_reading(member, family)


def _check_reading(member: Member, family: Family[Any]) -> None:
    read = TypeAdapter(Annotated[Member, OneOf(family)]).validate_python
    written = _as_loaded(member.written())
    promise(read(written) == member, f"reading what it writes, {written}, gives it back")
    promise(read(member) == member, "a built member may stand in a spec")
    try:
        read({member.name: {"no_such_option": 1}})
    except ValidationError:
        return
    promise(False, "an option that it does not have is refused")


def _as_loaded(value: Any) -> Any:
    """Values as a spec that is read hands them on: lists are tuples."""
    if isinstance(value, Mapping):
        return {key: _as_loaded(entry) for key, entry in value.items()}
    return tuple(map(_as_loaded, value)) if isinstance(value, list) else value
