"""Networks with time, feedback and pass-through nodes against the NumPy oracle, to 1e-10."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given

import pccompiler as pcc
from tests.properties.programs import Tree, agree, by_time
from tests.strategies import Spec, examples
from tests.timed_strategies import (
    PREDICTIVE_CODING,
    SEPARATE,
    SUMMED,
    TimedCase,
    timed_cases,
)

TOLERANCE = 1e-10


def computed(case: TimedCase) -> Tree:
    """What the compiled network gives, as one program."""
    model, network = pcc.compile(case.spec), case.reference()
    params, batch = case.numbers()
    inputs = {node.name: batch[node.name] for node in network.with_role("input")}

    def program(params: Any, batch: Any, inputs: Any, states: Any) -> Tree:
        return {
            "trace": model.trace(params, batch),
            "gradients": model.gradients(params, batch),
            "prediction": model.predict(params, inputs),
            "energy": model.energy(params, states, batch),
        }

    return jax.jit(program)(params, batch, inputs, network.outward(case.states()))


def expected(case: TimedCase) -> Tree:
    """The same by the oracle."""
    network, (params, batch) = case.reference(), case.numbers()
    trace = network.trace(params, batch)
    held = network.held("input", "output")
    nodes = _by_sample(network.energies(params, case.states(), held))
    zero = np.zeros(case.batch_size)
    return {
        "trace": {
            "states": by_time([network.outward(states) for states in trace.states]),
            "energies": by_time([_by_sample(energies) for energies in trace.energies]),
        },
        "gradients": network.gradients(params, batch),
        "prediction": network.prediction(params, batch),
        "energy": {"nodes": nodes, "external": zero, "total": sum(nodes.values(), start=zero)},
    }


def _by_sample(energies: Tree) -> Tree:
    return {name: values.sum(axis=1) for name, values in energies.items()}


def compare(case: TimedCase) -> None:
    found, wanted = computed(case), expected(case)
    for energies, theirs in (
        (found["trace"]["energies"], wanted["trace"]["energies"]),
        (found["energy"]["nodes"], wanted["energy"]["nodes"]),
    ):
        for name, values in theirs.items():  # a node without a term may be left out
            if not values.any():
                energies.setdefault(name, values)
    agree(found, wanted, TOLERANCE)


@examples(11)
@given(timed_cases(forms=PREDICTIVE_CODING))
def test_predictive_coding_in_time_is_the_oracles(case: TimedCase) -> None:
    """States and energies after every step, gradients, predictions, energies of any states."""
    compare(case)


@examples(6)
@given(timed_cases(forms=SUMMED))
def test_bidirectional_networks_with_summed_errors_are_the_oracles(case: TimedCase) -> None:
    compare(case)


@examples(6)
@given(timed_cases(forms=SEPARATE))
def test_bidirectional_networks_with_separate_errors_are_the_oracles(case: TimedCase) -> None:
    compare(case)


SKIPPING: Spec = {
    "pcc": 1,
    "name": "skipping",
    "nodes": {
        "x": {"shape": [3], "role": "input"},
        "s1": {"shape": [4], "energy": "none"},
        "h1": {"shape": [4], "activation": "tanh"},
        "s2": {"shape": [4], "energy": "none"},
        "h2": {"shape": [4], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [
        {"from": "x", "to": "s1", "delay": 1},
        {"from": "h1", "to": "s1", "kind": "recurrent", "op": "identity"},
        {"from": "s1", "to": "h1"},
        {"from": "x", "to": "s2", "kind": "skip", "delay": 1},
        {"from": "h1", "to": "s2", "delay": 1},
        {"from": "h2", "to": "s2", "kind": "recurrent", "op": "identity"},
        {"from": "s2", "to": "h2"},
        {"from": "h2", "to": "y", "delay": 1},
        {"from": "h1", "to": "x", "kind": "feedback", "op": {"transpose_of": "x->s1"}},
        {"from": "h2", "to": "h1", "kind": "feedback", "op": {"transpose_of": "h1->s2"}},
        {
            "from": "h1",
            "to": "h1",
            "kind": "feedback",
            "delay": 1,
            "op": {"transpose_of": "s1->h1"},
        },
        {"from": "y", "to": "h2", "kind": "feedback", "op": {"transpose_of": "h2->y"}},
    ],
    "time": {"steps": 4, "targets": "last"},
    "energy": {"form": "bidirectional", "loss": "cross_entropy"},
    "inference": {"steps": 4, "optimizer": {"sgd": {"learning_rate": 0.1, "momentum": 0.5}}},
}
"""Sums of a bottom-up, a skip and a recurrent term, each with feedback on the same weights."""


@pytest.mark.parametrize("form", ["bidirectional", SEPARATE[1], "predictive_coding"], ids=str)
def test_a_network_of_sums_and_tied_feedback_is_the_oracles(form: Any) -> None:
    compare(TimedCase({**SKIPPING, "energy": {**SKIPPING["energy"], "form": form}}, 0))


def test_an_input_without_a_time_axis_is_the_same_at_every_time() -> None:
    model, case = pcc.compile(SKIPPING), TimedCase(SKIPPING, 0)
    params, batch = case.numbers()
    x = np.random.default_rng(0).normal(size=(2, 3))
    repeated = np.repeat(x[:, None], 4, axis=1)
    once = model.infer(params, {**batch, "x": x})
    agree(once, model.infer(params, {**batch, "x": repeated}), 1e-14)
    np.testing.assert_array_equal(once["x"], repeated)
