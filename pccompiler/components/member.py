"""How a family of members (operators, rules, optimisers, ...) becomes a type of the language.

A member is a frozen pydantic model: its fields are its options in the YAML. A family is a
tuple of members, and `OneOf(family, members)` makes from it what pydantic, the JSON schema
and the error messages need. In the YAML a member is written in one of three ways:

    dense                        its name, all options at their defaults
    {dense: {bias: false}}       its name with options
    {npz: data.npz}              its name with the one option that `shorthand` names
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Section(BaseModel):
    """A mapping of the language: closed, immutable, with no silent conversions."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
    )


class Member(Section):
    """One choice of a family: a name, its options, and (in subclasses) its mathematics.

    `aliases` are what papers and other libraries call it, or what people who look for
    something similar write: never accepted, always suggested. `option_aliases` are such words
    for options; those for an option that a member lacks mean nothing.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    option_aliases: ClassVar[Mapping[str, str]] = {}
    shorthand: ClassVar[str | None] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            check_complete(cls)

    @classmethod
    def contradiction(cls) -> str | None:
        """What is wrong with the facts that a member of this family declares about itself."""
        return None

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring, for help texts and the JSON schema."""
        return (cls.__doc__ or cls.name).strip().splitlines()[0]

    @classmethod
    def has_required_options(cls) -> bool:
        """Whether its bare name says too little."""
        return any(option.is_required() for option in cls.model_fields.values())

    def written(self) -> str | dict[str, Any]:
        """The member as the YAML writes it, with every option spelled out."""
        options = self.model_dump(mode="json", by_alias=True)
        return {self.name: options} if options else self.name


def check_complete(member: type[Member]) -> None:
    """Raises TypeError, naming what is missing, for a class that is no whole member.

    It is asked where a class with a name is defined, and of every class that a family holds:
    what a member does not say would otherwise be noticed only where it is used.
    """
    name = getattr(member, "name", None)
    if name is None:
        raise TypeError(f"{member.__name__} is no member: it has no `name`")
    missing = sorted(getattr(member, "__abstractmethods__", ()))
    if missing:
        base = next(b for b in member.__mro__ if missing[0] in b.__dict__)
        listed = ", ".join(f"`{hook}`" for hook in missing)
        raise TypeError(
            f"{member.__name__} is no whole member of its family: it lacks {listed} (see the "
            f"docstrings of {base.__module__}.{base.__name__})"
        )
    if problem := member.contradiction():
        raise TypeError(f"{member.__name__} contradicts itself: {problem}")


class OneOf:
    """Annotates a field whose value is one member of a family.

    `Annotated[Operator, OneOf("operator", OPERATORS)]`
    """

    def __init__(self, family: str, members: tuple[type[Member], ...]) -> None:
        for member in members:
            check_complete(member)
        self.family = family
        self.members = {member.name: member for member in members}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # A mapping with one optional key per member: pydantic then reports the location of a
        # wrong option as family field, member name, option, which is the path in the YAML.
        choice = core_schema.typed_dict_schema(
            {
                name: core_schema.typed_dict_field(handler.generate_schema(member), required=False)
                for name, member in self.members.items()
            }
        )
        return core_schema.no_info_before_validator_function(
            self._normalise,
            core_schema.no_info_after_validator_function(self._pick, choice),
            serialization=core_schema.plain_serializer_function_ser_schema(_written),
            metadata={"pydantic_js_functions": [self._json_schema]},
        )

    def _normalise(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Member):
            return {value.name: value}
        if isinstance(value, str):
            return {self._known(value): {}}
        if not isinstance(value, Mapping) or len(cast(Mapping[Any, Any], value)) != 1:
            raise PydanticCustomError(
                "one_of",
                "expected the name of one {family}, or a mapping with that name as its only key",
                {"family": self.family, "known": sorted(self.members)},
            )
        [(name, options)] = cast(Mapping[Any, Any], value).items()
        member = self.members[self._known(name)]
        if options is None:
            options = {}
        elif member.shorthand and not isinstance(options, Mapping | Member):
            options = {member.shorthand: options}
        return {name: options}

    def _known(self, name: Any) -> str:
        if isinstance(name, str) and name in self.members:
            return name
        aliases = aliases_of(self.members.values())
        raise unknown_name(self.family, name, self.members, aliases)

    @staticmethod
    def _pick(choice: dict[str, Member]) -> Member:
        [member] = choice.values()
        return member

    def _json_schema(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        properties: dict[str, JsonSchemaValue] = {}
        for name, member in self.members.items():
            options = handler(member.__pydantic_core_schema__)
            forms = [options] if member.has_required_options() else [options, {"type": "null"}]
            if member.shorthand:
                resolved = handler.resolve_ref_schema(options)
                forms.append(resolved["properties"][member.shorthand])
            properties[name] = {"description": member.summary(), "anyOf": forms}
        mapping: JsonSchemaValue = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }
        bare = [name for name, member in self.members.items() if not member.has_required_options()]
        return {"anyOf": [{"enum": bare}, mapping]} if bare else mapping


class NameOf:
    """Annotates a string that must be one of a table's names.

    `aliases`: other words for them, which are suggested.
    """

    def __init__(
        self, family: str, names: tuple[str, ...], aliases: Mapping[str, str] | None = None
    ) -> None:
        self.family = family
        self.names = names
        self.aliases = dict(aliases or {})

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self._known,
            core_schema.str_schema(strict=True),
            metadata={"pydantic_js_functions": [lambda *_: {"enum": list(self.names)}]},
        )

    def _known(self, name: str) -> str:
        if name in self.names:
            return name
        raise unknown_name(self.family, name, self.names, self.aliases)


def aliases_of(members: Iterable[type[Member]]) -> dict[str, str]:
    """The name for each alias; of two members with the same alias, the first one's."""
    found: dict[str, str] = {}
    for member in members:
        for alias in member.aliases:
            found.setdefault(alias, member.name)
    return found


def unknown_name(
    family: str, given: Any, known: Iterable[str], aliases: Mapping[str, str]
) -> Exception:
    """The error that the diagnostics turn into `unknown FAMILY` with a suggestion."""
    return PydanticCustomError(
        "unknown_name",
        "unknown {family} `{given}`",
        {"family": family, "given": str(given), "known": sorted(known), "aliases": aliases},
    )


def _written(member: Any) -> Any:
    return member.written()
