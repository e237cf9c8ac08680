"""Model functions are pure: any batch, any transformation, any dtype, arguments intact."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

import pccompiler as pcc
from tests.properties.programs import agree, everything, run
from tests.strategies import Case, cases, examples

SPEC: dict[str, Any] = {
    "pcc": 1,
    "name": "small",
    "nodes": {
        "image": {"shape": [2, 2], "role": "input"},
        "h": {"shape": [3], "activation": "tanh"},
        "label": {"shape": [2], "role": "output"},
    },
    "edges": [
        {"from": "image", "to": "h", "op": ["flatten", "dense"]},
        {"from": "h", "to": "label"},
        {"from": "image", "to": "label", "kind": "skip", "op": ["flatten", "dense"]},
    ],
    "inference": {"optimizer": "adam", "steps": 4},
}
RULES = (
    "predictive_coding",
    {"predictive_coding": {"output": "nudge", "beta": 0.2}},
    "backprop",
)

every_rule = pytest.mark.parametrize("rule", RULES, ids=["clamp", "nudge", "backprop"])


def case_of(rule: Any, seed: int = 0, **energy: Any) -> Case:
    return Case({**SPEC, "learning": {"rule": rule}, "energy": energy}, seed)


@examples(3)
@given(cases(batch_size=3))
def test_a_sample_alone_gives_what_it_gives_among_batch_mates(case: Case) -> None:
    model = pcc.compile(case.spec)
    params, batch = case.numbers()
    together = everything(model, params, batch)
    alone = everything(model, params, {name: values[1:2] for name, values in batch.items()})
    # (steps + 1, batch, ...) in traces, (batch, ...) in predictions
    one = jax.tree.map(lambda leaf: leaf[:, 1:2], together["traces"])
    agree(alone["traces"], one, 1e-12)
    agree(
        alone["predictions"], jax.tree.map(lambda leaf: leaf[1:2], together["predictions"]), 1e-12
    )


@every_rule
def test_the_gradient_of_a_batch_is_the_mean_of_its_samples(rule: Any) -> None:
    model, (params, batch) = pcc.compile(case_of(rule).spec), case_of(rule).numbers()
    one_by_one = [
        model.gradients(params, {name: values[i : i + 1] for name, values in batch.items()})
        for i in range(3)
    ]
    mean = jax.tree.map(lambda *leaves: sum(leaves) / 3, *one_by_one)
    agree(model.gradients(params, batch), mean, 1e-12)


@every_rule
def test_functions_give_the_same_called_plainly_and_under_jit(rule: Any) -> None:
    model, (params, batch) = pcc.compile(case_of(rule).spec), case_of(rule).numbers()
    program = run(case_of(rule))
    agree(model.gradients(params, batch), program["gradients"], 1e-12)
    agree(model.predict(params, batch), program["predictions"], 1e-12)
    for name, trace in program["traces"].items():
        agree(model.trace(params, batch, phase=name), trace, 1e-12)
        last = jax.tree.map(lambda leaf: leaf[-1], trace["states"])
        agree(model.infer(params, batch, phase=name), last, 1e-12)


@every_rule
def test_vmap_over_parameters_and_batches_is_a_loop_over_them(rule: Any) -> None:
    model = pcc.compile(case_of(rule).spec)
    numbers = [case_of(rule, seed).numbers() for seed in (1, 2)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *numbers)
    for function in (model.infer, model.gradients, model.predict):
        mapped = jax.vmap(function)(*stacked)
        looped = jax.tree.map(lambda *leaves: np.stack(leaves), *(function(*n) for n in numbers))
        agree(mapped, looped, 1e-12)


@every_rule
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_is_computed_in_the_dtype_of_the_parameters(rule: Any, dtype: str) -> None:
    model = pcc.compile(case_of(rule, loss="cross_entropy").spec)
    params, batch = case_of(rule, loss="cross_entropy").numbers()
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), params)
    other = "float64" if dtype == "float32" else "float32"
    batch = {name: jnp.asarray(values, other) for name, values in batch.items()}
    results = everything(model, params, batch)
    states = model.infer(params, batch)
    energy = model.energy(params, states, batch)
    for leaf in jax.tree.leaves((results, states, energy)):
        assert leaf.dtype == dtype


@every_rule
def test_initial_parameters_have_the_dtype_asked_for_and_depend_on_the_key(rule: Any) -> None:
    model = pcc.compile(case_of(rule).spec)
    expected, _ = case_of(rule).numbers()
    for dtype in ("float32", "float64"):
        params = model.init(jax.random.key(0), dtype=jnp.dtype(dtype))
        assert {str(leaf.dtype) for leaf in jax.tree.leaves(params)} == {dtype}
        assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, expected)
    weights = [model.init(jax.random.key(seed))["h->label"]["weight"] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.any(weights[0] == weights[2])


@every_rule
def test_pure_functions_leave_their_arguments_intact(rule: Any) -> None:
    model, numbers = pcc.compile(case_of(rule).spec), case_of(rule).numbers()
    params, batch = jax.tree.map(jnp.asarray, numbers)
    states = model.infer(params, batch)
    model.trace(params, batch)
    model.gradients(params, batch)
    model.predict(params, batch)
    model.energy(params, states, batch)
    for leaf, before in zip(
        jax.tree.leaves((params, batch)), jax.tree.leaves(numbers), strict=True
    ):
        assert not leaf.is_deleted()
        np.testing.assert_array_equal(leaf, before)
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(states))


def test_the_derivative_of_the_summed_prediction_is_finite_and_not_zero() -> None:
    case = case_of("predictive_coding")
    model, (params, batch) = pcc.compile(case.spec), case.numbers()
    gradient = jax.grad(lambda p: model.predict(p, batch)["label"].sum())(params)
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()
        assert np.any(leaf != 0)
