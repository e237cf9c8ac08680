"""Finite differences of `model.energy` against what inference and learning descend.

Convolutions, a sum that passes through, and feedback, under every form and every energy of a
node.
"""

from __future__ import annotations

from functools import cache

import jax
import numpy as np
import pytest

import pccompiler as pcc
from pccompiler.components.energies import NODE_ENERGIES
from pccompiler.components.forms import FORMS
from tests.lowering.networks import Tree, parameters
from tests.lowering.test_derivatives import along, directions, finite_difference

EVERY_FORM: Tree = {
    "predictive coding": "predictive_coding",
    "summed": {"bidirectional": {"errors": "summed"}},
    "separate": {"bidirectional": {"errors": "separate"}},
    "weighted": {
        "bidirectional": {"errors": "separate", "forward_weight": 0.3, "feedback_weight": 1.7}
    },
}
EVERY_ENERGY: Tree = {
    "gaussian": "gaussian",
    "laplace": "laplace",
    "huber": {"huber": 0.7},
    "bernoulli": {"bernoulli": "logits"},
    "categorical": {"categorical": "logits"},
    "none": "none",
}
"""Of the free node g; with `none` it passes its prediction through."""

EXCEPT_GAUSSIAN = [name for name in EVERY_ENERGY if name not in ("gaussian", "none")]
CASES = [
    pytest.param(form, energy, steps, id=f"{form}-{energy}-{f'{steps} times' if steps else ''}")
    for form in EVERY_FORM
    for energy in EVERY_ENERGY
    if not (form == "summed" and energy in EXCEPT_GAUSSIAN)  # defined for gaussian nodes alone
    for steps in ((None, 3) if energy in ("gaussian", "none") else (None,))
]


@cache
def network(form: str, energy: str, steps: int | None) -> pcc.CompiledModel:
    """x -conv-> s -> h -> g -> y with a skip into the sum s, feedback and, in time, memory."""
    nodes = {
        "x": {"shape": [5, 4, 1], "role": "input"},
        "s": {"shape": [3, 2, 2], "energy": "none"},
        "h": {"shape": [3, 2, 2], "activation": "tanh"},
        "g": {"shape": [3], "activation": "sigmoid", "energy": EVERY_ENERGY[energy]},
        "y": {"shape": [2], "role": "output"},
    }
    convolution = {"conv": {"channels": 2, "kernel": 3, "stride": 2, "padding": 1}}
    own = [{"dense": {"units": 12}}, {"reshape": [3, 2, 2]}]
    edges: list[Tree] = [
        {"from": "x", "to": "s", "op": convolution},
        {"from": "s", "to": "h", "op": ["tanh", {"conv": {"channels": 2, "kernel": 1}}]},
        {"from": "x", "to": "s", "kind": "skip", "op": convolution, "name": "beside"},
        {"from": "h", "to": "g", "op": ["flatten", "dense"]},
        {"from": "g", "to": "y"},
        {"from": "h", "to": "x", "kind": "feedback", "op": {"transpose_of": "x->s"}},
        {"from": "y", "to": "h", "kind": "feedback", "op": own, "gain": 0.6},
    ]
    if steps:
        again = {"conv": {"channels": 2, "kernel": 1}}
        edges.append({"from": "h", "to": "s", "kind": "recurrent", "op": again})
    if energy != "none":
        edges.append({"from": "y", "to": "g", "kind": "feedback", "op": {"transpose_of": "g->y"}})
    start: Tree = {"pcc": 1, "name": "network", "nodes": nodes, "edges": edges}
    energies = {"form": EVERY_FORM[form], "precision": {"per_node": {"h": 0.6, "g": 1.4}}}
    inference = {"steps": 1, "init": "zeros", "optimizer": {"sgd": {"learning_rate": 1.0}}}
    sections = {"time": {"steps": steps}} if steps else {}
    return pcc.compile({**start, "energy": energies, "inference": inference, **sections})


def arrays(model: pcc.CompiledModel) -> Tree:
    """Arbitrary states of all nodes."""
    rng, times = np.random.default_rng(1), (model.graph.copies,) if model.graph.time else ()
    return {
        node.name: rng.normal(size=(2, *times, *(node.shape or ())))
        for node in model.graph.variables
    }


@pytest.mark.parametrize(("form", "energy", "steps"), CASES)
def test_an_inference_step_goes_down_the_slope_of_the_energy(
    form: str, energy: str, steps: int | None
) -> None:
    """With a rate of 1 from given states, x_after - x_before = - dF/dx."""
    model = network(form, energy, steps)
    params, states = parameters(model), arrays(model)
    given = {name: states[name] for name in ("x", "y")}
    after = model.infer(params, given, states=states)
    slope = {name: states[name] - after[name] for name in states}
    direction = directions(states)
    for name in model.plan.phases[0].clamped:
        if name not in model.plan.phases[0].free:
            direction[name] = 0 * states[name]
        else:  # an output is clamped at the last time
            direction[name][:, -1] = 0
    measured = finite_difference(
        jax.jit(lambda x: model.energy(params, x)["total"].sum()), states, direction
    )
    np.testing.assert_allclose(along(slope, direction), measured, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(("form", "energy", "steps"), CASES)
def test_learning_descends_the_slope_of_the_energy(
    form: str, energy: str, steps: int | None
) -> None:
    model = network(form, energy, steps)
    params, states = parameters(model), arrays(model)
    given = {name: states[name] for name in ("x", "y")}
    settled = model.infer(params, given)
    direction = directions(params)
    measured = finite_difference(
        jax.jit(lambda p: model.energy(p, settled)["total"].mean()), params, direction
    )
    found = along(model.gradients(params, given), direction)
    np.testing.assert_allclose(found, measured, rtol=1e-7, atol=1e-7)


def test_every_form_and_every_energy_of_a_node_is_tested() -> None:
    assert {member.name for member in NODE_ENERGIES} == set(EVERY_ENERGY)
    names = {"predictive_coding", *(next(iter(f)) for f in list(EVERY_FORM.values())[1:])}
    # couplings have no energies of nodes: tests/properties/test_hopfield_networks.py
    assert {member.name for member in FORMS if not member.undirected} == names
