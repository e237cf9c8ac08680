"""Gradients of compiled networks against finite differences of their own energy and loss."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

import pccompiler as pcc
from tests.properties.programs import agree
from tests.reference.activations import SMOOTH
from tests.strategies import CLAMP, Case, cases, examples, nudges

STEP = 1e-5


def differences(function: Any, tree: Any) -> Any:
    """Central differences of a scalar function by every entry of a tree, as one program."""
    flat, unravel = ravel_pytree(tree)

    @jax.jit
    def all_entries(flat):
        shifts = STEP * jnp.eye(flat.size)
        values = jax.vmap(lambda point: function(unravel(point)))
        return (values(flat + shifts) - values(flat - shifts)) / (2 * STEP)

    return unravel(all_entries(flat))


def contrast(rule: Any) -> dict[str, float]:
    """The factors on dF/dparams of the phases: by hand, from the definition of the rule."""
    if rule == CLAMP:
        return {"clamped": 1.0}
    options = rule["predictive_coding"]
    beta = options["beta"]
    return {
        "positive": {"nudged": 1 / beta, "free": -1 / beta},
        "negative": {"free": 1 / beta, "nudged_negative": -1 / beta},
        "centred": {"nudged": 1 / (2 * beta), "nudged_negative": -1 / (2 * beta)},
    }[options["variant"]]


@examples(3)
@given(cases(activations=SMOOTH, rules=st.one_of(st.just(CLAMP), nudges())))
def test_the_gradient_contrasts_finite_differences_of_the_energy_at_fixed_states(
    case: Case,
) -> None:
    model = pcc.compile(case.spec)
    params, batch = case.numbers()
    terms = []
    for phase, factor in contrast(case.spec["learning"]["rule"]).items():
        states = model.infer(params, batch, phase=phase)

        def energy(p: Any, states: Any = states, phase: str = phase) -> Any:
            return model.energy(p, states, batch, phase=phase)["total"].mean()

        numeric = differences(energy, jax.tree.map(jnp.asarray, params))
        terms.append(jax.tree.map(lambda leaf, factor=factor: factor * leaf, numeric))
    total = jax.tree.map(lambda *leaves: sum(leaves), *terms)
    agree(model.gradients(params, batch), total, 1e-6)


@examples(3)
@given(cases(activations=SMOOTH, rules=st.just("backprop")))
def test_backprop_is_the_finite_difference_of_the_loss_of_the_prediction(case: Case) -> None:
    """Also where the prediction is a relaxation, through which it differentiates."""
    model, network = pcc.compile(case.spec), case.reference()
    params, batch = case.numbers()

    def loss(p: Any) -> Any:
        outputs = model.predict(p, {name: batch[name] for name in network.inputs})
        return sum(_loss(network.loss, batch[n], outputs[n]).mean() for n in network.outputs)

    numeric = differences(loss, jax.tree.map(jnp.asarray, params))
    agree(model.gradients(params, batch), numeric, 1e-6)


@examples(3)
@given(cases(rules=st.one_of(st.just(CLAMP), nudges())))
def test_energy_of_given_states_is_the_references(case: Case) -> None:
    model, network = pcc.compile(case.spec), case.reference()
    params, batch = case.numbers()
    rng = np.random.default_rng(case.seed)
    states = {n: rng.normal(size=(case.batch_size, *v.shape)) for n, v in network.nodes.items()}
    for name, phase in network.phases.items():
        states.update({clamped: batch[clamped] for clamped in phase.clamped})
        nodes = network.node_energies(params, states, phase)
        external = network.external_energy(states, batch, phase)
        wanted = {"nodes": nodes, "external": external, "total": external + sum(nodes.values())}
        agree(model.energy(params, states, batch, phase=name), wanted, 1e-12)


def _loss(name: str, target: Any, prediction: Any) -> Any:
    axes = tuple(range(1, prediction.ndim))
    if name == "squared_error":
        return 0.5 * ((target - prediction) ** 2).sum(axis=axes)
    log_sum = jax.scipy.special.logsumexp(prediction, axis=-1, keepdims=True)
    return (target * (log_sum - prediction)).sum(axis=axes)
