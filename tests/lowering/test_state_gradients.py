"""The norm of dF/dx along the relaxation, against energies differentiated by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.lowering.networks import batch, close, compiled, energy

STEPS, RATE = 5, 0.1


def along(**sections: Any) -> tuple[Any, Any]:
    """(the norms that are told, the parameters) of the chain x -> h -> y."""
    model = compiled(**sections)
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    return model.trajectories(state, batch())["state_gradient_norm"], state.params


def test_it_is_the_norm_of_the_slope_that_each_step_follows() -> None:
    """Gradient descent on h, written out: the slope of F at the start of each step."""
    told, params = along()
    given = batch()
    first = params["x->h"]
    h = jnp.tanh(given["x"] @ first["weight"] + first["bias"])
    slope = jax.grad(lambda h: energy(params, h, given).sum())
    norms = []
    for _ in range(STEPS):
        norms.append(float(jnp.linalg.norm(slope(h), axis=-1).mean()))
        h = h - RATE * slope(h)
    close(told, {"clamped": {"h": norms}})
    assert norms[-1] < norms[0]


def test_it_is_zero_by_definition_where_information_has_not_arrived() -> None:
    """A chain of three hidden nodes, started at its predictions: the error of y reaches h3 in
    the first step, h2 in the second, h1 in the third."""
    nodes = {
        "x": {"shape": [4], "role": "input"},
        "h[1..3]": {"shape": [3], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    }
    told, _ = along(nodes=nodes, edges=[{"path": "x -> h[1..3] -> y"}])
    reached = {name: int(np.flatnonzero(row)[0]) for name, row in told["clamped"].items()}
    assert reached == {"h3": 0, "h2": 1, "h1": 2}


@pytest.mark.parametrize("order", ["odd_first", "even_first"])
def test_nodes_that_move_one_colour_after_another_are_all_told(order: str) -> None:
    """Each from the gradient that moved it: the second colour sees the first one moved."""
    nodes = {
        "x": {"shape": [4], "role": "input"},
        "h[1..2]": {"shape": [3], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    }
    update = {"asynchronous": {"order": order}}
    told, _ = along(
        nodes=nodes, edges=[{"path": "x -> h[1..2] -> y"}], inference={"update": update}
    )
    # at the predictions alone y has an error; h1 gets one once h2 has moved
    first = {name: row[0] > 0 for name, row in told["clamped"].items()}
    assert first == {"h2": True, "h1": order == "even_first"}
