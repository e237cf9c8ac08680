"""`${name}` becomes a number, or part of a text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.spec.models import RunSpec

Load = Callable[..., RunSpec]
Errors = Callable[..., tuple[Diagnostic, ...]]

SPEC = """\
pcc: 1
name: net_${width}
params: {width: 32, depth: 2.0, rate: 0.5}
nodes:
  a: {shape: ["${width}", 3], role: input}
  h[1..${depth}]: {shape: ["${width}"]}
edges:
  - {path: "a -> h[1..${depth}]"}
inference: {optimizer: {sgd: {learning_rate: "${ rate }"}}}
description: "rate ${rate}, depth ${depth}"
"""


def test_parameters_are_put_into_values_keys_and_texts(load_files: Load) -> None:
    spec = load_files({"spec.yaml": SPEC})
    assert spec.name == "net_32"
    assert spec.nodes["a"].shape == (32, 3)
    assert spec.nodes["h[1..2]"].shape == (32,)
    assert spec.edges[0].path == "a -> h[1..2]"
    assert spec.inference.optimizer.model_dump()["learning_rate"] == 0.5
    assert spec.description == "rate 0.5, depth 2"


def test_an_overridden_parameter_is_the_one_put_in(load_files: Load) -> None:
    spec = load_files({"spec.yaml": SPEC}, "params.width=8", "params.depth=3")
    assert spec.params["width"] == 8
    assert spec.nodes["h[1..3]"].shape == (8,)


def test_a_child_sets_the_parameters_of_its_base(load_files: Load) -> None:
    spec = load_files({"c.yaml": "extends: b.yaml\nparams: {width: 4}", "b.yaml": SPEC})
    assert spec.nodes["a"].shape == (4, 3)


@pytest.mark.parametrize(
    ("value", "column", "said", "help"),
    [
        ('"${widht}"', 15, "unknown parameter `widht`", "`width`"),
        ("see ${widht} there", 18, "unknown parameter `widht`", "`width`"),
        ('"at ${width"', 18, "without its closing brace", "${name}"),
        ("${}", 14, "unknown parameter ``", "known"),
        ('"${width*2}"', 15, "unknown parameter `width*2`", "no expression; known: "),
        ('"${width-1}"', 15, "unknown parameter `width-1`", "only the name of one of the params"),
    ],
)
def test_a_use_that_means_nothing_is_shown_inside_the_text(
    spec_errors: Errors, value: str, column: int, said: str, help: str
) -> None:
    text = SPEC[: SPEC.index("description")] + f"description: {value}"
    [problem] = spec_errors(text)
    assert problem.code == "PC208"
    assert said in problem.message
    assert help in problem.help
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (10, column)


def test_every_unknown_use_is_reported_and_nothing_that_follows_from_it(
    spec_errors: Errors,
) -> None:
    text = SPEC.replace("depth: 2.0", "dep: 2").replace("rate: 0.5", "rat: 1")
    problems = spec_errors(text)
    assert {problem.code for problem in problems} == {"PC208"}
    assert len(problems) == 5


def test_a_parameter_that_is_no_number_is_reported_once(spec_errors: Errors) -> None:
    [problem] = spec_errors(SPEC.replace("width: 32", "width: wide"))
    assert (problem.code, problem.path) == ("PC204", "params.width")


def test_a_message_about_a_parameter_names_the_use(spec_errors: Errors) -> None:
    first = spec_errors(SPEC, "params.width=0.5")[0]
    assert "the number 0.5 from `${width}`" in first.message
    assert first.span is not None
    assert first.span.line == 5


def test_keys_that_become_equal_are_duplicates(spec_errors: Errors, tiny: str) -> None:
    text = tiny.replace("  b:", "  n${p}: {}\n  n${q}: {}\n  b:") + "params: {p: 1, q: 1.0}\n"
    [problem] = spec_errors(text)
    assert problem.code == "PC107"
    assert "`n1`" in problem.message


def test_a_use_without_quotes_inside_brackets_is_explained(spec_errors: Errors) -> None:
    [problem] = spec_errors(SPEC.replace('"${width}", 3', "${width}, 3"))
    assert problem.code == "PC103"
    assert '"${name}"' in problem.help
