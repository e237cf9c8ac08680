"""What validation finds, in the user's words and at the user's line and column."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.spec.load import load

Errors = Callable[..., tuple[Diagnostic, ...]]


@pytest.mark.parametrize(
    ("line", "code", "path", "column", "said", "help"),
    [
        ("trainig: {}", "PC201", "trainig", 1, "at the top level", "`training`"),
        ("zzz: {}", "PC201", "zzz", 1, "at the top level", "energy, extends, inference"),
        ("training: {epoch: 3}", "PC201", "training.epoch", 12, "in `training`", "`epochs`"),
        (
            "inference: {optimizer: {sgd: {rate: 1}}}",
            "PC201",
            "inference.optimizer.sgd.rate",
            31,
            "unknown key `rate`",
            "`learning_rate`",
        ),
        (
            "data: {batch_size: 3}",
            "PC202",
            "data.source",
            1,
            "`data` lacks the key `source`",
            "add",
        ),
        ("inference: {stop: {}}", "PC202", "inference.stop.residual", 13, "lacks", "add"),
        (
            "inference: {stop: {residul: 0.1}}",
            "PC201",
            "inference.stop.residul",
            20,
            "residul",
            "`residual`",
        ),
        ("learning: {rule: backprp}", "PC203", "learning.rule", 18, "rule `backprp`", "`backprop`"),
        ("learning: {rule: {backprp: {}}}", "PC203", "learning.rule", 19, "backprp", "`backprop`"),
        (
            "energy: {loss: squared}",
            "PC203",
            "energy.loss",
            16,
            "loss `squared`",
            "`squared_error`",
        ),
        ("energy: {form: hopfeld}", "PC203", "energy.form", 16, "energy form", "hopfield"),
        ("training: {monitor: acuracy}", "PC203", "training.monitor", 21, "monitor", "`accuracy`"),
        ("training: {monitor: 3}", "PC204", "training.monitor", 21, "accuracy or loss", ""),
        ("training: {epochs: true}", "PC204", "training.epochs", 20, "the boolean true", ""),
        ("training: {epochs: abc}", "PC204", "training.epochs", 20, "the text `abc`", ""),
        (
            'training: {epochs: "3"}',
            "PC204",
            "training.epochs",
            20,
            "text `3`",
            "remove the quotes",
        ),
        ("training: {epochs: 1e3}", "PC204", "training.epochs", 20, "whole number", "write 1000"),
        ("training: {epochs: [3]}", "PC204", "training.epochs", 12, "found a list", ""),
        (
            "training: {epochs: }",
            "PC204",
            "training.epochs",
            12,
            "found nothing",
            "give it a value",
        ),
        ("training:", "PC204", "training", 1, "must be a mapping, found nothing", ""),
        ("training: 3", "PC204", "training", 11, "must be a mapping, found the number 3", ""),
        (
            "learning: {gradient_clip: 1.0}",
            "PC204",
            "learning.gradient_clip",
            27,
            "must be a mapping",
            "a mapping with the keys global_norm, value",
        ),
        (
            "training: {checkpoint_every: 3}",
            "PC204",
            "training.checkpoint_every",
            30,
            "must be a mapping",
            "the keys epochs, steps, minutes",
        ),
        (
            "training: {early_stop: true}",
            "PC204",
            "training.early_stop",
            24,
            "must be a mapping",
            "the keys patience, min_delta",
        ),
        ("data: digits", "PC204", "data", 7, "must be a mapping", "the keys source, root, bind"),
        ("training: [3]", "PC204", "training", 1, "must be a mapping, found a list", ""),
        ("training: {epochs: 0}", "PC205", "training.epochs", 20, "at least 1, found", ""),
        (
            "inference: {steps: 1000000000}",
            "PC205",
            "inference.steps",
            20,
            "less than 1,000,000,000",
            "",
        ),
        ("inference: {steps: 0}", "PC205", "inference.steps", 20, "at least 1", ""),
        ("inference: {steps: {free: 0}}", "PC205", "inference.steps.free", 27, "at least 1", ""),
        (
            "inference: {steps: many}",
            "PC204",
            "inference.steps",
            20,
            "must be a whole number or a mapping, found the text `many`",
            "",
        ),
        (
            "inference: {steps: {free: a}}",
            "PC204",
            "inference.steps.free",
            27,
            "a whole number",
            "",
        ),
        ("energy: {precision: 0}", "PC205", "energy.precision", 21, "greater than 0", ""),
        (
            "energy: {precision: no}",
            "PC204",
            "energy.precision",
            21,
            "a number or a mapping",
            "write a number above 0, or a mapping with the key per_node (factor",
        ),
        (
            "inference: {optimizer: {sgd: {learning_rate: fast}}}",
            "PC204",
            "inference.optimizer.sgd.learning_rate",
            46,
            "must be a number",
            "write a number above 0 (rate of the states)",
        ),
        ("data: {source: digits, test: 1}", "PC205", "data.test", 30, "1", "0 and below 1"),
        ("time: {steps: 0}", "PC205", "time.steps", 15, "at least 1", "from 1 to 1,000"),
        ("inference: {clamp: {free: a}}", "PC204", "inference.clamp.free", 27, "list", "[a]"),
        ("training: {loggers: 3}", "PC204", "training.loggers", 21, "list", "each item csv or"),
        ("learning_rate: 1", "PC201", "learning_rate", 1, "top level", "adamw.learning_rate`"),
        (
            "energy: {precision: {per_nod: {a: 1}}}",
            "PC201",
            "energy.precision.per_nod",
            22,
            "unknown key",
            "`per_node`",
        ),
        ("params: {a: true}", "PC204", "params.a", 13, "must be a number, found the boolean", ""),
        ("learning: {rule: 3}", "PC206", "learning.rule", 18, "must name one rule", "backprop"),
        ("learning: {rule: {}}", "PC206", "learning.rule", 12, "found a mapping", "backprop"),
        (
            "learning: {optimizer: {sgd: {}, adam: {}}}",
            "PC206",
            "learning.optimizer",
            12,
            "must name one optimizer",
            "adamw",
        ),
        ("learning: {rule: {backprop: 3}}", "PC204", "learning.rule.backprop", 29, "a mapping", ""),
        ("description: 3", "PC204", "description", 14, "a text", ""),
    ],
)
def test_each_mistake_is_one_message_at_its_place(
    spec_errors: Errors,
    tiny: str,
    line: str,
    code: str,
    path: str,
    column: int,
    said: str,
    help: str,
) -> None:
    [problem] = spec_errors(tiny + line)
    assert (problem.code, problem.path) == (code, path)
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (8, column)
    assert said in problem.message
    assert help in problem.help


@pytest.mark.parametrize(
    ("edge", "code", "column", "said"),
    [
        ("{from: a}", "PC207", 5, "needs a `path`"),
        ("{path: a -> b, from: a}", "PC207", 5, "either"),
        ("{}", "PC207", 5, "needs"),
        ("{form: a, to: b}", "PC201", 6, "unknown key `form`"),
        ("{source: a, target: b}", "PC201", 6, "unknown key `source`"),
        ("{from: a, to: b, op: dens}", "PC203", 26, "operator `dens`"),
        ("{from: a, to: b, op: [tanh, dens]}", "PC203", 33, "operator `dens`"),
        ("{from: a, to: b, op: {dense: {bias: no}}}", "PC204", 41, "true or false"),
        ("{from: a, to: b, op: {dense: {units: 0}}}", "PC205", 42, "at least 1"),
        ("{from: a, to: b, op: [{dense: {weight_init: {normal: -1}}}]}", "PC205", 58, "at least 0"),
        ("{from: a, to: b, op: {dense: {weight_init: constant}}}", "PC202", 48, "`value`"),
        ("{from: a, to: b, op: 3}", "PC206", 26, "must name one operator"),
        ("a -> b", "PC204", 5, "a mapping"),
    ],
)
def test_mistakes_in_edges_are_found_through_pipelines_and_shorthands(
    spec_errors: Errors, tiny: str, edge: str, code: str, column: int, said: str
) -> None:
    problem = spec_errors(tiny.replace("{from: a, to: b}", edge))[0]
    assert problem.code == code
    assert said in problem.message
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (7, column)


def test_a_missing_top_level_key_points_at_the_start(spec_errors: Errors) -> None:
    problems = spec_errors("pcc: 1\n")
    assert [problem.path for problem in problems] == ["name", "nodes"]
    assert all(str(problem.span).endswith("spec.yaml:1:1") for problem in problems)


def test_another_version_of_the_language_is_refused(spec_errors: Errors, tiny: str) -> None:
    [problem] = spec_errors(tiny.replace("pcc: 1", "pcc: 2"))
    assert "`pcc` must be 1, found the number 2" in problem.message


@pytest.mark.parametrize("name", ["1st", "my net", "", "näme", "x" * 101])
def test_a_run_has_a_name_that_can_be_a_file_name(
    spec_errors: Errors, tiny: str, name: str
) -> None:
    [problem] = spec_errors(tiny.replace("name: tiny", f'name: "{name}"'))
    assert problem.code in ("PC212", "PC205")
    assert problem.path == "name"
    assert problem.help == "letters, digits, _ . -, a letter first"


def test_a_node_may_be_called_like_a_branch_of_a_union(spec_errors: Errors, tiny: str) -> None:
    """pydantic's locations say `int` for a branch of a union; here it is a parameter."""
    [problem] = spec_errors(tiny + "params: {int: x, float: 2}")
    assert (problem.code, problem.path) == ("PC204", "params.int")


def test_thousands_of_mistakes_are_counted_and_the_first_shown(
    spec_errors: Errors, tiny: str
) -> None:
    problems = spec_errors(tiny + "".join(f"x{i}: 1\n" for i in range(3000)))
    assert len(problems) == 101
    assert problems[-1].severity == "note"
    assert "there may be more" in problems[-1].message


def test_a_mapping_of_python_values_is_checked_like_a_file() -> None:
    values = {
        "pcc": 1,
        "name": "tiny",
        "nodes": {"a": {"shape": [2], "role": "input"}, "b": {"shape": ("${n}",)}},
        "params": {"n": 3},
        "edges": [{"from": "a", "to": "b", "op": ["tanh", {"dense": {"bias": False}}]}],
    }
    spec, document = load(values, ["training.epochs=3"])
    assert spec.nodes["b"].shape == (3,)
    assert spec.training.epochs == 3
    assert document.span(("nodes", "a")) is None


@pytest.mark.parametrize(
    ("values", "code", "path"),
    [
        ({1: 2}, "PC112", ""),
        ({"name": object()}, "PC204", "name"),
        ({"params": {"x": float("nan")}}, "PC111", "params.x"),
        ({"params": {"x": 10**400}}, "PC111", "params.x"),
        ({"training": {"epoch": 3}}, "PC201", "training.epoch"),
    ],
)
def test_python_values_that_no_file_could_hold_are_refused(
    values: dict[object, object], code: str, path: str
) -> None:
    with pytest.raises(SpecError) as caught:
        load(values)  # pyright: ignore
    assert (code, path) in [(d.code, d.path) for d in caught.value.diagnostics]


def test_a_python_mapping_that_holds_itself_is_refused() -> None:
    values: dict[str, object] = {"pcc": 1}
    values["nodes"] = values
    with pytest.raises(SpecError, match="nested"):
        load(values)
