"""`Document.span`: where a key path stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from pccompiler.spec.load import load
from pccompiler.spec.tree import KeyPath

SPEC = """\
pcc: 1
name: net
params: {depth: 2}
nodes:
  a: {shape: [2], role: input}
  h[1..${depth}]:
    shape: [3, 4]
edges:
  - {path: "a -> h[1..${depth}]", op: dense}
"""


@pytest.mark.parametrize(
    ("path", "key", "line", "column"),
    [
        (("name",), False, 2, 7),
        (("name",), True, 2, 1),
        (("nodes", "a", "shape"), False, 5, 14),
        (("nodes", "a", "shape", 0), False, 5, 15),
        (("nodes", "h[1..2]"), True, 6, 3),
        (("nodes", "h[1..2]", "shape", 1), False, 7, 16),
        (("edges", 0), False, 9, 5),
        (("edges", 0, "op"), True, 9, 35),
        (("edges", 0, "op", 0, "dense"), False, 9, 39),  # no such place: the nearest above it
        (("training", "epochs"), False, 1, 1),
    ],
)
def test_a_key_path_has_a_position(
    tmp_path: Path, path: KeyPath, key: bool, line: int, column: int
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC)
    span = load(file)[1].span(path, key=key)
    assert span is not None
    assert (span.line, span.column) == (line, column)


def test_a_file_is_named_as_the_user_gave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "net.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    span = load("specs/net.yaml")[1].span(("name",))
    assert str(span) == "specs/net.yaml:2:7"
