"""`-s key.path=value`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.spec.models import RunSpec

Load = Callable[..., RunSpec]
Errors = Callable[..., tuple[Diagnostic, ...]]

SPEC = """\
pcc: 1
name: net
params: {depth: 2}
nodes:
  a: {shape: [2], role: input}
  h[1..${depth}]: {shape: [3]}
  b: {shape: [1], role: output}
edges:
  - {path: "a -> h[1..${depth}] -> b", op: dense}
learning: {optimizer: {adamw: {b1: 0.5}}}
"""


def test_a_value_is_yaml(load_files: Load) -> None:
    spec = load_files(
        {"spec.yaml": SPEC},
        "inference.optimizer.sgd.learning_rate=1e-2",
        "nodes.a.shape=[4, 5]",
        "training.early_stop={patience: 3}",
        "description=a = b",
        "data=",
    )
    assert spec.inference.optimizer.model_dump()["learning_rate"] == 0.01
    assert spec.nodes["a"].shape == (4, 5)
    assert spec.training.early_stop is not None
    assert spec.training.early_stop.patience == 3
    assert spec.description == "a = b"
    assert spec.data is None


@pytest.mark.parametrize("name", ["h[1..2]", "h[1..${depth}]"])
def test_a_range_is_named_before_or_after_its_parameters(load_files: Load, name: str) -> None:
    spec = load_files({"spec.yaml": SPEC}, f"nodes.{name}.activation=relu")
    assert spec.nodes["h[1..2]"].activation == "relu"
    assert spec.nodes["h[1..2]"].shape == (3,)


def test_list_items_are_given_by_number(load_files: Load) -> None:
    spec = load_files({"spec.yaml": SPEC}, "edges.0.op=[tanh, dense]")
    assert [op.name for op in spec.edges[0].op] == ["tanh", "dense"]


def test_an_option_can_be_set_on_a_member_written_as_a_name(load_files: Load) -> None:
    spec = load_files({"spec.yaml": SPEC}, "edges.0.op.dense.bias=false")
    assert spec.edges[0].op[0].model_dump()["bias"] is False


def test_a_choice_is_replaced_and_its_own_options_are_kept(load_files: Load) -> None:
    def optimizer(override: str) -> object:
        return load_files({"spec.yaml": SPEC}, override).learning.optimizer.written()

    assert optimizer("learning.optimizer=sgd") == {
        "sgd": {"learning_rate": 0.01, "weight_decay": 0.0}
    }
    assert optimizer("learning.optimizer.sgd.learning_rate=1") == {
        "sgd": {"learning_rate": 1.0, "weight_decay": 0.0}
    }
    kept = optimizer("learning.optimizer.adamw.learning_rate=1")
    assert isinstance(kept, dict)
    assert kept["adamw"]["b1"] == 0.5


def test_later_overrides_win(load_files: Load) -> None:
    spec = load_files({"spec.yaml": SPEC}, "training.epochs=1", "training.epochs=2")
    assert spec.training.epochs == 2


@pytest.mark.parametrize(
    ("override", "code", "column", "help"),
    [
        ("training.epoch=5", "PC201", 10, "`epochs`"),
        ("trainin.epochs=5", "PC201", 1, "`training`"),
        ("training.epochs=many", "PC204", 17, ""),
        ("training.epochs=true", "PC204", 17, ""),
        ("training.epochs=1e3", "PC204", 17, "write 1000"),
        ('training.epochs="5"', "PC204", 17, "remove the quotes"),
        ("training.epochs=0", "PC205", 17, ""),
        ("training.epochs=.inf", "PC111", 17, ""),
        ("training.epochs=[", "PC103", 0, ""),
        ("training.epochs.x=5", "PC204", 10, ""),
        ("learning.rule=backprp", "PC203", 15, "`backprop`"),
        ("training.epochs=-1", "PC205", 17, "write a whole number of at least 1"),
        ("training.epochs=1.5", "PC204", 17, "write a whole number of at least 1"),
        ("epochs=1", "PC201", 1, "did you mean `training.epochs`?"),
        ("epoch=1", "PC201", 1, "did you mean `training.epochs`?"),
        ("training.batch_size=1", "PC201", 10, "did you mean `data.batch_size`?"),
        ("learning.rule=a.npz", "PC203", 15, "known: "),
        ("data.source=a.npz", "PC203", 13, "write {npz: a.npz}"),
        ("learning.optimizer.adamw.momentum=1", "PC201", 26, "known: "),
        ("params.dept=3", "PC211", 8, "`depth`"),
        ("nodes.h2.activation=relu", "PC211", 7, "it is one of `h[1..2]`"),
        ("nodes.h3.activation=relu", "PC211", 7, "known: a, b, h[1..2]"),
        ("nodes.h[1..3].activation=relu", "PC211", 7, "`h[1..2]`"),
        ("edges.1.op=dense", "PC211", 7, "from 0 to 0"),
        ("edges.first.op=dense", "PC211", 7, "from 0 to 0"),
        ("name.x=1", "PC211", 6, "write -s name="),
        ("training.epochs", "PC211", 1, "write -s"),
        ("=5", "PC211", 1, "write -s"),
        (".a=5", "PC211", 1, "write -s"),
        ("nodes.h[1.x=5", "PC211", 1, "write -s"),
        ("", "PC211", 1, "write -s"),
        ("training.epochs=\x00", "PC102", 17, ""),
        ("training.seed=${sed}", "PC208", 15, "known: depth"),
    ],
)
def test_a_bad_override_is_shown_in_its_own_text(
    spec_errors: Errors, override: str, code: str, column: int, help: str
) -> None:
    [problem] = spec_errors(SPEC, override)
    assert problem.code == code
    assert problem.span is not None
    assert problem.span.source.name == "command line"
    assert problem.span.source.text == override
    assert help in problem.help
    if column:
        assert (problem.span.line, problem.span.column) == (1, column)


@pytest.mark.parametrize("override", ["nodes={}", "learning.rule="])
def test_a_fault_of_a_whole_value_is_shown_on_the_command_line(
    spec_errors: Errors, override: str
) -> None:
    [problem] = spec_errors(SPEC, override)
    assert problem.span is not None
    assert problem.span.source.text == override


@pytest.mark.parametrize("path", ["edges.0.gain", "edges[0].gain", "edges[ 0 ].gain"])
def test_items_of_lists_are_given_by_number_between_dots_or_in_brackets(
    load_files: Callable[..., RunSpec], tiny: str, path: str
) -> None:
    assert load_files({"spec.yaml": tiny}, f"{path}=0.5").edges[0].gain == 0.5


def test_an_item_in_brackets_that_is_not_there_is_named(spec_errors: Errors, tiny: str) -> None:
    [problem] = spec_errors(tiny, "edges[1].gain=0.5")
    assert problem.message == "`edges` is a list of 1, which has no item `1`"
    assert problem.span is not None
    assert problem.span.column == len("edges") + 1
