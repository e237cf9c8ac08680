"""`extends`: the child wins, positions stay with their files, and nothing leaves the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pccompiler.diagnostics.diagnostic import SpecError
from pccompiler.spec.load import load
from pccompiler.spec.models import RunSpec

Load = Callable[..., RunSpec]


def test_mappings_merge_and_lists_and_scalars_are_replaced(load_files: Load, tiny: str) -> None:
    child = (
        "extends: base.yaml\nname: child\n"
        "nodes: {b: {activation: tanh}, c: {shape: [3]}}\n"
        "edges: [{from: a, to: c}]\n"
    )
    spec = load_files({"child.yaml": child, "base.yaml": tiny})
    assert spec.name == "child"
    assert list(spec.nodes) == ["a", "b", "c"]
    assert (spec.nodes["b"].shape, spec.nodes["b"].activation) == ((1,), "tanh")
    assert [edge.target for edge in spec.edges] == ["c"]


def test_a_later_base_wins_over_an_earlier_one(load_files: Load, tiny: str) -> None:
    files = {
        "child.yaml": "extends: [base.yaml, slow.yaml, fast.yaml]\n",
        "base.yaml": tiny,
        "slow.yaml": "training: {epochs: 100, seed: 7}\n",
        "fast.yaml": "training: {epochs: 1}\n",
    }
    training = load_files(files).training
    assert (training.epochs, training.seed) == (1, 7)


def test_another_choice_of_a_member_replaces_the_base_options(load_files: Load, tiny: str) -> None:
    base = tiny + "learning: {optimizer: {adamw: {learning_rate: 0.5, b1: 0.5}}}\n"
    other = "extends: base.yaml\nlearning: {optimizer: {sgd: {learning_rate: 0.25}}}\n"
    same = "extends: base.yaml\nlearning: {optimizer: {adamw: {learning_rate: 0.25}}}\n"
    replaced = load_files({"child.yaml": other, "base.yaml": base}).learning.optimizer
    assert replaced.written() == {"sgd": {"learning_rate": 0.25, "weight_decay": 0.0}}
    merged = load_files({"child.yaml": same, "base.yaml": base}).learning.optimizer
    assert merged.model_dump()["learning_rate"] == 0.25
    assert merged.model_dump()["b1"] == 0.5


def test_bases_may_have_bases_relative_to_themselves(load_files: Load, tiny: str) -> None:
    files = {
        "child.yaml": "extends: parts/middle.yaml\n",
        "parts/middle.yaml": "extends: deep/base.yaml\ntraining: {epochs: 3}\n",
        "parts/deep/base.yaml": tiny,
    }
    assert load_files(files).training.epochs == 3


def test_a_mistake_in_a_base_is_shown_in_the_base(
    load_files: Load, tiny: str, tmp_path: Path
) -> None:
    files = {"child.yaml": "extends: base.yaml\n", "base.yaml": tiny + "training: {epoch: 3}\n"}
    with pytest.raises(SpecError) as caught:
        load_files(files)
    [problem] = caught.value.diagnostics
    assert str(problem.span) == f"{tmp_path / 'base.yaml'}:8:12"


def test_the_document_knows_which_file_each_value_came_from(tmp_path: Path, tiny: str) -> None:
    (tmp_path / "base.yaml").write_text(tiny)
    child = tmp_path / "child.yaml"
    child.write_text("extends: base.yaml\nnodes: {b: {activation: tanh}}\n")
    _, document = load(child, ["training.seed=3"])
    places = [
        document.span(path)
        for path in (("nodes", "b", "shape"), ("nodes", "b", "activation"), ("training", "seed"))
    ]
    assert [str(place) for place in places] == [
        f"{tmp_path / 'base.yaml'}:5:14",
        f"{child}:2:25",
        "command line:1:15",
    ]


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"a.yaml": "extends: a.yaml"}, "PC210", "a.yaml -> a.yaml"),
        (
            {
                "a.yaml": "extends: b.yaml",
                "b.yaml": "extends: [c.yaml]",
                "c.yaml": "extends: b.yaml",
            },
            "PC210",
            "b.yaml -> c.yaml -> b.yaml",
        ),
        ({"a.yaml": "extends: ../b.yaml"}, "PC209", "outside the folder"),
        ({"a.yaml": "extends: /etc/hostname"}, "PC209", "outside the folder"),
        ({"a.yaml": "extends: x/../../b.yaml"}, "PC209", "outside the folder"),
        ({"a.yaml": "extends: [3]"}, "PC209", "must be a file name"),
        ({"a.yaml": "extends: {b: c}"}, "PC209", "must be a file name"),
        ({"a.yaml": "extends: b.yml", "b.yaml": "pcc: 1"}, "PC101", "there is no file"),
        ({"a.yaml": f"extends: [{'b.yaml, ' * 17}]", "b.yaml": "pcc: 1"}, "PC209", "more than 16"),
        ({"a.yaml": "extends: ."}, "PC101", "is a folder"),
        ({"a.yaml": "extends: b.yaml", "b.yaml": "- x"}, "PC106", "a list"),
    ],
)
def test_a_base_that_cannot_be_used_is_named(
    load_files: Load, files: dict[str, str], code: str, said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        load_files(files)
    problem = next(d for d in caught.value.diagnostics if d.code == code)
    assert said in problem.message
    assert problem.span is not None


def test_a_link_out_of_the_folder_is_outside(tmp_path: Path, tiny: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "base.yaml").write_text(tiny)
    (inside / "link.yaml").symlink_to(tmp_path / "base.yaml")
    (inside / "spec.yaml").write_text("extends: link.yaml\n")
    with pytest.raises(SpecError, match="outside the folder"):
        load(inside / "spec.yaml")


def test_a_long_chain_of_bases_ends_with_a_message(load_files: Load) -> None:
    files = {f"f{i}.yaml": f"extends: f{i + 1}.yaml" for i in range(40)}
    with pytest.raises(SpecError, match="16 files deep"):
        load_files(files)


def test_bases_that_share_bases_are_read_once_each(load_files: Load, tiny: str) -> None:
    """Two bases on each of 15 levels are 2^15 ways down, but 30 files."""
    files = {"f0.yaml": "extends: [f1.yaml, g1.yaml]"}
    for i in range(1, 14):
        for side in "fg":
            files[f"{side}{i}.yaml"] = f"extends: [f{i + 1}.yaml, g{i + 1}.yaml]"
    files |= {"f14.yaml": tiny, "g14.yaml": "training: {epochs: 2}"}
    assert load_files(files).training.epochs == 2
