"""Checking the text of a spec, and graphs made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import pccompiler as pcc
from pccompiler.diagnostics.diagnostic import Diagnostic

Problems = Callable[..., tuple[Diagnostic, ...]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    """`problems(text)`: the errors of a spec, or its warnings where it has none."""

    def check(text: str, *overrides: str) -> tuple[Diagnostic, ...]:
        path = tmp_path / "spec.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            return pcc.check(path, overrides).warnings
        except pcc.SpecError as error:
            return error.diagnostics

    return check
