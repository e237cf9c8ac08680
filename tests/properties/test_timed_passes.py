"""Passes, nudged rules and backpropagation on generated networks with time and feedback."""

from __future__ import annotations

from random import Random
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pccompiler as pcc
from pccompiler.lowering.scores import sample_loss
from pccompiler.lowering.states import at_all_times
from pccompiler.passes import OPTIONAL
from tests.properties.programs import Tree, agree
from tests.strategies import Spec, examples
from tests.timed_strategies import PREDICTIVE_CODING, SEPARATE, SUMMED, TimedCase, timed_spec

NUDGES: tuple[Spec, ...] = tuple(
    {"predictive_coding": {"output": "nudge", "beta": beta, "variant": variant}}
    for beta, variant in ((0.1, "centred"), (0.4, "positive"), (0.1, "negative"))
)
SMOOTH = ("identity", "tanh", "sigmoid", "softplus")
STEP = 1e-5


def cases(rules: tuple[Any, ...], **how: Any) -> st.SearchStrategy[TimedCase]:
    """Generated networks under one of these rules."""

    def case(seed: int) -> TimedCase:
        random = Random(seed)
        spec = timed_spec(random, **how)
        spec["learning"] = {"rule": random.choice(rules)}
        return TimedCase(spec, seed % 2**16)

    return st.integers(0, 2**32 - 1).map(case)


def computed(case: TimedCase, disable: tuple[str, ...] = ()) -> Tree:
    """States and energies after every step of every phase, gradients and predictions."""
    model = pcc.compile(case.spec, disable=disable)
    params, batch = case.numbers()
    inputs = {name: batch[name] for name in model.graph.inputs}
    phases = [planned.name for planned in model.plan.phases]

    def program(params: Any, batch: Any, inputs: Any) -> Tree:
        return {
            "traces": {name: model.trace(params, batch, phase=name) for name in phases},
            "gradients": model.gradients(params, batch),
            "prediction": model.predict(params, inputs),
        }

    return jax.jit(program)(params, batch, inputs)


def unchanged(case: TimedCase) -> None:
    agree(computed(case, OPTIONAL), computed(case), 1e-10)


@pytest.mark.parametrize("rule", ["clamped", "nudged", "backprop"])
@pytest.mark.parametrize(
    "forms", [PREDICTIVE_CODING, SUMMED, SEPARATE], ids=["predictive coding", "summed", "separate"]
)
def test_the_passes_change_no_number(rule: str, forms: tuple[Any, ...]) -> None:
    rules = {"clamped": ("predictive_coding",), "nudged": NUDGES, "backprop": ("backprop",)}[rule]

    @examples(3)
    @given(cases(rules, forms=forms))
    def holds(case: TimedCase) -> None:
        unchanged(case)

    holds()


@examples(8)
@given(cases(("backprop",), activations=SMOOTH))
def test_backprop_is_the_finite_difference_of_the_predictions_loss(case: TimedCase) -> None:
    """Through a feedforward pass, or step by step through a relaxation."""
    model = pcc.compile(case.spec)
    params, batch = case.numbers()
    inputs = {name: batch[name] for name in model.graph.inputs}

    def loss(params: Any) -> Any:
        states = model.infer(params, inputs, phase="prediction")
        targets = at_all_times(model.graph, batch)
        return sample_loss(model.plan, targets, states).mean()

    rng = np.random.default_rng(case.seed)
    direction = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), params)
    moved = jax.jit(lambda s: loss(jax.tree.map(lambda p, d: p + s * d, params, direction)))
    measured = float((moved(STEP) - moved(-STEP)) / (2 * STEP))
    gradient = jax.jit(model.gradients)(params, batch)
    products = jax.tree.map(lambda g, d: (g * d).sum(), gradient, direction)
    found = float(sum(jax.tree.leaves(products)))
    np.testing.assert_allclose(found, measured, rtol=1e-6, atol=1e-7)


@examples(5)
@given(cases(NUDGES, activations=SMOOTH))
def test_a_nudged_gradient_is_the_contrast_of_energies_at_its_phases_ends(case: TimedCase) -> None:
    """sum_k c_k dF_k/dparams by finite differences of `model.energy`, with the rule's c_k."""
    model = pcc.compile(case.spec)
    params, batch = case.numbers()
    [options] = [rule["predictive_coding"] for rule in [case.spec["learning"]["rule"]]]
    beta, variant = options["beta"], options["variant"]
    first, second, factor = {
        "centred": ("nudged", "nudged_negative", 1 / (2 * beta)),
        "positive": ("nudged", "free", 1 / beta),
        "negative": ("free", "nudged_negative", 1 / beta),
    }[variant]
    ends = {name: model.infer(params, batch, phase=name) for name in (first, second)}
    rng = np.random.default_rng(case.seed)
    direction = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), params)

    def contrast(s: float) -> Any:
        moved = jax.tree.map(lambda p, d: p + s * d, params, direction)
        one, two = (
            model.energy(moved, ends[name], batch, phase=name)["total"].mean()
            for name in (first, second)
        )
        return factor * (one - two)

    measured = float((contrast(STEP) - contrast(-STEP)) / (2 * STEP))
    products = jax.tree.map(lambda g, d: (g * d).sum(), model.gradients(params, batch), direction)
    np.testing.assert_allclose(
        float(sum(jax.tree.leaves(products))), measured, rtol=1e-5, atol=1e-6
    )
