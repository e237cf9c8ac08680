"""The JSON schema for editors: valid, fresh, and of the same opinion as `load`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.spec.read import read_document, read_source
from pccompiler.spec.schema import json_schema, schema_text
from pccompiler.spec.tree import plain

SPECS = Path(__file__).parents[2] / "specs"


def values(path: Path) -> Any:
    problems: list[Diagnostic] = []
    tree = read_document(read_source(path, str(path)), problems)
    assert not problems
    return json.loads(json.dumps(plain(tree)))  # lists, as JSON has them


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema())


def accepts(validator: Any, tmp_path: Path, text: str) -> bool:
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    return validator.is_valid(values(path))


def test_it_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def described(schema: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    """Every key that a file may have, and whether editors can say what it means."""
    for part in ("anyOf", "items", "additionalProperties"):
        inner = schema.get(part, [])
        for branch in inner if isinstance(inner, list) else [inner]:
            if isinstance(branch, dict):
                yield from described(branch, path)
    for key, value in schema.get("properties", {}).items():
        yield f"{path}.{key}", bool(value.get("description"))
        yield from described(value, f"{path}.{key}")


def test_every_key_and_every_name_has_a_description() -> None:
    schema = json_schema()
    parts = {"": schema, **schema["$defs"]}
    bare = [p for name, part in parts.items() for p, said in described(part, name) if not said]
    assert bare == []
    operators = schema["$defs"]["operator"]["anyOf"][0]
    while "anyOf" in operators:
        operators = operators["anyOf"][0]
    assert "dense" in operators["enum"]
    assert len(operators["enumDescriptions"]) == len(operators["enum"])
    assert all(operators["enumDescriptions"])


def test_the_committed_file_is_fresh() -> None:
    committed = (SPECS / "pcc.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), "pcc schema > specs/pcc.schema.json"


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.yaml")), ids=lambda path: path.stem)
def test_it_accepts_the_shipped_specs(validator: Any, path: Path) -> None:
    validator.validate(values(path))


@pytest.mark.parametrize(
    "more",
    [
        'training: {epochs: "${n}", checkpoint_every: {epochs: "${n}"}}',
        'inference: {steps: "${n}", optimizer: {sgd: {learning_rate: "${r}"}}}',
        "inference: {steps: {nudged: 20, nudged_negative: 20}, stop: {residual: 1e-4}}",
        "energy: {precision: {per_node: {a: 2}}}",
        "learning: {rule: {predictive_coding: {output: nudge, beta: 0.1}}}",
        "learning: {rule: backprop, optimizer: {adamw: {learning_rate: 1e-3}}}",
        "data:\n  source: {npz: digits.npz}",
        "params: {n: 3, r: 0.5}",
    ],
)
def test_it_accepts_what_the_language_allows(
    validator: Any, tmp_path: Path, tiny: str, more: str
) -> None:
    assert accepts(validator, tmp_path, tiny + more)


@pytest.mark.parametrize(
    "op",
    [
        "dense",
        "{dense: }",
        "{dense: {bias: false, weight_init: {normal: 0.1}}}",
        "[tanh, {dense: {weight_init: {normal: {std: 0.1}}}}, flatten]",
    ],
)
def test_it_accepts_every_way_of_writing_an_operator(
    validator: Any, tmp_path: Path, tiny: str, op: str
) -> None:
    assert accepts(validator, tmp_path, tiny.replace("to: b}", f"to: b, op: {op}}}"))


def test_a_file_with_bases_may_leave_out_anything(validator: Any, tmp_path: Path) -> None:
    child = "extends: [base.yaml]\ndata: {batch_size: 3}\ninference: {stop: {floor: 1}}\n"
    assert accepts(validator, tmp_path, child)
    assert not accepts(validator, tmp_path, child.replace("extends: [base.yaml]", ""))
    assert not accepts(validator, tmp_path, child + "trainig: {}\n")


@pytest.mark.parametrize(
    "change",
    [
        ("pcc: 1", "pcc: 2"),
        ("pcc: 1\n", ""),
        ("name: tiny", "name: 3"),
        ("name: tiny", "name: two words"),
        ("nodes:", "node:"),
        ("role: input", "role: entrance"),
        ("role: input", "roll: input"),
        ("shape: [2]", "shape: 2"),
        ("shape: [2]", "shape: [0]"),
        ("shape: [2]", "shape: []"),
        ("shape: [2]", "shape: [two]"),
        ("{from: a, to: b}", "{from: a}"),
        ("{from: a, to: b}", "{path: a -> b, from: a}"),
        ("to: b}", "to: b, op: dens}"),
        ("to: b}", "to: b, op: {dense: {}, tanh: {}}}"),
        ("to: b}", "to: b, op: {dense: {bias: 1}}}"),
        ("to: b}", "to: b, op: {dense: {weight_init: {constant: {}}}}}"),
        ("edges:", "training: {epochs: many}\nedges:"),
        ("edges:", "training: {epochs: true}\nedges:"),
        ("edges:", "data: {batch_size: 3}\nedges:"),
        ("edges:", "data: {source: npz}\nedges:"),
        ("edges:", "params: {a: b}\nedges:"),
        ("edges:", "inference: {steps: {free: 0}}\nedges:"),
        ("edges:", "energy: {precision: {}}\nedges:"),
        ("edges:", "learning: {rule: }\nedges:"),
    ],
)
def test_it_rejects_what_load_rejects(
    validator: Any, tmp_path: Path, tiny: str, spec_errors: Any, change: tuple[str, str]
) -> None:
    text = tiny.replace(*change)
    assert not accepts(validator, tmp_path, text)
    assert spec_errors(text)


def test_options_and_members_carry_their_descriptions() -> None:
    text = schema_text()
    assert "Fully connected" in text
    assert "add a bias of shape (out,)" in text
    assert "shape of one sample" in text
