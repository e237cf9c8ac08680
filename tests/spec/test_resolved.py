"""The resolved spec says everything, and says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from pccompiler.spec.load import load
from pccompiler.spec.resolved import resolved

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))

AWKWARD = """\
pcc: 1
name: "no"
description: "a: b\\n  # c\\n\\n- 1e-3 \\u2028 \\u00e9 'x'"
params: {width: 3, tiny: 1e-30, null: 2}
nodes:
  "1e-3": {shape: ["${width}"], role: input}
  "0o10": {shape: [1], activation: tanh}
  on: {}
  "true": {}
  "": {}
edges:
  - {path: "1e-3 -> 0o10", op: [tanh, {dense: {bias: false, weight_init: {normal: "${tiny}"}}}]}
energy: {precision: {per_node: {"0o10": 1e-30, "12:30": 2}}}
inference: {steps: {free: 3, "010": 4}, stop: {residual: 1e-4}}
learning: {schedule: {step: {at: [0.1, 0.9]}}, gradient_clip: {value: 1}}
data: {source: {npz: {path: "~", target: null}}, bind: {"null": "~"}}
"""


def the_same_after_writing(path: Path, folder: Path) -> None:
    spec, _ = load(path)
    text = resolved(spec)
    copy = folder / "resolved.yaml"
    copy.write_text(text, encoding="utf-8")
    assert load(copy)[0] == spec
    assert "${" not in text
    assert "extends" not in text


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_shipped_spec_is_the_same_once_resolved(path: Path, tmp_path: Path) -> None:
    the_same_after_writing(path, tmp_path)


def test_texts_that_look_like_numbers_survive(tmp_path: Path) -> None:
    path = tmp_path / "awkward.yaml"
    path.write_text(AWKWARD.replace('  "": {}\n', ""), encoding="utf-8")
    the_same_after_writing(path, tmp_path)


def test_bases_and_overrides_are_part_of_it(tmp_path: Path, tiny: str) -> None:
    (tmp_path / "base.yaml").write_text(tiny)
    (tmp_path / "child.yaml").write_text("extends: base.yaml\ntraining: {epochs: 7}\n")
    spec, _ = load(tmp_path / "child.yaml", ["training.seed=5"])
    text = resolved(spec)
    assert "epochs: 7" in text
    assert "seed: 5" in text
    assert "batch_size" not in text
