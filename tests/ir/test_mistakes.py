"""Mistakes about time, feedback and shared parameters, as users see them.

Whole messages: tests/golden/mistakes/NAME/{spec.yaml,expected.txt}.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pccompiler as pcc
from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.render import render

CASES = sorted((Path(__file__).parents[1] / "golden" / "mistakes").glob("*/spec.yaml"))
EVERY_CODE = {"PC319", "PC321", "PC322", "PC323", "PC324", "PC325", "PC326", "PC327"}
"""PC320 is about picture files."""


def told(path: Any) -> tuple[Diagnostic, ...]:
    """The errors of a spec, or the warnings of one that is in order."""
    try:
        return tuple(pcc.check(path).warnings)
    except pcc.SpecError as error:
        return error.diagnostics


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_messages_read_as_reviewed(
    path: Path, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    golden(f"mistakes/{path.parent.name}", render(told("spec.yaml")))


def test_every_code_about_time_feedback_and_sharing_is_reached_with_a_line_and_a_help() -> None:
    problems = [problem for path in CASES for problem in told(path)]
    assert {problem.code for problem in problems} >= EVERY_CODE
    for problem in problems:
        assert problem.span is not None, problem.message
        assert problem.help, problem.message
        assert problem.path, problem.message
