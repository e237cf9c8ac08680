"""Commands under JAX settings that the user's environment makes strict, each in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pccompiler.driver import compile

SPEC = """\
pcc: 1
name: tiny
nodes:
  x: {shape: [3], role: input}
  h: {shape: [4], activation: tanh}
  y: {shape: [2], role: output}
edges: [{path: "x -> h -> y"}]
energy: {loss: cross_entropy}
inference: {steps: 2}
data: {source: {npz: data.npz}, batch_size: 8}
training: {epochs: 1}
"""
DATA = """\
import numpy as np
r = np.random.default_rng(0)
np.savez("data.npz", x=r.normal(size=(40, 3)).astype(np.float32), y=np.arange(40) % 2)
np.savetxt("rows.csv", r.normal(size=(3, 3)), delimiter=",")
"""
COMMANDS = """\
from cli import main
for line in {lines!r}:
    main(line.split(), standalone_mode=False)
"""
STRICT = {
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_TRANSFER_GUARD": "disallow",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(SPEC)
    subprocess.run([sys.executable, "-c", DATA], cwd=tmp_path, check=True)
    return tmp_path


def pcc(folder: Path, *lines: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`pcc LINE` for each line, in one process."""
    env: dict[str, Any] = {**os.environ, "JAX_PLATFORMS": "cpu", **variables}
    root = str(Path(__file__).parents[2])
    env["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    code = COMMANDS.format(lines=lines)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True
    )


def test_commands_work_where_broadcasting_promotion_and_transfers_are_errors(folder: Path) -> None:
    done = pcc(
        folder,
        "train tiny.yaml --run a",
        "evaluate a",
        "predict a rows.csv -o out.csv",
        "verify tiny.yaml",
        **STRICT,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_training_works_without_compiling(folder: Path) -> None:
    done = pcc(folder, "train tiny.yaml --run a", JAX_DISABLE_JIT="1")
    assert done.returncode == 0, done.stderr[-2000:]


def test_another_generator_of_random_numbers_is_told_on_resume(folder: Path) -> None:
    begun = pcc(folder, "train tiny.yaml --run a")
    assert begun.returncode == 0, begun.stderr[-2000:]
    resumed = pcc(
        folder, "resume a -s training.epochs=2 --allow-changed", JAX_DEFAULT_PRNG_IMPL="rbg"
    )
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert "PC525" in resumed.stderr
    assert "JAX_DEFAULT_PRNG_IMPL: unset, now rbg" in " ".join(resumed.stderr.split())


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        ("train tiny.yaml", "JAX_DEFAULT_MATMUL_PRECISION"),
        ("verify tiny.yaml", "JAX_ENABLE_X64"),
        ("compile tiny.yaml --emit jaxpr", "JAX_DEFAULT_MATMUL_PRECISION"),
        ("compare tiny.yaml --rules backprop", "JAX_LOG_COMPILES"),
    ],
)
def test_a_variable_that_jax_cannot_read_is_named(folder: Path, line: str, variable: str) -> None:
    words = ["pcc", *line.split()]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; from cli import run; sys.argv = {words}; run()"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), variable: "bad"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "PC564" in done.stderr
    assert f"cannot read the variable {variable}:" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_model_steps_and_predicts_where_broadcasting_promotion_and_transfers_are_errors() -> None:
    nodes = {"x": {"shape": [3], "role": "input"}, "y": {"shape": [2], "role": "output"}}
    spec = {"pcc": 1, "name": "t", "nodes": nodes, "edges": [{"from": "x", "to": "y"}]}
    batch = {"x": np.ones((4, 3), np.float32), "y": np.ones((4, 2), np.float32)}
    with (
        jax.numpy_rank_promotion("raise"),
        jax.numpy_dtype_promotion("strict"),
        jax.transfer_guard("disallow"),
    ):
        model = compile(spec)
        state = model.init_training(SEED)
        state, _ = model.step(state, batch)
        state, _, done = model.train(state, batch, np.zeros((2, 4), np.int32), 2)
        assert done == 2
        assert model.predict(state.params, {"x": batch["x"]})["y"].shape == (4, 2)


SEED = jax.random.key(0)
