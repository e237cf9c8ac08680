"""When predictive coding is backpropagation, and how fast it becomes it.

At the minimum x* of F = E + beta C of an energy-nudged network, a node's error is
-beta times backprop's error plus O(beta^2), so that (dF_beta - dF_0) / beta is the gradient
of the loss up to O(beta), and (dF_beta - dF_-beta) / (2 beta) up to O(beta^2), whatever the
precisions. A clamped output has no such limit. Scellier & Bengio 2017; Laborieux et al. 2021.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import numpy as np
from hypothesis import assume, given

import pccompiler as pcc
from tests.reference.activations import SMOOTH
from tests.reference.energy_network import EnergyNetwork
from tests.reference.network import leaves
from tests.strategies import CLAMP, Case, cases, examples

BETAS = (0.02, 0.01, 0.005)
FLOOR = 1e-9
"""Relative errors below this are rounding and what is left of the relaxation."""

MOMENTUM = {"sgd": {"learning_rate": 0.03, "momentum": 0.9}}
SMOOTH_NETWORKS: dict[str, Any] = {
    "activations": SMOOTH,
    "free_roots": False,
    "inits": ("feedforward",),
    "most_nodes": 6,
}


def relaxed(case: Case, rule: Any) -> dict[str, Any]:
    """The same network under a rule, with steps that leave no residual."""
    inference = {"init": "feedforward", "optimizer": MOMENTUM, "steps": 4000}
    return {**case.spec, "inference": inference, "learning": {"rule": rule}}


def nudge(beta: float, variant: str) -> dict[str, Any]:
    return {"predictive_coding": {"output": "nudge", "beta": beta, "variant": variant}}


def vector(tree: Any) -> np.ndarray:
    return np.concatenate([leaf.ravel() for leaf in leaves(tree).values()])


def residual(spec: dict[str, Any], model: pcc.CompiledModel, params: Any, batch: Any) -> float:
    """The largest |dF/dx| at the end of the last phase, by the reference's formulas."""
    network = EnergyNetwork(spec)
    name, phase = list(network.phases.items())[-1]
    states = {n: np.asarray(x) for n, x in model.infer(params, batch, phase=name).items()}
    gradient = network.state_gradient(params, states, batch, phase)
    return max(np.abs(g).max() for g in gradient.values())


def relative_errors(case: Case, variant: str) -> list[float]:
    """|g - g_backprop| / |g_backprop| for each beta."""
    params, batch = case.numbers(scale=0.7)
    target = vector(EnergyNetwork(relaxed(case, "backprop")).loss_gradient(params, batch))
    assume(np.linalg.norm(target) > 1e-3)
    errors = []
    for beta in BETAS:
        spec = relaxed(case, nudge(beta, variant))
        model = pcc.compile(spec)
        assume(residual(spec, model, params, batch) < 1e-12)
        gradient = vector(model.gradients(params, batch))
        errors.append(np.linalg.norm(gradient - target) / np.linalg.norm(target))
    return errors


def orders(errors: list[float]) -> list[float]:
    """log2 of the ratio of errors for halved beta, where both stand above the floor."""
    return [float(np.log2(coarse / fine)) for coarse, fine in pairwise(errors) if fine > FLOOR]


@examples(2)
@given(cases(**SMOOTH_NETWORKS))
def test_a_positive_nudge_errs_by_the_first_order_in_beta(case: Case) -> None:
    errors = relative_errors(case, "positive")
    assert errors[-1] < 0.2
    assert all(0.9 < order < 1.1 for order in orders(errors)), errors


@examples(1)
@given(cases(**SMOOTH_NETWORKS))
def test_a_negative_nudge_errs_by_the_first_order_in_beta(case: Case) -> None:
    errors = relative_errors(case, "negative")
    assert errors[-1] < 0.2
    assert all(0.9 < order < 1.1 for order in orders(errors)), errors


@examples(2)
@given(cases(**SMOOTH_NETWORKS))
def test_a_centred_nudge_errs_by_the_second_order_in_beta(case: Case) -> None:
    errors = relative_errors(case, "centred")
    assert errors[-1] < 0.02
    assert all(1.8 < order < 2.2 for order in orders(errors)), errors


DEEP = Case(
    {
        "pcc": 1,
        "name": "deep",
        "nodes": {
            "x": {"shape": [6], "role": "input"},
            "a": {"shape": [8], "activation": "tanh"},
            "b": {"shape": [7], "activation": "tanh"},
            "y": {"shape": [4], "role": "output"},
        },
        "edges": [{"path": "x -> a -> b -> y"}],
        "energy": {},
    },
    seed=5,
)


def test_errors_of_the_nodes_are_minus_beta_times_those_of_backprop() -> None:
    params, batch = DEEP.numbers()
    backward = _backprop_errors(EnergyNetwork(relaxed(DEEP, "backprop")), params, batch)
    differences = []
    for beta in (0.002, 0.001):
        spec = relaxed(DEEP, nudge(beta, "positive"))
        network, model = EnergyNetwork(spec), pcc.compile(spec)
        states = {n: np.asarray(x) for n, x in model.infer(params, batch, phase="nudged").items()}
        for node in ("a", "b", "y"):
            error = states[node] - network.prediction(params, states, node)
            np.testing.assert_allclose(-error / beta, backward[node], rtol=0, atol=0.02)
        error = states["a"] - network.prediction(params, states, "a")
        differences.append(np.linalg.norm(-error / beta - backward["a"]))
    assert 1.8 < differences[0] / differences[1] < 2.2


def test_the_free_equilibrium_has_no_energy_and_no_parameter_gradient() -> None:
    """Every prediction is met there, so one nudged phase suffices in the limit."""
    params, batch = DEEP.numbers()
    model = pcc.compile(relaxed(DEEP, nudge(0.1, "positive")))
    states = model.infer(params, batch, phase="free")
    energy = lambda p: model.energy(p, states, batch, phase="free")["total"].sum()  # noqa: E731
    assert float(energy(params)) < 1e-30
    for leaf in jax.tree.leaves(jax.grad(energy)(params)):
        assert np.abs(leaf).max() < 1e-14


def test_a_small_nudge_adds_beta_times_the_loss_to_the_minimal_energy() -> None:
    """d/dbeta min_x F = C(x*), the envelope theorem at beta = 0."""
    params, batch = DEEP.numbers()
    beta = 1e-4
    model = pcc.compile(relaxed(DEEP, nudge(beta, "centred")))
    totals = [
        model.energy(params, model.infer(params, batch, phase=phase), batch, phase=phase)["total"]
        for phase in ("nudged", "nudged_negative")
    ]
    network = EnergyNetwork(relaxed(DEEP, "backprop"))
    loss = network.loss_value(batch["y"], network.predict(params, batch)["y"])
    np.testing.assert_allclose((totals[0] - totals[1]) / (2 * beta), loss, rtol=1e-6)


def test_the_clamped_equilibrium_is_a_minimum_but_not_backprop() -> None:
    params, batch = DEEP.numbers()
    spec = relaxed(DEEP, CLAMP)
    model = pcc.compile(spec)
    assert residual(spec, model, params, batch) < 1e-12
    backprop = vector(EnergyNetwork(relaxed(DEEP, "backprop")).loss_gradient(params, batch))
    gradient = vector(model.gradients(params, batch))
    cosine = gradient @ backprop / np.linalg.norm(gradient) / np.linalg.norm(backprop)
    assert 0 < cosine < 0.99
    assert np.linalg.norm(gradient - backprop) > 0.1 * np.linalg.norm(backprop)


def test_small_steps_never_raise_the_energy() -> None:
    params, batch = DEEP.numbers()
    spec = {**DEEP.spec, "inference": {"optimizer": {"sgd": {"learning_rate": 0.02}}}}
    energies = pcc.compile(spec).trace(params, batch)["energies"]
    total = sum(energies.values())
    assert np.all(np.diff(total, axis=0) < 0)


def _backprop_errors(network: EnergyNetwork, params: Any, batch: Any) -> dict[str, np.ndarray]:
    """d loss / d x_n along the chain x -> a -> b -> y, with tanh on a and b."""
    states = network.feedforward(params, {"x": batch["x"]}, len(batch["x"]))
    y = states["y"] - batch["y"]
    b = y @ params["b->y"]["weight"].T
    a = (b * (1 - states["b"] ** 2)) @ params["a->b"]["weight"].T
    return {"y": y, "b": b, "a": a}
