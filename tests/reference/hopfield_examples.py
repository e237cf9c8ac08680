"""Hopfield networks that tests know by heart."""

from __future__ import annotations

from typing import Any

from tests.reference.network import Tree


def with_sections(
    network: Tree, rule: Any = "contrastive_hebbian", form: Any = "hopfield", **sections: Any
) -> Tree:
    """A whole spec of nodes and edges. `energy` and `inference` may be given in part."""
    energy = {"form": form, **sections.pop("energy", {})}
    inference = {"init": "zeros", "optimizer": "fixed_point", **sections.pop("inference", {})}
    return {
        "pcc": 1,
        "name": "example",
        **network,
        "energy": energy,
        "inference": inference,
        "learning": {"rule": rule},
        **sections,
    }


CHAIN: Tree = {
    "nodes": {
        "x": {"shape": [3], "role": "input"},
        "a": {"shape": [4], "activation": "tanh"},
        "b": {"shape": [3], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [{"path": "x -> a -> b -> y"}],
}

TANGLE: Tree = {
    "nodes": {
        "y": {"shape": [3], "role": "output"},
        "x": {"shape": [2, 3], "role": "input"},
        "a": {"shape": [4], "activation": "tanh"},
        "b": {"shape": [3], "activation": "sigmoid"},
        "c": {"shape": [2], "activation": "shifted_sigmoid"},
        "p": {"shape": [2], "activation": "tanh", "energy": "none"},
        "r": {"shape": [2], "activation": "leaky_relu"},
    },
    "edges": [
        {"from": "x", "to": "a", "op": ["flatten", {"dense": {"units": 5}}, "tanh", "dense"]},
        {"path": "a -> b -> c -> a", "gain": 0.7},
        {"from": "b", "to": "a", "name": "again", "op": ["tanh", "dense"]},
        {"from": "c", "to": "x", "op": [{"dense": {"units": 6}}, {"reshape": [2, 3]}]},
        {"from": "a", "to": "p"},
        {"from": "c", "to": "p", "op": "identity"},
        {"from": "p", "to": "y"},
        {"from": "y", "to": "b", "op": {"dense": {"bias": False}}},
        {"from": "a", "to": "a", "kind": "recurrent", "gain": 0.5},
        {"from": "y", "to": "y", "op": {"dense": {"bias": False}}},
        {"from": "r", "to": "c"},
    ],
}
"""Cycles, an input that is coupled back, laterals, a nonlinear sum that passes through, a root."""

IMAGES: Tree = {
    "nodes": {
        "x": {"shape": [5, 4, 1], "role": "input"},
        "a": {"shape": [5, 4, 2], "activation": "tanh"},
        "b": {"shape": [2, 2, 3], "activation": "sigmoid"},
        "c": {"shape": [2], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [
        {"from": "x", "to": "a", "op": {"conv": {"kernel": 3}}},
        {"from": "a", "to": "b", "op": [{"conv": {"channels": 3}}, "avg_pool"]},
        {"from": "x", "to": "b", "op": {"conv": {"kernel": 2, "stride": 2, "padding": "valid"}}},
        {"from": "b", "to": "c", "op": ["flatten", "dense"]},
        {"from": "c", "to": "y"},
        {"from": "b", "to": "y", "op": ["global_avg_pool", "dense"]},
    ],
}
