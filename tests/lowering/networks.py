"""Small networks, their batches, and their equations written out once more."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import pccompiler as pcc

Tree = dict[str, Any]

CHAIN: Tree = {
    "pcc": 1,
    "name": "chain",
    "nodes": {
        "x": {"shape": [4], "role": "input"},
        "h": {"shape": [3], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [{"path": "x -> h -> y"}],
    "inference": {"optimizer": {"sgd": {"learning_rate": 0.1}}, "steps": 5},
    "learning": {"optimizer": {"sgd": {"learning_rate": 0.1}}},
}


def spec(**sections: Any) -> Tree:
    """The chain x -> h -> y; what is given for `inference` and `learning` is merged in."""
    merged = {key: {**CHAIN[key], **sections.pop(key, {})} for key in ("inference", "learning")}
    return {**CHAIN, **merged, **sections}


def compiled(disable: tuple[str, ...] = (), **sections: Any) -> pcc.CompiledModel:
    """The compiled network; the same one for the same sections, so that programs are reused."""
    return _compiled(json.dumps(spec(**sections)), disable)


@cache
def _compiled(written: str, disable: tuple[str, ...]) -> pcc.CompiledModel:
    return pcc.compile(json.loads(written), disable=disable)


def parameters(model: pcc.CompiledModel, seed: int = 0) -> Tree:
    """Parameters in float64; drawn by NumPy, biases too."""
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape) / np.sqrt(leaf.shape[0]), shapes)


def batch(size: int = 3, seed: int = 0) -> Tree:
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=(size, 4)), "y": rng.normal(size=(size, 2))}


def energy(params: Tree, h: Any, given: Tree) -> Any:
    """F of the chain per sample: 1/2 |h - tanh(x W1 + b1)|^2 + 1/2 |y - (h W2 + b2)|^2."""
    first, second = params["x->h"], params["h->y"]
    own = h - jnp.tanh(given["x"] @ first["weight"] + first["bias"])
    above = given["y"] - (h @ second["weight"] + second["bias"])
    return 0.5 * (own**2).sum(-1) + 0.5 * (above**2).sum(-1)


def close(ours: Any, theirs: Any, tolerance: float = 1e-10) -> None:
    """Two trees of arrays agree to an absolute tolerance."""
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=tolerance), ours, theirs
    )


def same_bits(ours: Any, theirs: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
