"""Whole messages, as users see them: tests/golden/diagnostics/NAME/{spec.yaml,expected.txt}."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pccompiler.diagnostics.diagnostic import SpecError
from pccompiler.diagnostics.render import render
from pccompiler.spec.load import load

CASES = sorted((Path(__file__).parents[1] / "golden" / "diagnostics").glob("*/spec.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_messages_read_as_reviewed(
    path: Path, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(SpecError) as caught:
        load("spec.yaml")
    golden(f"diagnostics/{path.parent.name}", render(caught.value.diagnostics))


def test_there_are_cases() -> None:
    assert CASES
