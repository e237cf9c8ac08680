"""Members of the language: families of operators, rules, optimisers, ... as pydantic types.

A member is a frozen pydantic model: its fields are its options in the YAML. A family is a
sequence of members (see `family`), and `OneOf(FAMILY)` makes from it what pydantic, the JSON
schema and the error messages need. In the YAML a member is written in one of three ways:

    dense                        its name, all options at their defaults
    {dense: {bias: false}}       its name with options
    {npz: data.npz}              its name with the one option that `shorthand` names

Without `from __future__ import annotations`, here and where options are inherited: pydantic would
compile the text of these annotations again for each of the hundred classes below them.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, core_schema

if TYPE_CHECKING:
    from pccompiler.components.family import Family


class Section(BaseModel):
    """A mapping of the language: closed, immutable, with no silent conversions."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
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
        """Describes an inconsistency between the facts that a member declares of itself; None if
        there is none."""
        return None

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring, for help texts and the JSON schema."""
        return (cls.__doc__ or cls.name).strip().splitlines()[0]

    @classmethod
    def has_required_options(cls) -> bool:
        """Whether some option has no default, so that the bare name is not enough."""
        return any(option.is_required() for option in cls.model_fields.values())

    def printed(self) -> str:
        """`dense(bias=false)`: the name, with the options that differ from their defaults."""
        options = ", ".join(self.chosen_options())
        return f"{self.name}({options})" if options else self.name

    def chosen_options(self) -> list[str]:
        """`bias=false`: the options that differ from their defaults."""
        chosen = self.model_dump(mode="json", exclude_defaults=True)
        return [
            f"{key}={str(value).lower() if isinstance(value, bool) else value}"
            for key, value in chosen.items()
        ]

    def written(self) -> str | dict[str, Any]:
        """The member as the YAML writes it, with every option spelled out."""
        options = self.model_dump(mode="json", by_alias=True)
        return {self.name: options} if options else self.name


class IncompleteMemberError(TypeError):
    """A class that cannot be a member of its family."""


def check_complete(member: type[Member]) -> None:
    """Raises IncompleteMemberError, naming what is missing, for an incomplete class. Called where a
    class with a name is defined and for every class in a family: an omission would otherwise
    surface only at its first use.
    """
    name = getattr(member, "name", None)
    if name is None:
        raise IncompleteMemberError(f"{member.__name__} is no member: it has no `name`")
    missing = sorted(getattr(member, "__abstractmethods__", ()))
    if missing:
        base = next(b for b in member.__mro__ if missing[0] in b.__dict__)
        listed = ", ".join(f"`{hook}`" for hook in missing)
        raise IncompleteMemberError(
            f"{member.__name__} is no whole member of its family: it lacks {listed} (see the "
            f"docstrings of {base.__module__}.{base.__name__})"
        )
    if problem := member.contradiction():
        raise IncompleteMemberError(f"{member.__name__} contradicts itself: {problem}")


FAMILY = "family"
"""Key of a JSON schema that names the family of which it chooses one member."""


class OneOf:
    """Annotates a field whose value is one member of a family.

    `Annotated[Operator, OneOf(OPERATORS)]`, with members that only this field takes after the
    family. Members are looked up when a value is read, so that a family may grow.
    """

    def __init__(self, family: "Family[Any]", *more: type[Member]) -> None:
        self._family = family
        self._more = more

    @property
    def family(self) -> str:
        """The word for a member in messages."""
        return self._family.word

    @property
    def members(self) -> dict[str, type[Member]]:
        """The members by name."""
        return {member.name: member for member in (*self._family, *self._more)}

    def find(self, name: Any) -> type[Member] | None:
        """The member of this name; where it is none so far, installed packages are searched."""
        found = self.members.get(name) if isinstance(name, str) else None
        if found is None and isinstance(name, str):
            look_into_packages()
            found = self.members.get(name)
        return found

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._read,
            serialization=core_schema.plain_serializer_function_ser_schema(_written),
            metadata={"pydantic_js_functions": [self._json_schema]},
        )

    def _read(self, value: Any) -> Member:
        if isinstance(value, Member):
            member, options = self._known(value.name), value
        elif isinstance(value, str):
            member, options = self._known(value), {}
        elif isinstance(value, Mapping) and len(cast(Mapping[Any, Any], value)) == 1:
            [(name, options)] = cast(Mapping[Any, Any], value).items()
            member = self._known(name)
        else:
            raise PydanticCustomError(
                "one_of",
                "expected the name of one {family}, or a mapping with that name as its only key",
                {"family": self.family, "known": sorted(self.members)},
            )
        if options is None:
            options = {}
        elif member.shorthand and not isinstance(options, Mapping | Member):
            options = {member.shorthand: options}
        [read] = _reader(member).validate_python({member.name: options}).values()
        return read

    def _known(self, name: Any) -> type[Member]:
        member = self.find(name)
        if member is None:
            raise unknown_name(self.family, name, self.members, aliases_of(self.members.values()))
        return member

    def _json_schema(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        fields = {
            name: core_schema.typed_dict_field(_core_schema(member))
            for name, member in self.members.items()
        }
        shown = handler(core_schema.typed_dict_schema(fields))["properties"]
        properties: dict[str, JsonSchemaValue] = {}
        for name, member in self.members.items():
            options = shown[name]
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
        meanings = [self.members[name].summary() for name in bare]
        forms = [{"enum": bare, "enumDescriptions": meanings}, mapping] if bare else [mapping]
        return {"anyOf": forms, FAMILY: self.family.replace(" ", "_")}


@cache
def _reader(member: type[Member]) -> SchemaValidator:
    """The validator of {name: options}.

    The name stands in the schema so that pydantic reports the location of a wrong option as
    family field, member name, option, which is the path in the YAML.
    """
    field = core_schema.typed_dict_field(_core_schema(member))
    return SchemaValidator(core_schema.typed_dict_schema({member.name: field}))


def _core_schema(member: type[Member]) -> CoreSchema:
    member.model_rebuild()  # builds it when it is first asked for
    return member.__pydantic_core_schema__


class NameOf:
    """Annotates a string that must be one of a table's names.

    `aliases`: other words for them, which are suggested; `meaning` explains a name to editors.
    """

    def __init__(
        self,
        family: str,
        names: Iterable[str],
        aliases: Mapping[str, str] | None = None,
        meaning: Callable[[str], str] | None = None,
    ) -> None:
        self.family = family
        self.meaning = meaning
        self._names = names
        self.aliases = aliases or {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names that there are now."""
        return tuple(self._names)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self._known,
            core_schema.str_schema(strict=True),
            metadata={"pydantic_js_functions": [lambda *_: self._json_schema()]},
        )

    def _json_schema(self) -> JsonSchemaValue:
        schema: JsonSchemaValue = {"enum": list(self.names)}
        if self.meaning is not None:
            schema["enumDescriptions"] = [self.meaning(name) for name in self.names]
        return schema

    def _known(self, name: str) -> str:
        if name not in self.names:
            look_into_packages()
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


def look_into_packages() -> None:
    """Registers the members of installed packages, once (see `plugins`)."""
    from pccompiler.components.plugins import load_installed

    load_installed()


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
