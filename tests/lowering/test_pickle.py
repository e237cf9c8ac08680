"""A compiled model pickles: as what it was compiled from, which loading compiles again."""

from __future__ import annotations

import copy
import pickle

import jax

import pccompiler as pcc
from tests.lowering.networks import batch, compiled, parameters, same_bits


def test_a_model_that_was_pickled_computes_the_same_bits() -> None:
    model = compiled(disable=("wavefront",), inference={"init": {"normal": {"std": 0.1}}})
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.spec == model.spec
    assert loaded.plan == model.plan  # with the pass left out
    params = parameters(model)
    same_bits(loaded.gradients(params, batch()), model.gradients(params, batch()))


def test_overrides_and_members_made_from_tables_survive() -> None:
    """An activation and an initialiser are classes that no module holds by name."""
    spec = {
        "pcc": 1,
        "name": "p",
        "params": {"width": 3},
        "nodes": {
            "x": {"shape": [4], "role": "input"},
            "h[1..2]": {"shape": ["${width}"]},
            "y": {"shape": [2], "role": "output"},
        },
        "edges": [{"path": "x -> h[1..2] -> y", "op": ["gelu", {"dense": {}}]}],
    }
    overrides = ["params.width=5", "edges.0.op.1={dense: {weight_init: he_normal}}"]
    model = pcc.compile(spec, overrides)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.graph.node["h2"].shape == (5,)
    assert loaded.spec == model.spec
    assert [edge.operators for edge in loaded.graph.edges] == [
        edge.operators for edge in model.graph.edges
    ]


def test_the_training_state_pickles_and_a_model_can_be_copied() -> None:
    model = compiled()
    state = model.init_training(jax.random.key(0))
    same_bits(pickle.loads(pickle.dumps(state)), state)
    assert copy.deepcopy(model).spec == model.spec
