"""Benchmarks run on demand; here they are only loaded, so that a renamed function is noticed."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_can_be_loaded(script: Path) -> None:
    assert "main" in runpy.run_path(str(script))
