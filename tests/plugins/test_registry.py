"""Members from outside: what is taken in, what is refused, and who sees it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pydantic import ConfigDict, Field

import pccompiler as pcc
from pccompiler.components import registry
from pccompiler.components.activations import ACTIVATIONS, Activation
from pccompiler.components.initializers import BIAS_INITIALIZERS, INITIALIZERS, Initializer
from pccompiler.components.member import Member
from pccompiler.components.operators import OPERATORS
from pccompiler.components.registry import FAMILIES, MemberError, forget, origin_of, register
from pccompiler.components.schedules import SCHEDULES, Schedule
from pccompiler.spec.schema import json_schema

SPEC: dict[str, Any] = {
    "pcc": 1,
    "name": "tiny",
    "nodes": {"x": {"shape": [2], "role": "input"}, "y": {"shape": [2], "role": "output"}},
    "edges": [{"path": "x -> y"}],
}


class _Factor(Schedule):
    def factor(self, fraction: Any) -> Any:
        return fraction


class Half(_Factor):
    """A part of the rate."""

    name: ClassVar[str] = "half"
    shorthand: ClassVar[str | None] = "part"

    part: float = Field(default=0.5, gt=0, description="factor on the rate")


def schedule_of(*overrides: str) -> Any:
    return pcc.check(SPEC, overrides).spec.learning.schedule


def test_a_registered_member_is_read_like_one_of_ours() -> None:
    register(Half)
    assert schedule_of("learning.schedule=half") == Half()
    assert schedule_of("learning.schedule={half: 0.25}") == Half(part=0.25)
    assert schedule_of("learning.schedule.half.part=2") == Half(part=2)
    assert Half in SCHEDULES
    assert origin_of("schedule", "half")


@pytest.mark.parametrize(
    ("override", "code", "help"),
    [
        ("learning.schedule=hlaf", "PC203", "did you mean `half`?"),
        ("learning.schedule={half: {parts: 1}}", "PC201", "did you mean `part`?"),
        ("learning.schedule={half: {part: 0}}", "PC205", "write a number above 0"),
        ("learning.schedule={half: {part: big}}", "PC204", "a number above 0"),
    ],
)
def test_mistakes_in_its_options_are_told_as_for_ours(override: str, code: str, help: str) -> None:
    register(Half)
    with pytest.raises(pcc.SpecError) as caught:
        schedule_of(override)
    [problem] = caught.value.diagnostics
    assert problem.code == code
    assert help in problem.help


def test_it_is_in_the_json_schema_while_it_is_registered() -> None:
    def names() -> set[str]:
        return set(json_schema()["$defs"]["schedule"]["anyOf"][1]["properties"])

    before = names()
    register(Half)
    assert names() == before | {"half"}
    forget()
    assert names() == before
    with pytest.raises(pcc.SpecError, match="PC203"):
        schedule_of("learning.schedule=half")


def test_an_activation_from_outside_is_one_of_nodes_and_of_pipelines() -> None:
    register(activations={"halved": Activation(lambda x: x / 2, smooth=False)})
    graph = pcc.check(SPEC, ["nodes.y.activation=halved", "edges.0.op=[halved, dense]"]).graph
    assert graph.activation("y")(4.0) == 2.0
    [edge] = graph.edges
    assert edge.operators[0].apply({}, 4.0) == 2.0
    forget()
    assert "halved" not in ACTIVATIONS
    assert OPERATORS.named("halved") is None


def test_an_initialiser_that_needs_a_matrix_draws_no_bias() -> None:
    class Flat(Initializer):
        """All the same."""

        name: ClassVar[str] = "flat"

        def sampler(self) -> Any:
            return None

    class Spread(Flat):
        """By fan-in."""

        name: ClassVar[str] = "spread"
        needs_matrix: ClassVar[bool] = True

    register(Flat, Spread)
    assert {Flat, Spread} <= set(INITIALIZERS)
    assert Flat in BIAS_INITIALIZERS
    assert Spread not in BIAS_INITIALIZERS


def test_a_class_of_the_same_place_replaces_its_older_self() -> None:
    def again(size: float) -> type[Schedule]:
        class Again(_Factor):
            """Defined anew, as in a notebook."""

            name: ClassVar[str] = "again"
            size: float = Field(default=0, description="told apart by it")

        Again.model_fields["size"].default = size
        return Again

    older, newer = again(1), again(2)
    register(older)
    register(newer)
    assert SCHEDULES.named("again") is newer
    assert older not in SCHEDULES


# -- what is refused ---------------------------------------------------------------------------


def nameless() -> type[Member]:
    class Nameless(_Factor):
        """Has no name."""

    return Nameless


def homeless() -> type[Member]:
    class Homeless(Member):
        """Belongs nowhere."""

        name: ClassVar[str] = "homeless"

    return Homeless


def named(text: str) -> type[Member]:
    class Named(_Factor):
        """Has some name."""

        name: ClassVar[str] = text

    return Named


def changeable() -> type[Member]:
    class Changeable(_Factor):
        """May be changed once it is built."""

        model_config = ConfigDict(frozen=False)
        name: ClassVar[str] = "changeable"

    return Changeable


def short_of_nothing() -> type[Member]:
    class Short(_Factor):
        """Abbreviates an option that it lacks."""

        name: ClassVar[str] = "short"
        shorthand: ClassVar[str | None] = "part"

    return Short


@pytest.mark.parametrize(
    ("member", "told"),
    [
        (nameless(), 'write `name: ClassVar[str] = "nameless"`'),
        (homeless(), "belongs to no family"),
        (named("Half"), "cannot be the name"),
        (named("null"), "cannot be the name"),
        (named("two words"), "cannot be the name"),
        (named("cosine"), "already the schedule `cosine`, which is part of pcc"),
        (changeable(), "can be changed"),
        (short_of_nothing(), "`part`, which is none of its options"),
    ],
)
def test_what_cannot_be_a_member_is_refused_and_nothing_is_registered(
    member: type[Member], told: str
) -> None:
    with pytest.raises(MemberError) as caught:
        register(Half, member)
    assert told in str(caught.value)
    assert registry.outside() == ()


def test_two_plugins_may_not_bring_the_same_name() -> None:
    register(Half)
    with pytest.raises(MemberError, match="already the schedule `half`, from"):
        register(named("half"))
    assert SCHEDULES.named("half") is Half


def test_a_name_may_be_used_in_another_family() -> None:
    class Cosine(Initializer):
        """A wave."""

        name: ClassVar[str] = "cosine"

        def sampler(self) -> Any:
            return None

    register(Cosine)
    assert INITIALIZERS.named("cosine") is Cosine


def test_every_choice_of_the_language_is_a_family_of_the_registry() -> None:
    """A family that is not registered would take in no members from outside."""
    chosen = set(json_schema()["$defs"])
    assert {family.word.replace(" ", "_") for family in FAMILIES} <= chosen
