"""Metrics stand under the names of the nodes that they belong to, whatever the names are.

JAX hands a dictionary back sorted by its keys; `image`, `h`, `class` and `h1 .. h10` are names
whose forward order is not that order.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from tests.lowering.networks import Tree, close

IMAGE, CLASS, SIZE = 5, 3, 4

RULES: dict[str, Any] = {
    "predictive_coding": "predictive_coding",
    "nudged": {"predictive_coding": {"output": "nudge"}},
    "centred": {"equilibrium_propagation": {"beta": 0.1, "variant": "centred"}},
    "backprop": "backprop",
}


def model_with(rule: Any, hidden: str = "h", **sections: Any) -> pcc.CompiledModel:
    spec = {
        "pcc": 1,
        "name": "named",
        "nodes": {
            "image": {"shape": [IMAGE], "role": "input"},
            hidden: {"shape": [4], "activation": "tanh"},
            "class": {"shape": [CLASS], "role": "output"},
        },
        "edges": [{"path": f"image -> {hidden} -> class"}],
        "inference": {"optimizer": {"sgd": {"learning_rate": 0.1}}, "steps": 12},
        "learning": {"rule": rule},
        **sections,
    }
    return pcc.compile(spec)


def batch() -> Tree:
    rng = np.random.default_rng(2)
    return {"image": rng.normal(size=(SIZE, IMAGE)), "class": 3 * rng.normal(size=(SIZE, CLASS))}


def mean_energies(model: pcc.CompiledModel, params: Any) -> dict[str, dict[str, float]]:
    """By phase and node, from states and energies asked for one phase at a time."""
    found: dict[str, dict[str, float]] = {}
    for plan in model.plan.phases:
        phase = plan.name
        states = model.infer(params, batch(), phase=phase)
        nodes = model.energy(params, states, batch(), phase=phase)["nodes"]
        found[phase] = {name: float(energy.mean()) for name, energy in nodes.items()}
    return found


def norm(tree: Any) -> Any:
    return jnp.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(tree)))


@pytest.mark.parametrize(
    ("rule", "hidden"),
    [
        *((rule, "h") for rule in sorted(RULES.keys() - {"backprop"})),  # there they are zero
        ("predictive_coding", "h[1..10]"),
    ],
)
def test_each_node_energy_is_that_of_the_node_of_its_name(rule: str, hidden: str) -> None:
    model = model_with(RULES[rule], hidden)
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    expected = mean_energies(model, state.params)
    for nodes in expected.values():  # free phases apart, a swap would be seen
        values = sorted(value for value in nodes.values() if value > 1e-9)
        assert all(a < 0.999 * b for a, b in pairwise(values))
    _, metrics = model.step(state, batch())
    close(metrics["node_energy"], expected)
    gradient = model.gradients(state.params, batch())
    for edge in model.graph.edges:
        close(metrics["gradient_norm"][edge.target], norm(gradient[edge.name]))


@pytest.mark.parametrize("rule", RULES)
def test_so_it_is_in_the_rows_of_many_steps_and_along_the_relaxation(rule: str) -> None:
    model = model_with(RULES[rule])
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    _, single = model.step(state, batch())
    order = np.arange(SIZE, dtype=np.int32)[None]
    _, rows, _ = model.train(state, batch(), order, 1)
    close(jax.tree.map(lambda row: row[0], rows), single, 1e-13)
    for phase, nodes in model.trajectories(state, batch())["energy"].items():
        ends = {name: row[-1] for name, row in nodes.items()}
        close(ends, mean_energies(model, state.params)[phase])


def test_the_first_node_of_the_forward_order_is_blamed_for_numbers_that_are_not_finite() -> None:
    """A broken edge into `h` is seen in `class`, which comes first by the alphabet, too."""
    model = model_with("predictive_coding")
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    broken = jax.tree.map(lambda leaf: leaf * np.nan, state.params["image->h"])
    blame = model.diagnose(replace(state, params={**state.params, "image->h": broken}), batch())
    assert blame is not None
    assert (blame.node, blame.step) == ("h", 1)


def test_the_phase_that_runs_first_is_blamed() -> None:
    """Centred equilibrium propagation runs `free` before `nudged` and its negative; every phase
    of a network with a broken edge is broken."""
    model = model_with(RULES["centred"])
    state = model.init_training(jax.random.key(0), dtype=jnp.float64)
    broken = jax.tree.map(lambda leaf: leaf * np.nan, state.params["image->h"])
    blame = model.diagnose(replace(state, params={**state.params, "image->h": broken}), batch())
    assert blame is not None
    assert blame.phase == model.plan.phases[0].name
