"""A tiny network on tiny data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.training.opened_run import Run, load_run
from tests.runtime.helpers import Spec, train

SAMPLES, FEATURES, CLASSES = 60, 6, 3


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
