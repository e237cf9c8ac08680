"""A spec with nothing but what the language requires, to vary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pccompiler.spec.load import load
from pccompiler.spec.models import RunSpec

TINY = """\
pcc: 1
name: tiny
nodes:
  a: {shape: [2], role: input}
  b: {shape: [1], role: output}
edges:
  - {from: a, to: b}
"""


@pytest.fixture
def tiny() -> str:
    return TINY


@pytest.fixture
def load_files(tmp_path: Path) -> Callable[..., RunSpec]:
    """`load_files({name: text}, *overrides)`: the first file loaded, the others beside it."""

    def run(files: dict[str, str], *overrides: str) -> RunSpec:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load(tmp_path / next(iter(files)), overrides)[0]

    return run
