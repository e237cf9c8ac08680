"""Feedback with weights of its own in a Hopfield network: updates of both ways."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc

SPEC: dict[str, Any] = {
    "pcc": 1,
    "name": "untied",
    "nodes": {
        "x": {"shape": [3], "role": "input"},
        "h": {"shape": [4], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [{"path": "x -> h -> y"}, {"from": "y", "to": "h", "kind": "feedback"}],
    "energy": {"form": "hopfield"},
    "inference": {"init": "zeros", "optimizer": {"fixed_point": {"damping": 0.3}}, "steps": 80},
}


def gradients(feedback: str) -> Any:
    rule = {"equilibrium_propagation": {"feedback": feedback}}
    model = pcc.compile(SPEC | {"learning": {"rule": rule}})
    params = model.init(jax.random.key(0), np.float64)
    batch = {"x": np.linspace(-1, 1, 15).reshape(5, 3), "y": np.eye(2)[[0, 1, 0, 1, 1]]}
    return model.gradients(params, batch)


def test_the_same_update_is_the_mean_of_the_two_ways() -> None:
    own, same = gradients("own"), gradients("same")
    mean = (own["h->y"]["weight"] + own["y->h"]["weight"].T) / 2
    np.testing.assert_allclose(same["h->y"]["weight"], mean, rtol=1e-12)
    np.testing.assert_allclose(same["y->h"]["weight"], mean.T, rtol=1e-12)
    np.testing.assert_array_equal(same["h->y"]["bias"], own["h->y"]["bias"])
    np.testing.assert_array_equal(same["x->h"]["weight"], own["x->h"]["weight"])


def test_the_same_update_needs_edges_that_answer() -> None:
    rule = {"equilibrium_propagation": {"feedback": "same"}}
    tied = SPEC | {"edges": SPEC["edges"][:1], "learning": {"rule": rule}}
    with pytest.raises(pcc.SpecError, match="of which it has none"):
        pcc.check(tied)


def test_feedback_edges_of_the_same_update_are_dense() -> None:
    rule = {"equilibrium_propagation": {"feedback": "same"}}
    back = {"from": "y", "to": "h", "kind": "feedback", "op": ["tanh", "dense"]}
    spec = SPEC | {"edges": [SPEC["edges"][0], back], "learning": {"rule": rule}}
    with pytest.raises(pcc.SpecError, match="averages the updates of dense edges"):
        pcc.check(spec)


@pytest.mark.parametrize("rule", ["contrastive_hebbian", {"coupled_learning": {"beta": 0.1}}])
def test_what_compares_energies_refuses_a_field(rule: Any) -> None:
    with pytest.raises(pcc.SpecError, match="compares energies"):
        pcc.check(SPEC | {"learning": {"rule": rule}})
