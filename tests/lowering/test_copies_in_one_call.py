"""All copies of a node in time are computed together, so a program does not grow with T."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc
from tests.lowering.networks import Tree, parameters

FORMS: Tree = {
    "predictive coding": "predictive_coding",
    "summed": "bidirectional",
    "separate": {"bidirectional": {"errors": "separate"}},
}


def network(steps: int, cycle: bool, form: Any, **sections: Any) -> pcc.CompiledModel:
    """An image convolved to h, which a dense edge, and a delayed one, turn into y."""
    edges: list[Tree] = [
        {"from": "x", "to": "h", "op": {"conv": {"channels": 2, "kernel": 3}}},
        {"from": "h", "to": "y", "op": ["flatten", "dense"]},
        {"from": "h", "to": "y", "op": ["flatten", "dense"], "delay": 1, "name": "late"},
        {"from": "h", "to": "x", "kind": "feedback", "op": {"transpose_of": "x->h"}},
        {"from": "y", "to": "h", "kind": "feedback", "op": {"transpose_of": "late"}},
    ]
    if cycle:
        again = {"conv": {"channels": 2, "kernel": 1}}
        edges.append({"from": "h", "to": "h", "kind": "recurrent", "op": again})
    nodes = {
        "x": {"shape": [4, 4, 1], "role": "input"},
        "h": {"activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    }
    start: Tree = {"pcc": 1, "name": "network", "nodes": nodes, "edges": edges}
    time = {"steps": steps, "targets": "every"}
    return pcc.compile({**start, "time": time, "energy": {"form": form}, **sections})


def products(model: pcc.CompiledModel, what: str = "gradients") -> dict[str, int]:
    """How many matrix products and convolutions stand in the program, loops written once."""
    steps = model.graph.copies
    given = {"x": np.zeros((2, steps, 4, 4, 1)), "y": np.zeros((2, steps, 2))}
    program = str(jax.make_jaxpr(getattr(model, what))(parameters(model), given))
    return {name: program.count(name + "[") for name in ("dot_general", "conv_general_dilated")}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("rule", ["predictive_coding", "backprop"])
def test_without_cycles_two_time_steps_need_as_many_products_as_eight(form: Any, rule: str) -> None:
    learning = {"rule": rule}
    few, many = (products(network(t, False, form, learning=learning)) for t in (2, 8))
    assert few == many
    assert min(few.values()) > 0


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_with_cycles_the_relaxation_does_not_grow_either(form: Any) -> None:
    """From a start at zero there is no feedforward pass, which goes through a cycle in time."""
    sections = {"inference": {"init": "zeros"}}
    few, many = (products(network(t, True, form, **sections)) for t in (2, 8))
    assert few == many


def test_a_feedforward_pass_takes_the_edges_of_a_cycle_time_by_time_and_no_others() -> None:
    """A pass alone, as backprop predicts by it: a product more per time step for the cycle."""
    sections = {"learning": {"rule": "backprop"}}
    few, many = (
        products(network(t, True, "predictive_coding", **sections), "infer") for t in (2, 8)
    )
    assert many["conv_general_dilated"] - few["conv_general_dilated"] == 6
    assert many["dot_general"] == few["dot_general"]
