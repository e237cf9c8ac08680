"""A tiny network on tiny data, and a cache of compiled programs for the whole session."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.training.opened_run import Run, load_run
from tests.runtime.helpers import Spec, train

SAMPLES, FEATURES, CLASSES = 60, 6, 3


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every test compiles the same few programs; compiling them once saves minutes."""
    import jax

    folder = tmp_path_factory.mktemp("compiled")
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    yield folder
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clouds of points with their class, as x and y of an .npz file."""
    generator = np.random.default_rng(0)
    y = np.arange(SAMPLES) % CLASSES
    centres = 2 * generator.normal(size=(CLASSES, FEATURES))
    x = centres[y] + generator.normal(size=(SAMPLES, FEATURES))
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    np.savez(path, x=x, y=y, value=x[:, :1])
    return path


@pytest.fixture(scope="session")
def tiny(blobs: Path) -> dict[str, Any]:
    """A spec that trains in milliseconds: 43 training samples, 5 steps an epoch."""
    return {
        "pcc": 1,
        "name": "tiny",
        "nodes": {
            "x": {"shape": [FEATURES], "role": "input"},
            "h": {"shape": [4], "activation": "tanh"},
            "y": {"shape": [CLASSES], "role": "output"},
        },
        "edges": [{"path": "x -> h -> y", "op": "dense"}],
        "inference": {"optimizer": {"sgd": {"learning_rate": 0.1}}, "steps": 3},
        "learning": {"rule": "predictive_coding", "optimizer": {"adam": {"learning_rate": 0.02}}},
        "data": {"source": {"npz": str(blobs)}, "batch_size": 8},
        "training": {"epochs": 3, "seed": 1},
    }


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Spec) -> Path:
    """The run of the tiny spec, undisturbed."""
    return train(tiny, tmp_path_factory.mktemp("runs") / "trained").path


@pytest.fixture
def finished(trained: Path, tmp_path: Path) -> Run:
    """A copy of that run, to be damaged at will."""
    return load_run(shutil.copytree(trained, tmp_path / "finished"))
