"""Equilibrium propagation and its relatives against theory: the orders in beta with which they
approach the gradient of the loss, which is itself the implicit one, and where contrasts agree.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import assume, given

import pccompiler as pcc
from tests.hopfield_strategies import PROPAGATION, SMOOTH, HopfieldCase, hopfield_cases
from tests.properties.programs import agree
from tests.reference.equilibrium_learning import EquilibriumLearner
from tests.reference.hopfield_examples import CHAIN, IMAGES, with_sections
from tests.reference.inverse_activations import INCREASING, clip
from tests.reference.network import leaves
from tests.strategies import Spec, examples

# Equilibrium propagation --------------------------------------------------------------------

BETAS = (0.02, 0.01, 0.005)
FLOOR = 1e-9
"""Relative errors below this are rounding and what is left of the relaxation."""

ORDERS = {"positive": 1, "negative": 1, "centred": 2}
every_variant = pytest.mark.parametrize("variant", ORDERS)


def tightly(case: HopfieldCase, beta: float, variant: str, **options: Any) -> HopfieldCase:
    """The same network under propagation, with steps that leave no residual."""
    inference = {"init": "zeros", "optimizer": {"fixed_point": {"damping": 0.3}}, "steps": 600}
    rule = {PROPAGATION: {"beta": beta, "variant": variant, **options}}
    spec = {**case.spec, "inference": inference, "learning": {"rule": rule}}
    return HopfieldCase(spec, case.seed, scale=case.scale)


def vector(tree: Any) -> np.ndarray:
    return np.concatenate([leaf.ravel() for leaf in leaves(tree).values()])


def relative_errors(case: HopfieldCase, variant: str, **options: Any) -> list[float]:
    """|g - dL/dparams| / |dL/dparams| for each beta; nothing where that makes no sense."""
    judge, (params, batch) = tightly(case, 0.1, variant).judge(), case.numbers()
    states = judge.equilibrium(params, batch)
    if not _rests(judge, params, states):
        return []
    target = vector(judge.implicit_gradient(params, batch, states))
    if np.linalg.norm(target) < 1e-3:
        return []
    errors = []
    for beta in BETAS:
        model = pcc.compile(tightly(case, beta, variant, **options).spec)
        gradient = vector(model.gradients(params, batch))
        errors.append(float(np.linalg.norm(gradient - target) / np.linalg.norm(target)))
    return errors


def _rests(judge: EquilibriumLearner, params: Any, states: Any) -> bool:
    fields = judge.fields(params, states)
    free = set(judge.variables) - set(judge.inputs)
    return all(np.abs(states[n] - judge.aim(n, fields[n])).max() < 1e-12 for n in free)


def has_order(errors: list[float], order: int) -> bool:
    above = [(coarse, fine) for coarse, fine in pairwise(errors) if fine > FLOOR]
    found = [float(np.log2(coarse / fine)) for coarse, fine in above]
    return all(0.9 * order < value < 1.1 * order for value in found)


@every_variant
@pytest.mark.parametrize("form", ["hopfield", {"hopfield": {"nonlinearity": "rho"}}], ids=str)
def test_propagation_errs_by_its_order_in_beta_on_dense_networks(variant: str, form: Any) -> None:
    @examples(2)
    @given(
        hopfield_cases(
            forms=(form,),
            rules=(PROPAGATION,),
            activations=SMOOTH,
            ranges=False,
            images=False,
            bare=True,
            scale=0.5,
        )
    )
    def holds(case: HopfieldCase) -> None:
        errors = relative_errors(case, variant)
        assume(errors)
        assert errors[-1] < 0.2
        assert has_order(errors, ORDERS[variant]), errors

    holds()


@every_variant
def test_propagation_errs_by_its_order_in_beta_on_convolutions(variant: str) -> None:
    spec = with_sections(IMAGES, {PROPAGATION: {}}, energy={"loss": "cross_entropy"})
    errors = relative_errors(HopfieldCase(spec, 4, scale=0.5), variant)
    assert errors[-1] < 0.2
    assert has_order(errors, ORDERS[variant]), errors


READOUT: Spec = {
    "nodes": {**CHAIN["nodes"], "y": {"shape": [3], "role": "output", "energy": "none"}},
    "edges": [{"path": "x -> a -> b -> y"}, {"from": "a", "to": "y", "gain": 0.5}],
}


@every_variant
def test_propagation_errs_by_its_order_in_beta_with_a_readout(variant: str) -> None:
    """The softmax stands outside the system, and learns from beta C itself."""
    spec = with_sections(READOUT, {PROPAGATION: {}}, energy={"loss": "cross_entropy"})
    errors = relative_errors(HopfieldCase(spec, 4, scale=0.5), variant)
    assert errors[-1] < 0.2
    assert has_order(errors, ORDERS[variant]), errors


@pytest.mark.parametrize("network", ["chain", "images", "readout"])
def test_backprop_through_a_settled_relaxation_is_the_implicit_gradient(network: str) -> None:
    nodes_and_edges = {"chain": CHAIN, "images": IMAGES, "readout": READOUT}[network]
    loss = "squared_error" if network == "chain" else "cross_entropy"
    spec = with_sections(nodes_and_edges, {PROPAGATION: {}}, energy={"loss": loss})
    case = tightly(HopfieldCase(spec, 4, scale=0.5), 0.1, "centred")
    judge, (params, batch) = case.judge(), case.numbers()
    wanted = judge.implicit_gradient(params, batch, judge.equilibrium(params, batch))
    inference = {**case.spec["inference"], "steps": 150}
    model = pcc.compile({**case.spec, "inference": inference, "learning": {"rule": "backprop"}})
    agree(model.gradients(params, batch), wanted, 1e-9)


def test_where_nudged_phases_start_makes_no_difference_once_they_have_settled() -> None:
    spec = with_sections(CHAIN, {PROPAGATION: {}})
    case = HopfieldCase(spec, 4, scale=0.5)
    params, batch = case.numbers()
    found = [
        pcc.compile(tightly(case, 0.1, "centred", start=start).spec).gradients(params, batch)
        for start in ("free", "initial")
    ]
    agree(found[0], found[1], 1e-11)


UNTIED: Spec = {
    **CHAIN,
    "edges": [
        *CHAIN["edges"],
        {"from": "b", "to": "a", "kind": "feedback", "op": {"dense": {"bias": False}}},
        {"from": "b", "to": "b", "op": {"dense": {"bias": False}}},
        {"from": "a", "to": "y"},
    ],
}


@every_variant
def test_feedback_of_its_own_that_is_the_transpose_propagates_as_if_tied(variant: str) -> None:
    """A forward edge and its way back learn what the tied edge learns, in sum, as beta -> 0."""
    tied = {**UNTIED, "edges": [e for e in UNTIED["edges"] if e.get("kind") != "feedback"]}
    found = {}
    for name, network in (("tied", tied), ("untied", UNTIED)):
        case = HopfieldCase(with_sections(network, {PROPAGATION: {}}), 4, scale=0.5)
        case = tightly(case, 1e-4, variant)
        params, batch = HopfieldCase(
            with_sections(UNTIED, {PROPAGATION: {}}), 4, scale=0.5
        ).numbers()
        params["b->a"] = {"weight": params["a->b"]["weight"].T}
        if name == "tied":
            del params["b->a"]
        found[name] = pcc.compile(case.spec).gradients(params, batch)
    expected, untied = found["tied"], found["untied"]
    untied["a->b"]["weight"] = untied["a->b"]["weight"] + untied.pop("b->a")["weight"].T
    agree(untied, expected, 2e-4 if variant != "centred" else 1e-5)


def test_a_random_sign_is_one_of_the_two_and_both_are_drawn() -> None:
    found = {}
    case = HopfieldCase(with_sections(CHAIN, {PROPAGATION: {}}), 4, batch_size=3)
    params, batch = case.numbers()
    for variant in ("positive", "negative", "random_sign"):
        rule = {PROPAGATION: {"beta": 0.3, "variant": variant}}
        spec = with_sections(CHAIN, rule, inference={"steps": 5})
        model = pcc.compile(spec)
        keys = [jax.random.key(seed) for seed in range(8 if variant == "random_sign" else 1)]
        found[variant] = [vector(model.gradients(params, batch, key=key)) for key in keys]
    [positive], [negative] = found["positive"], found["negative"]
    assert np.abs(positive - negative).max() > 1e-3
    signs = set()
    for gradient in found["random_sign"]:
        near = {
            name: np.abs(gradient - one).max()
            for name, one in (("positive", positive), ("negative", negative))
        }
        name = min(near, key=near.__getitem__)
        assert near[name] < 1e-12
        signs.add(name)
    assert signs == {"positive", "negative"}


# Other contrasts ----------------------------------------------------------------------------


def test_coupled_learning_all_the_way_is_contrastive_hebbian() -> None:
    """Under the squared error o - beta (o - y) is the target at beta = 1."""
    found = []
    for rule in ("contrastive_hebbian", {"coupled_learning": {"beta": 1.0}}):
        case = HopfieldCase(with_sections(CHAIN, rule, inference={"steps": 6}), 4)
        found.append(pcc.compile(case.spec).gradients(*case.numbers()))
    agree(found[1], found[0], 1e-12)


def test_a_small_coupling_of_one_edge_is_the_gradient_of_the_loss() -> None:
    nodes = {"x": CHAIN["nodes"]["x"], "y": CHAIN["nodes"]["y"]}
    network = {"nodes": nodes, "edges": [{"path": "x -> y"}]}
    case = HopfieldCase(with_sections(network, {"coupled_learning": {"beta": 0.3}}), 4)
    judge, (params, batch) = case.judge(), case.numbers()
    wanted = judge.implicit_gradient(params, batch, judge.equilibrium(params, batch))
    agree(pcc.compile(case.spec).gradients(params, batch), wanted, 1e-10)


@pytest.mark.parametrize("activation", INCREASING)
@pytest.mark.parametrize("optimizer", ["fixed_point", {"sgd": {"learning_rate": 0.1}}], ids=str)
def test_under_rho_states_rest_at_the_ends_of_their_range(activation: str, optimizer: Any) -> None:
    """1/2 x^2 - rho(x) a is least at clip(c a), c the slope of rho: where that is an end the
    slope of the energy jumps, and no step may go beyond."""
    nodes = {"x": {"shape": [2], "role": "input"}, "h": {"shape": [3], "activation": activation}}
    nodes["y"] = {"shape": [1], "role": "output"}
    edges = [{"path": "x -> h"}, {"from": "x", "to": "y"}]
    form = {"hopfield": {"nonlinearity": "rho"}}
    inference = {"optimizer": optimizer, "steps": 300}
    spec = with_sections({"nodes": nodes, "edges": edges}, form=form, inference=inference)
    case = HopfieldCase(spec, 4)
    params, _ = case.numbers()
    batch = {"x": np.array([[3.0, -4.0], [0.1, 0.2]]), "y": np.zeros((2, 1))}
    own = params["x->h"]
    start = {"h": np.full((2, 3), 0.3)}  # where all of them are increasing
    end = np.asarray(pcc.compile(spec).infer(params, batch, phase="free", states=start)["h"])
    pull = batch["x"] @ own["weight"] + own["bias"]
    rise = 0.5 if activation == "half_hard_sigmoid" else 1.0
    np.testing.assert_allclose(end, clip(rise * pull, INCREASING[activation]), atol=1e-10)
