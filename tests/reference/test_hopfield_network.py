"""The judge of Hopfield networks is judged: finite differences, closed forms, theorems."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.reference.activations import Array
from tests.reference.equilibrium_learning import EquilibriumLearner
from tests.reference.hopfield_examples import CHAIN, IMAGES, TANGLE, with_sections
from tests.reference.hopfield_network import HopfieldNetwork, Nudge
from tests.reference.network import Tree, leaves
from tests.reference.test_energy_network import numeric

RHO = {"hopfield": {"nonlinearity": "rho"}}
PROPAGATION = "equilibrium_propagation"

READOUT: Tree = {
    "nodes": {
        "x": {"shape": [3], "role": "input", "activation": "tanh"},
        "a": {"shape": [4], "activation": "tanh"},
        "b": {"shape": [3], "activation": "sigmoid"},
        "y": {"shape": [3], "role": "output", "energy": "none"},
    },
    "edges": [
        {"path": "x -> a -> b -> y"},
        {"from": "a", "to": "y", "gain": 0.5},
        {"from": "b", "to": "b", "op": {"dense": {"bias": True}}},
    ],
}
NETWORKS = {"chain": CHAIN, "tangle": TANGLE, "images": IMAGES, "readout": READOUT}
every_network = pytest.mark.parametrize("network", NETWORKS)
every_form = pytest.mark.parametrize("form", ["hopfield", RHO], ids=["state", "rho"])
every_loss = pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])


def drawn(
    network: str, form: Any, loss: str, scale: float = 1.0
) -> tuple[HopfieldNetwork, Tree, Tree, Tree, Nudge]:
    spec = with_sections(NETWORKS[network], form=form, energy={"loss": loss})
    judge, rng = HopfieldNetwork(spec), np.random.default_rng(1)
    params, batch = judge.draw_params(rng, scale), judge.draw_batch(rng, 3)
    nudge = Nudge(0.7, {name: batch[name] for name in judge.outputs})
    return judge, params, batch, judge.draw_states(rng, 3), nudge


@every_network
@every_form
@every_loss
def test_slopes_are_the_finite_differences_of_the_energy(
    network: str, form: Any, loss: str
) -> None:
    judge, params, _, states, nudge = drawn(network, form, loss)

    def total() -> float:
        inner = sum(e.sum() for e in judge.energies(params, states, judge.inputs).values())
        return inner + nudge.beta * judge.loss_value(params, states, nudge.targets).sum()

    for name in set(judge.variables) - set(judge.inputs):
        slope = judge.slope(params, states, nudge, name)
        np.testing.assert_allclose(slope, numeric(total, states[name]), atol=2e-7)
    by_params = leaves(judge.derivatives(params, states, nudge)[1])
    assert set(by_params) == set(leaves(params))
    for path, array in leaves(params).items():
        np.testing.assert_allclose(by_params[path], numeric(total, array) / 3, atol=2e-7)


def test_of_a_lateral_weight_only_the_symmetric_part_off_the_diagonal_counts() -> None:
    judge, params, _, states, nudge = drawn("readout", "hopfield", "squared_error")
    weight = params["b->b"]["weight"]
    symmetric = (weight + weight.T) / 2
    other = {**params, "b->b": {**params["b->b"], "weight": symmetric - np.diag([1.0, 2.0, 3.0])}}
    for name, energy in judge.energies(params, states, ()).items():
        np.testing.assert_allclose(judge.energies(other, states, ())[name], energy, atol=1e-12)
    fields, theirs = (judge.fields(p, states, nudge) for p in (params, other))
    np.testing.assert_allclose(fields["b"], theirs["b"], atol=1e-12)


def test_the_energy_of_two_units_by_hand() -> None:
    """x = 2 clamped, h = 1/2 under tanh: 1/2 artanh 1/2 + log(3/4)/2 - h (3 x + 1)."""
    nodes = {"x": {"shape": [1], "role": "input"}, "h": {"shape": [1], "activation": "tanh"}}
    spec = with_sections({"nodes": nodes, "edges": [{"path": "x -> h"}]})
    judge = HopfieldNetwork(spec)
    params = {"x->h": {"weight": np.array([[3.0]]), "bias": np.array([1.0])}}
    states = {"x": np.array([[2.0]]), "h": np.array([[0.5]])}
    energies = judge.energies(params, states, ("x",))
    np.testing.assert_allclose(energies["h"], np.arctanh(0.5) / 2 + np.log(0.75) / 2 - 3.5)
    assert energies["x"] == 0


@every_form
def test_with_a_feedback_edge_the_field_has_it_in_the_place_of_the_transpose(form: Any) -> None:
    feedback = {"from": "b", "to": "a", "kind": "feedback"}
    network = {**CHAIN, "edges": [*CHAIN["edges"], feedback]}
    untied = HopfieldNetwork(with_sections(network, form=form))
    tied = HopfieldNetwork(with_sections(CHAIN, form=form))
    rng = np.random.default_rng(0)
    params, states = untied.draw_params(rng), untied.draw_states(rng, 3)
    before, after = tied.fields(params, states), untied.fields(params, states)
    for name in ("b", "y"):
        np.testing.assert_array_equal(before[name], after[name])
    read = untied.read(params, states, "b")
    transposed = read @ params["a->b"]["weight"].T
    own = read @ params["b->a"]["weight"] + params["b->a"]["bias"]
    slope = untied.read_slope(states, "a")
    np.testing.assert_allclose(after["a"] - before["a"], (own - transposed) * slope, atol=1e-12)
    same = {**params, "b->a": {"weight": params["a->b"]["weight"].T, "bias": np.zeros(4)}}
    np.testing.assert_allclose(untied.fields(same, states)["a"], before["a"], atol=1e-12)


UNTIED: Tree = {
    "nodes": {**CHAIN["nodes"], "i": {"shape": [2, 2], "activation": "sigmoid"}},
    "edges": [
        *CHAIN["edges"],
        {"from": "y", "to": "b", "kind": "feedback", "gain": 0.3},
        {"from": "a", "to": "i", "op": [{"dense": {"units": 4}}, {"reshape": [2, 2]}]},
        {"from": "b", "to": "b", "gain": 0.4},
        {"from": "x", "to": "b", "gain": 2.0},
    ],
}


@every_form
def test_derivatives_of_the_field_by_parameters_are_its_finite_differences(form: Any) -> None:
    judge, rng = HopfieldNetwork(with_sections(UNTIED, form=form)), np.random.default_rng(2)
    params, states, along = judge.draw_params(rng), *(judge.draw_states(rng, 3) for _ in "ab")

    def product() -> float:
        fields = judge.fields(params, states)
        return sum((along[n] * fields[n]).sum() for n in judge.variables) / 3

    gradient = leaves(judge.field_gradient(params, states, along))
    for path, array in leaves(params).items():
        np.testing.assert_allclose(gradient[path], numeric(product, array), atol=1e-7)


# Relaxation and rules -----------------------------------------------------------------------


def learner(
    network: Tree, rule: Any = PROPAGATION, scale: float = 0.6, **sections: Any
) -> tuple[EquilibriumLearner, Tree, Tree]:
    judge, rng = EquilibriumLearner(with_sections(network, rule, **sections)), _rng()
    return judge, judge.draw_params(rng, scale), judge.draw_batch(rng, 3)


def _rng() -> np.random.Generator:
    return np.random.default_rng(4)


def propagation(beta: float, variant: str = "centred", **options: Any) -> Tree:
    return {PROPAGATION: {"beta": beta, "variant": variant, **options}}


def totals(judge: EquilibriumLearner, params: Tree, batch: Tree, phase: str) -> Array:
    """F of the batch after every step."""
    targets = {name: batch[name] for name in judge.outputs}
    trace, beta = judge.trace(params, batch, phase), judge.phases[phase].beta
    return np.array(
        [
            sum(e.sum() for e in energies.values())
            + beta * judge.loss_value(params, states, targets).sum()
            for states, energies in zip(trace.states, trace.energies, strict=True)
        ]
    )


@pytest.mark.parametrize("network", ["chain", "tangle", "images"])
@every_form
@pytest.mark.parametrize("optimizer", [{"sgd": {"learning_rate": 0.01}}, "asynchronous"])
def test_the_energy_falls_at_every_step(network: str, form: Any, optimizer: Any) -> None:
    inference = {"optimizer": {"sgd": {"learning_rate": 0.01}}, "steps": 40}
    sections = {"form": form, "inference": inference}
    judge, params, batch = learner(NETWORKS[network], propagation(0.5), **sections)
    if optimizer == "asynchronous":
        colours = tuple((name,) for name in judge.variables if name not in judge.inputs)
        judge.colours = dict.fromkeys(judge.phases, colours)
    for phase in judge.phases:
        assert np.all(np.diff(totals(judge, params, batch, phase)) < 0)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "hard_sigmoid", "relu"])
def test_asynchronous_fixed_points_never_raise_the_energy(activation: str) -> None:
    """Each solves for its node exactly, whatever the weights."""
    nodes = {n: {**v, "activation": activation} for n, v in CHAIN["nodes"].items()}
    network = {**CHAIN, "nodes": nodes}
    judge, params, batch = learner(network, scale=2.0, inference={"steps": 30})
    judge.colours = {"free": (("b",), ("a", "y"))}
    steps = np.diff(totals(judge, params, batch, "free"))
    assert steps[0] < 0
    assert np.all(steps < 1e-12)


@pytest.mark.parametrize("network", ["chain", "tangle", "images"])
def test_at_the_equilibrium_no_slope_is_left(network: str) -> None:
    judge, params, batch = learner(NETWORKS[network])
    states = judge.equilibrium(params, batch)
    for name in set(judge.variables) - set(judge.inputs):
        slope = judge.slope(params, states, Nudge(0.0, {}), name)
        np.testing.assert_allclose(slope, 0, atol=1e-11)


@pytest.mark.parametrize("network", ["chain", "tangle", "images", "readout"])
def test_the_implicit_gradient_is_the_finite_difference_of_the_loss_at_the_equilibrium(
    network: str,
) -> None:
    judge, params, batch = learner(NETWORKS[network])
    targets = {name: batch[name] for name in judge.outputs}

    def loss() -> float:
        states = judge.equilibrium(params, batch)
        return float(judge.loss_value(params, states, targets).mean())

    found = leaves(judge.implicit_gradient(params, batch, judge.equilibrium(params, batch)))
    rng = np.random.default_rng(0)
    for path, array in leaves(params).items():
        direction, before = rng.normal(size=array.shape), array.copy()
        array += 1e-5 * direction
        above = loss()
        array -= 2e-5 * direction
        below = loss()
        array[...] = before
        expected = (above - below) / 2e-5
        np.testing.assert_allclose((found[path] * direction).sum(), expected, rtol=1e-6, atol=1e-7)


def vector(tree: Tree) -> Array:
    return np.concatenate([leaf.ravel() for leaf in leaves(tree).values()])


def relative_errors(network: Tree, variant: str, betas: tuple[float, ...]) -> list[float]:
    judge, params, batch = learner(network)
    target = vector(judge.implicit_gradient(params, batch, judge.equilibrium(params, batch)))
    errors = []
    for beta in betas:
        inference = {"optimizer": {"fixed_point": {"damping": 0.3}}, "steps": 400}
        judge, _, _ = learner(network, propagation(beta, variant), inference=inference)
        gradient = vector(judge.gradients(params, batch))
        errors.append(np.linalg.norm(gradient - target) / np.linalg.norm(target))
    return errors


@pytest.mark.parametrize("network", ["chain", "tangle", "readout"])
@pytest.mark.parametrize(("variant", "order"), [("positive", 1), ("negative", 1), ("centred", 2)])
def test_equilibrium_propagation_errs_by_its_order_in_beta(
    network: str, variant: str, order: int
) -> None:
    errors = relative_errors(NETWORKS[network], variant, (0.02, 0.01, 0.005))
    for coarse, fine in pairwise(errors):
        assert 0.9 * order < np.log2(coarse / fine) < 1.1 * order
    assert errors[-1] < 0.05


def test_coupled_learning_of_one_edge_is_the_gradient_whatever_beta() -> None:
    """In x -> y, y = a is free; held at y - beta (y - t), E gives -(x^T)(held - y)/beta."""
    nodes = {"x": {"shape": [3], "role": "input"}, "y": {"shape": [2], "role": "output"}}
    network = {"nodes": nodes, "edges": [{"path": "x -> y"}]}
    judge, params, batch = learner(network, {"coupled_learning": {"beta": 0.3}})
    found = judge.gradients(params, batch)
    expected = judge.implicit_gradient(params, batch, judge.equilibrium(params, batch))
    for path, gradient in leaves(found).items():
        np.testing.assert_allclose(gradient, leaves(expected)[path], atol=1e-11)


def test_contrastive_hebbian_contrasts_products_of_neighbours() -> None:
    """dE/dW = -x^T y: the clamped product against the free one."""
    judge, params, batch = learner(CHAIN, "contrastive_hebbian")
    ends = [judge.trace(params, batch, phase).end for phase in ("clamped", "free")]
    np.testing.assert_array_equal(ends[0]["y"], batch["y"])
    clamped, free = (end["b"].T @ end["y"] / 3 for end in ends)
    weight = judge.gradients(params, batch)["b->y"]["weight"]
    np.testing.assert_allclose(weight, -(clamped - free), atol=1e-14)


def test_with_feedback_that_is_the_transpose_untied_propagation_is_the_tied_one() -> None:
    """To the order of beta: the tied contrast and the derivative of the field agree at zero."""
    feedback = {"from": "b", "to": "a", "kind": "feedback", "op": {"dense": {"bias": False}}}
    network = {**CHAIN, "edges": [*CHAIN["edges"], feedback]}
    inference = {"optimizer": {"fixed_point": {"damping": 0.3}}, "steps": 300}
    rule = propagation(1e-4)
    tied, params, batch = learner(CHAIN, rule, inference=inference)
    untied, _, _ = learner(network, rule, inference=inference)
    params["b->a"] = {"weight": params["a->b"]["weight"].T}
    found, expected = untied.gradients(params, batch), tied.gradients(params, batch)
    for edge in ("x->a", "b->y"):
        for part in expected[edge]:
            np.testing.assert_allclose(found[edge][part], expected[edge][part], atol=1e-6)
    both = found["a->b"]["weight"] + found["b->a"]["weight"].T
    np.testing.assert_allclose(both, expected["a->b"]["weight"], atol=1e-6)


def test_a_feedforward_start_settles_a_network_without_backward_pull() -> None:
    """x -> y alone: y = act(x W + b) is the free equilibrium, and no step moves it."""
    nodes = {
        "x": {"shape": [3], "role": "input"},
        "y": {"shape": [2], "role": "output", "activation": "sigmoid"},
    }
    network = {"nodes": nodes, "edges": [{"path": "x -> y"}]}
    judge, params, batch = learner(network, inference={"init": "feedforward", "steps": 2})
    first, *others = judge.trace(params, batch, "free").states
    own = params["x->y"]
    a = batch["x"] @ own["weight"] + own["bias"]
    np.testing.assert_allclose(first["y"], 1 / (1 + np.exp(-a)), atol=1e-15)
    for later in others:
        np.testing.assert_allclose(later["y"], first["y"], atol=1e-15)
