"""Fixed points of bidirectional networks: a step by the curvature of each copy's own errors."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc

BATCH, TIMES = 3, 4


def spec(errors: Any, **sections: Any) -> dict[str, Any]:
    return {
        "pcc": 1,
        "name": "both_ways",
        "nodes": {
            "x": {"shape": [3], "role": "input"},
            "g": {"shape": [4], "activation": "tanh"},
            "h": {"shape": [4], "activation": "tanh"},
            "y": {"shape": [2], "role": "output"},
        },
        "edges": [
            {"path": "x -> g -> h -> y"},
            {"from": "h", "to": "g", "kind": "feedback", "op": {"transpose_of": "g->h"}},
        ],
        "energy": {"form": {"bidirectional": errors}},
        "inference": {"optimizer": "fixed_point", "steps": 1, "init": {"normal": {"std": 0.5}}},
        **sections,
    }


def normal(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(len(shape)).normal(size=shape), jnp.float32)


def a_step(network: dict[str, Any]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The states before a step and after it, and dF/dx before it."""
    model = pcc.compile(network)
    params = model.init(jax.random.key(1))
    batch = {"x": normal(BATCH, 3), "y": normal(BATCH, 2)}
    states = model.trace(params, batch, phase="clamped")["states"]
    before = {name: rows[0] for name, rows in states.items()}
    after = {name: rows[-1] for name, rows in states.items()}

    def energy(free: Any) -> Any:
        return model.energy(params, before | free, batch, phase="clamped")["total"].sum()

    slopes = jax.grad(energy)({name: before[name] for name in ("g", "h")})
    return before, after, slopes


@pytest.mark.parametrize(
    ("errors", "curvature"),
    [("summed", 4.0), ({"errors": "separate", "forward_weight": 0.5, "feedback_weight": 2}, 2.5)],
    ids=["summed", "separate"],
)
def test_a_node_with_two_predictions_steps_by_its_curvature(errors: Any, curvature: float) -> None:
    """2 ||x - (mu + nu)/2||^2 has curvature 4; a/2 ||x - mu||^2 + b/2 ||x - nu||^2 has a + b."""
    before, after, slopes = a_step(spec(errors))
    alone = 1.0 if errors == "summed" else 0.5  # h has no feedback
    for name, c in {"g": curvature, "h": alone}.items():
        np.testing.assert_allclose(after[name], before[name] - slopes[name] / c, atol=1e-6)


def test_a_copy_that_lacks_a_prediction_steps_by_the_curvature_of_the_other() -> None:
    """With a delay of one, g has no forward prediction at the first time and no feedback at the
    last; between them it has both."""
    network = spec("summed", time={"steps": TIMES})
    network["edges"] = [
        {"path": "x -> g", "delay": 1},
        {"path": "g -> h -> y"},
        {"from": "h", "to": "g", "kind": "feedback", "op": {"transpose_of": "g->h"}, "delay": 1},
    ]
    before, after, slopes = a_step(network)
    curvature = np.array([1.0, *(4.0,) * (TIMES - 2), 1.0])[:, None]
    np.testing.assert_allclose(after["g"], before["g"] - slopes["g"] / curvature, atol=1e-6)
    # the same curvature everywhere would be another step
    assert np.abs(after["g"] - before["g"] + slopes["g"] / 4)[:, 0].max() > 1e-3


def test_fixed_points_and_gradient_descent_come_to_rest_in_the_same_place() -> None:
    long = {"steps": 2000, "init": "zeros"}
    ends = []
    for optimizer in ({"fixed_point": {"damping": 0.95}}, {"sgd": {"learning_rate": 0.05}}):
        model = pcc.compile(spec("summed", inference=long | {"optimizer": optimizer}))
        params = model.init(jax.random.key(1))
        batch = {"x": normal(BATCH, 3), "y": normal(BATCH, 2)}
        ends.append(model.infer(params, batch, phase="clamped"))
    for name in ("g", "h"):
        np.testing.assert_allclose(ends[0][name], ends[1][name], atol=1e-5)
