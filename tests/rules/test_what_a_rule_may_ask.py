"""The answers that a rule may ask for, one by one, against NumPy on a random network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from pccompiler.components.initializers import Ones
from pccompiler.components.optimizers import Momentum
from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.rules import Rule
from pccompiler.components.rules.contract import Estimator, Evidence, OwnArray, OwnArrays
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.theory import Claim, Unbiased
from pccompiler.components.vocabulary import Params
from pccompiler.lowering.evidence import TrainingEvidence
from tests.registration import registered
from tests.rules.dense_networks import (
    DenseNetwork,
    as_numpy,
    data_for,
    largest_difference,
    random_network,
)


@dataclass(frozen=True)
class Slope(Estimator):
    """(dL/dparams . v) v for a normal direction v: unbiased (Baydin et al. 2022)."""

    reads_targets: ClassVar[bool] = True

    def describe(self) -> str:
        return "(dL/dparams . v) v"

    def gradient(self, evidence: Evidence) -> Params:
        direction = normal_like(evidence.params, evidence.random_key)
        slope = evidence.loss_along(params=direction).mean()
        return jax.tree.map(lambda v: slope * v, direction)

    def own_gradient(self, evidence: Evidence) -> Mapping[str, Any]:
        return {owner: {"gain": 2 * own["gain"]} for owner, own in evidence.own.items()}


class ForwardGradient(Rule):
    """The directional derivative of the loss along a random direction, times it."""

    name: ClassVar[str] = "test_forward_gradient"
    phase_names: ClassVar[tuple[str, ...]] = ("free",)

    def phases(self, network: Network) -> tuple[Phase, ...]:
        return (Phase("free", PhaseKind.FORWARD, clamped=network.inputs),)

    def own(self, network: Network) -> OwnArrays:
        learned = OwnArray((2,), Ones(), Momentum(learning_rate=0.1, momentum=0.5))
        return {network.outputs[0]: {"gain": learned, "fixed": OwnArray((3,), Ones())}}

    def estimator(self, network: Network) -> Estimator:
        return Slope()

    def reported_phase(self) -> str:
        return "free"

    def theory(self, network: Network) -> tuple[Claim, ...]:
        return (Unbiased(),)


def normal_like(params: Params, key: Callable[..., Any]) -> Any:
    return {
        edge: {
            name: jax.random.normal(key("direction", edge, name), leaf.shape, leaf.dtype)
            for name, leaf in table.items()
        }
        for edge, table in params.items()
    }


def evidence_on(seed: int) -> tuple[DenseNetwork, TrainingEvidence, Any, Any]:
    """A random network, the evidence of a step of backpropagation on it, and its data."""
    network = random_network(seed)
    model = pcc.compile(network.spec | {"learning": {"rule": "backprop"}})
    params = model.init(jax.random.key(seed), jnp.float64)
    x, y = data_for(network, seed)
    batch = {"x": jnp.asarray(x), "y": jnp.asarray(y)}
    evidence = TrainingEvidence(model.plan, params, batch, jax.random.key(1))
    return network, evidence, x, y


def loss_of(network: DenseNetwork, params: Any, x: Any, y: Any, shifts: Any = None) -> Any:
    states: dict[str, Any] = {"x": x}
    for node in network.sizes:
        if node == "x":
            continue
        total = network.arriving(params, states, node)
        if shifts and node in shifts:
            total = total + shifts[node]
        states[node] = total if node == "y" else np.tanh(total)
    return 0.5 * ((states["y"] - y) ** 2).sum(axis=1)


@pytest.mark.parametrize("seed", range(2))
def test_states_predictions_and_slopes_are_those_of_the_pass(seed: int) -> None:
    network, evidence, x, _ = evidence_on(seed)
    states, slopes = network.forward(as_numpy(evidence.params), x)
    for node in network.sizes:
        if node == "x":
            continue
        np.testing.assert_allclose(evidence.states("free")[node], states[node], atol=1e-12)
        np.testing.assert_allclose(evidence.prediction(node, "free"), states[node], atol=1e-12)
        np.testing.assert_allclose(evidence.slopes(node, "free"), slopes[node], atol=1e-12)


def test_the_loss_with_other_parameters_and_with_shifts_is_that_of_such_a_pass() -> None:
    network, evidence, x, y = evidence_on(0)
    params = as_numpy(evidence.params)
    other = {e: {n: p + 0.1 for n, p in t.items()} for e, t in params.items()}
    rng = np.random.default_rng(0)
    shifts = {node: rng.normal(size=(len(x), network.sizes[node])) for node in ("h0", "y")}
    jax_shifts = {node: jnp.asarray(shift) for node, shift in shifts.items()}
    np.testing.assert_allclose(evidence.loss(), loss_of(network, params, x, y), atol=1e-12)
    found = evidence.loss(jax.tree.map(jnp.asarray, other), jax_shifts)
    np.testing.assert_allclose(found, loss_of(network, other, x, y, shifts), atol=1e-12)


def test_the_slope_of_the_loss_is_that_of_finite_differences() -> None:
    network, evidence, x, y = evidence_on(1)
    params = as_numpy(evidence.params)
    along = as_numpy(normal_like(evidence.params, evidence.random_key))
    rng = np.random.default_rng(0)
    shift = {"h1": rng.normal(size=(len(x), network.sizes["h1"]))}
    found = evidence.loss_along(jax.tree.map(jnp.asarray, along), {"h1": jnp.asarray(shift["h1"])})

    def at(step: float) -> Any:
        moved = {e: {n: p + step * along[e][n] for n, p in t.items()} for e, t in params.items()}
        return loss_of(network, moved, x, y, {"h1": step * shift["h1"]})

    expected = (at(1e-6) - at(-1e-6)) / 2e-6
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


def test_a_rule_of_a_test_has_its_gradient_its_arrays_and_their_optimiser() -> None:
    network = random_network(0)
    x, y = data_for(network, 0)
    batch = {"x": x, "y": y}
    with registered(ForwardGradient, "rule"):
        model = pcc.compile(network.spec | {"learning": {"rule": ForwardGradient.name}})
        state = model.init_training(jax.random.key(0), dtype=jnp.float64, batch_size=5)
        key = jax.random.key(9)
        found = model.gradients(state.params, batch, aux=state.aux, key=key)
        after, _ = model.step(state, batch)
        again, _ = model.step(after, batch)
    backprop = pcc.compile(network.spec | {"learning": {"rule": "backprop"}})
    exact = backprop.gradients(state.params, batch)

    def named(*names: str) -> Any:
        from pccompiler.lowering.randomness import named_key

        return named_key(key, *names)

    direction = normal_like(state.params, named)
    pairs = zip(jax.tree.leaves(exact), jax.tree.leaves(direction), strict=True)
    slope = sum(float((g * v).sum()) for g, v in pairs)
    expected = jax.tree.map(lambda v: slope * v, direction)
    assert largest_difference(as_numpy(found), as_numpy(expected)) < 1e-12
    # the gain descends gain^2 with momentum: 1, 1 - .1*2, ...
    first = 1 - 0.1 * 2
    second = first - 0.1 * (0.5 * 2 + 2 * first)
    for step, gain in ((state, 1.0), (after, first), (again, second)):
        own = step.aux["rule"]["arrays"]["y"]
        np.testing.assert_allclose(own["gain"], [gain] * 2, rtol=1e-12)
        np.testing.assert_array_equal(own["fixed"], np.ones(3))
