"""One network file under every energy form and rule: it trains, or is refused with a reason."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc
from pccompiler.components.forms import FORMS
from pccompiler.components.rules import RULES

NETWORK: dict[str, Any] = {
    "pcc": 1,
    "name": "one",
    "nodes": {
        "x": {"shape": [3], "role": "input"},
        "h": {"shape": [4], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [
        {"path": "x -> h -> y"},
        {"from": "y", "to": "h", "kind": "feedback", "op": {"transpose_of": "h->y"}},
    ],
}
REFUSED = {
    ("bidirectional", "z_il"),
    ("bidirectional", "fixed_prediction"),
    ("hopfield", "z_il"),
    ("hopfield", "fixed_prediction"),
    ("hopfield", "predictive_coding"),
    ("bidirectional", "feedback_alignment"),
    ("hopfield", "feedback_alignment"),
    ("bidirectional", "forward_forward"),
    ("hopfield", "forward_forward"),
}
"""The pairs without theory."""

LEFT_ALONE = {"forward_forward": {"h->y"}}
"""The edges that a rule does not train: forward-forward predicts without its outputs."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_rule_trains_one_network_or_says_why_not(form: Any, rule: Any) -> None:
    errors = (
        {"bidirectional": {"errors": "separate"}} if form.name == "bidirectional" else form.name
    )
    inference = {"steps": 5, "optimizer": {"sgd": {"learning_rate": 0.1}}}
    spec = NETWORK | {
        "energy": {"form": errors},
        "inference": inference,
        "learning": {"rule": rule.name},
    }
    if (form.name, rule.name) in REFUSED:
        with pytest.raises(pcc.SpecError) as caught:
            pcc.check(spec)
        [problem] = caught.value.diagnostics
        assert problem.code == "PC329"
        assert problem.help
        return
    model = pcc.compile(spec)
    state = model.init_training(jax.random.key(0))
    batch = {"x": np.ones((4, 3)), "y": np.eye(2)[[0, 1, 0, 1]]}
    for _ in range(2):
        before = state.params
        state, metrics = model.step(state, batch)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(metrics))
        moved = jax.tree.map(lambda a, b: float(abs(a - b).max()), before, state.params)
        for edge, changes in moved.items():
            learns = edge not in LEFT_ALONE.get(rule.name, ())
            assert all((change > 0) == learns for change in jax.tree.leaves(changes)), edge
    assert model.plan.predictor or {"loss", "accuracy"} <= set(metrics)
