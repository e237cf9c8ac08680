"""Every function of a model says, as ValueError, which node, edge, phase or pass is not right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc
from tests.lowering.networks import Tree, batch, compiled, spec

MODEL = compiled()
STATE = MODEL.init_training(jax.random.key(0))
ORDER = np.zeros((2, 3), np.int32)
TRAINING = ("step", "train", "trajectories", "diagnose")
ENTRIES = (*TRAINING, "evaluate", "infer", "trace", "gradients", "energy", "predict")


def called(entry: str, given: Tree, params: Any = None) -> Any:
    """The model's function on these arrays, with fresh parameters or these."""
    state = STATE if params is None else replace(STATE, params=params)
    if entry in ("step", "trajectories", "diagnose"):
        return getattr(MODEL, entry)(state, given)
    if entry == "train":
        return MODEL.train(state, given, ORDER, 2)
    if entry == "evaluate":
        return MODEL.evaluate(state.params, None, given, np.ones(3))
    return getattr(MODEL, entry)(state.params, given)


def without(tree: Tree, name: str) -> Tree:
    return {key: value for key, value in tree.items() if key != name}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_missing_and_an_unknown_node_are_named(entry: str) -> None:
    given = {**batch(), "h": np.zeros((3, 3))}
    with pytest.raises(ValueError, match="node `x` is missing"):
        called(entry, without(given, "x"))
    with pytest.raises(ValueError, match="no node `nope`"):
        called(entry, {**given, "nope": given["x"]})
    with pytest.raises(ValueError, match=r"dictionary of arrays|no arrays"):
        called(entry, None)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_missing_edge_or_parameter_is_named(entry: str) -> None:
    given = {**batch(), "h": np.zeros((3, 3))}
    with pytest.raises(ValueError, match="`x->h` wants weight"):
        called(entry, given, without(STATE.params, "x->h"))
    half = {**STATE.params, "x->h": without(STATE.params["x->h"], "bias")}
    with pytest.raises(ValueError, match="`x->h` wants"):
        called(entry, given, half)


@pytest.mark.parametrize("entry", TRAINING)
def test_training_goes_on_from_the_whole_state_of_this_network_alone(entry: str) -> None:
    further = {**STATE.params, "a->b": STATE.params["x->h"]}
    with pytest.raises(ValueError, match="no edge `a->b`"):
        called(entry, batch(), further)
    rest = (ORDER, 2) if entry == "train" else ()
    with pytest.raises(ValueError, match="training goes on from"):
        getattr(MODEL, entry)(STATE.params, batch(), *rest)


@pytest.mark.parametrize("entry", ["infer", "trace", "energy"])
def test_an_unknown_phase_is_named_with_those_there_are(entry: str) -> None:
    given = {**batch(), "h": np.zeros((3, 3))}
    with pytest.raises(ValueError, match="no phase `nope`; there are: clamped"):
        getattr(MODEL, entry)(STATE.params, given, phase="nope")


def test_an_order_that_is_no_table_of_sample_numbers_is_refused() -> None:
    for order in (np.zeros((2, 3)), np.zeros(2, np.int32)):
        with pytest.raises(ValueError, match="`order` holds a row"):
            MODEL.train(STATE, batch(), order, 1)


def test_a_pass_that_cannot_be_disabled_is_named_with_those_that_can() -> None:
    for function in (pcc.check, pcc.compile):
        with pytest.raises(ValueError, match=r"`nope` is no pass .* `hoist`, `wavefront`"):
            function(spec(), disable=["hoist", "nope"])
        with pytest.raises(ValueError, match=r"write disable=\['hoist'\]"):
            function(spec(), disable="hoist")
