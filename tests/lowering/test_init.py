"""Fresh parameters: a function of the key and of the parameter's own name."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from tests.lowering.networks import compiled, same_bits, spec


def init(seed: int = 0, dtype: Any = jnp.float32, **sections: Any) -> dict[str, Any]:
    return compiled(**sections).init(jax.random.key(seed), dtype)


def test_other_edges_and_the_order_of_writing_do_not_change_an_edges_numbers() -> None:
    plain = init()
    larger = init(
        nodes={
            "y": {"shape": [2], "role": "output"},
            "a": {"shape": [3]},
            "h": {"shape": [3], "activation": "relu"},
            "x": {"shape": [4], "role": "input"},
        },
        edges=[
            {"path": "x -> a -> y"},
            {"from": "x", "to": "y", "kind": "skip"},
            {"from": "h", "to": "y"},
            {"from": "x", "to": "h"},
        ],
    )
    assert set(larger) == {"x->h", "h->y", "x->a", "a->y", "x->y"}
    same_bits({name: larger[name] for name in plain}, plain)


def test_edges_of_the_same_shape_have_numbers_of_their_own() -> None:
    twins = init(edges=[{"path": "x -> h -> y"}, {"from": "x", "to": "h", "name": "twin"}])
    assert (twins["x->h"]["weight"] != twins["twin"]["weight"]).all()


def test_the_key_decides_the_numbers() -> None:
    same_bits(init(seed=1), init(seed=1))
    assert (init(seed=1)["x->h"]["weight"] != init(seed=2)["x->h"]["weight"]).all()


def test_weights_are_in_by_out_and_biases_start_at_zero() -> None:
    params = init()
    assert {e: p["weight"].shape for e, p in params.items()} == {"x->h": (4, 3), "h->y": (3, 2)}
    assert not any(p["bias"].any() for p in params.values())


def test_several_parametric_operators_have_a_mapping_each_numbered_from_two() -> None:
    pipeline = [{"dense": {"units": 5}}, "tanh", {"dense": {"bias": False, "units": 6}}, "dense"]
    params = init(edges=[{"path": "x -> h"}, {"from": "h", "to": "y", "op": pipeline}])
    assert jax.tree.map(lambda leaf: leaf.shape, params["h->y"]) == {
        "dense": {"weight": (3, 5), "bias": (5,)},
        "dense2": {"weight": (5, 6)},
        "dense3": {"weight": (6, 2), "bias": (2,)},
    }


def test_edges_without_parameters_own_none() -> None:
    nodes = {"x": {"shape": [2], "role": "input"}, "y": {"shape": [2], "role": "output"}}
    assert (
        pcc.compile(spec(nodes=nodes, edges=[{"path": "x -> y", "op": "tanh"}])).init(
            jax.random.key(0)
        )
        == {}
    )


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_parameters_have_the_dtype_that_was_asked_for(dtype: Any) -> None:
    assert {leaf.dtype for leaf in jax.tree.leaves(init(dtype=dtype))} == {np.dtype(dtype)}
