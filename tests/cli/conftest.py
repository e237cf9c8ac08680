"""The command line in this process, in a folder of its own with a tiny spec and its data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import cli

TINY = """\
pcc: 1
name: tiny
nodes:
  x: {shape: [4], role: input}
  h: {shape: [3], activation: tanh}
  y: {shape: [2], role: output}
edges:
  - {path: x -> h -> y}
inference: {steps: 3}
learning: {optimizer: {adam: {learning_rate: 0.02}}}
data: {source: {npz: points.npz}, bind: {x: x, y: y}, batch_size: 8}
training: {epochs: 2}
"""

Pcc = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with tiny.yaml and points.npz."""
    write_tiny(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_tiny(folder: Path) -> None:
    """tiny.yaml and points.npz."""
    rng, y = np.random.default_rng(0), np.arange(60) % 2
    np.savez(folder / "points.npz", x=rng.normal(size=(60, 4)) + y[:, None], y=y)
    (folder / "tiny.yaml").write_text(TINY)


@pytest.fixture
def pcc(folder: Path) -> Pcc:
    """`pcc("check", "tiny.yaml")`: the result; an exception that escapes fails the test."""

    def run(*words: str) -> Result:
        result = CliRunner().invoke(cli.main, words)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert "Traceback" not in result.output
        return result

    return run
