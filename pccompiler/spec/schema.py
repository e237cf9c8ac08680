"""The language as a JSON schema (draft 2020-12), for editors.

It describes a file as it is written, before bases are merged and parameters put in: every
value may be a text with `${name}` instead, and a file with `extends` may leave out anything.
`specs/pcc.schema.json` is this schema; `pcc schema` prints it.
"""

from __future__ import annotations

import json
from typing import Any, cast

from pccompiler.components.member import FAMILY
from pccompiler.spec.models import RunSpec

Schema = dict[str, Any]

_USE: Schema = {"$ref": "#/$defs/parameter"}
_PARAMETER: Schema = {
    "type": "string",
    "pattern": r"\$\{[^{}]+\}",
    "description": "a number of `params`, as ${name}",
}
_EXTENDS: Schema = {
    "description": "spec files that this one starts from; later ones win, and this file wins",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}


def json_schema() -> Schema:
    """The schema of a spec file."""
    definitions: Schema = {}
    raw: Schema = _named_families(RunSpec.model_json_schema(by_alias=True), definitions)
    definitions |= raw.pop("$defs", {})
    required = _requirements(raw, definitions)
    params = raw["properties"]["params"]
    body = _as_written(raw)
    body["properties"] = {"extends": _EXTENDS, **body["properties"], "params": _untitled(params)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pcc spec",
        **body,
        # Only a file without bases must say everything that has no default.
        "if": {"required": ["extends"]},
        "else": required,
        "$defs": {
            **{name: _as_written(schema) for name, schema in definitions.items()},
            "parameter": _PARAMETER,
        },
    }


def schema_text() -> str:
    """The schema as the text of specs/pcc.schema.json."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _named_families(schema: Any, definitions: Schema) -> Any:
    """The schema with a reference wherever one member of a family is chosen; what the family
    offers is written once, in `definitions`."""
    if isinstance(schema, list):
        return [_named_families(item, definitions) for item in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    inner: Schema = {
        key: _named_families(value, definitions) for key, value in cast(Schema, schema).items()
    }
    if not isinstance(inner.get(FAMILY), str):
        return inner
    around = {key: inner.pop(key) for key in ("description", "default") if key in inner}
    name: str = inner.pop(FAMILY)
    definitions[name] = inner
    return {**around, "$ref": f"#/$defs/{name}"}


def _as_written(schema: Schema) -> Schema:
    """The schema without titles and required keys, `${name}` allowed for every scalar."""
    schema = _untitled(schema)
    if "properties" in schema:
        schema.pop("required", None)
        schema["properties"] = {k: _as_written(s) for k, s in schema["properties"].items()}
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            schema[part] = _as_written(schema[part])
    if "anyOf" in schema:
        branches: list[Schema] = schema["anyOf"]
        inner = [_untitled(s) if _is_scalar(s) else _as_written(s) for s in branches]
        uses = [_USE] if any(_is_restricted(s) for s in branches) else []
        schema["anyOf"] = [*inner, *uses]
    if not _is_restricted(schema):
        return schema
    around = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return {**around, "anyOf": [schema, _USE]}


def _is_scalar(schema: Schema) -> bool:
    types = ("integer", "number", "boolean", "string", "null")
    return schema.get("type") in types or "enum" in schema or "const" in schema


def _is_restricted(schema: Schema) -> bool:
    """Whether it is a scalar that not every text fits."""
    if schema.get("type") == "string":
        return bool({"enum", "const", "pattern", "maxLength"} & set(schema))
    return _is_scalar(schema) and schema.get("type") != "null"


def _untitled(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "title"}


def _requirements(schema: Schema, definitions: Schema) -> Schema:
    """The part of a schema that consists of `required`, at every depth."""
    if "$ref" in schema:
        return _requirements(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    found: Schema = {}
    for branch in schema.get("anyOf", ()):  # `required` speaks of mappings only
        found |= _requirements(branch, definitions)
    if "required" in schema:
        found["required"] = schema["required"]
    properties = {
        key: inner
        for key, value in schema.get("properties", {}).items()
        if (inner := _requirements(value, definitions))
    }
    if properties:
        found["properties"] = properties
    for part in ("items", "additionalProperties"):
        value: Schema | bool = schema.get(part, False)
        if not isinstance(value, bool) and (inner := _requirements(value, definitions)):
            found[part] = inner
    return found
