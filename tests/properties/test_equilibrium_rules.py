"""Rules and relaxations of equilibrium networks against the oracles and against theory.

Predictive coding by fixed points, by colours, inside ranges, and with outputs held part of the
way; the exact relatives of backpropagation; and the orders in beta with which equilibrium
propagation approaches the gradient of the loss.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import pccompiler as pcc
from pccompiler.passes import OPTIONAL
from tests.hopfield_strategies import PROPAGATION, RANGES, SMOOTH, HopfieldCase, hopfield_cases
from tests.levelled_strategies import levelled_cases
from tests.properties.programs import Tree, agree, by_time
from tests.properties.test_hopfield_networks import colours_of
from tests.reference.energy_network import EnergyNetwork
from tests.reference.equilibrium_learning import Colours, EquilibriumLearner
from tests.reference.hopfield_examples import CHAIN, IMAGES, with_sections
from tests.reference.inverse_activations import INCREASING, clip
from tests.reference.network import leaves
from tests.reference.settling import SettlingNetwork, SettlingUnrolled
from tests.strategies import CLAMP, OPTIMIZERS, Case, Spec, cases, examples, nudges
from tests.timed_strategies import SEPARATE, SUMMED, TimedCase, timed_cases

TOLERANCE = 1e-10
ASYNCHRONOUS = [{"asynchronous": {"order": order}} for order in ("odd_first", "even_first")]

FIXED_POINTS: st.SearchStrategy[Any] = st.sampled_from(
    ["fixed_point", {"fixed_point": {"damping": 0.3}}, {"fixed_point": {"damping": 0.7}}]
)
DESCENTS = st.one_of(OPTIMIZERS["sgd"], OPTIMIZERS["momentum"])

HELD_PART_OF_THE_WAY = st.builds(
    lambda beta, variant: {
        "predictive_coding": {"output": "clamp_nudge", "beta": beta, "variant": variant}
    },
    st.sampled_from([0.05, 0.1, 0.4]),
    st.sampled_from(["positive", "negative", "centred"]),
)
RULES = st.one_of(st.just(CLAMP), nudges(), HELD_PART_OF_THE_WAY)


# Predictive coding --------------------------------------------------------------------------


def settling(case: Case, update: Any, ranges: bool) -> Case:
    """The same network with an order of updates, and ranges on some hidden nodes."""
    random, nodes = Random(case.seed), dict(case.spec["nodes"])
    if ranges:
        hidden = [name for name, node in nodes.items() if node.get("role", "hidden") == "hidden"]
        for name in hidden:
            if random.random() < 0.4:
                nodes[name] = {**nodes[name], "range": random.choice(RANGES)}
    inference = {**case.spec["inference"], **({"update": update} if update else {})}
    if not isinstance(inference["steps"], int):  # with ranges there are more phases that relax
        inference["steps"] = max(inference["steps"].values())
    return Case({**case.spec, "nodes": nodes, "inference": inference}, case.seed)


def settled(case: Case, model: pcc.CompiledModel) -> Tree:
    """What the compiled network gives, as one program."""
    params, batch = case.numbers(scale=0.7)
    names = list(SettlingNetwork(case.spec).phases)

    def program(params: Any, batch: Any) -> Tree:
        return {
            "traces": {name: model.trace(params, batch, phase=name) for name in names},
            "gradients": model.gradients(params, batch),
            "predictions": model.predict(params, batch),
        }

    return jax.jit(program)(params, batch)


def expected(case: Case, colours: dict[str, Colours]) -> Tree:
    judge, (params, batch) = SettlingNetwork(case.spec, colours), case.numbers(scale=0.7)
    traces = {name: judge.trace(params, batch, name) for name in judge.phases}
    return {
        "traces": {
            name: {"states": by_time(trace.states), "energies": by_time(trace.energies)}
            for name, trace in traces.items()
        },
        "gradients": judge.gradients(params, batch),
        "predictions": judge.predict(params, batch),
    }


def compare(case: Case) -> None:
    model = pcc.compile(case.spec)
    agree(settled(case, model), expected(case, colours_of(model)), TOLERANCE)


@examples(2)
@given(cases(optimizers=FIXED_POINTS, rules=RULES, free_roots=False, predicted_inputs=True))
def test_predictive_coding_by_fixed_points_is_the_oracles(case: Case) -> None:
    compare(settling(case, None, ranges=False))


@examples(2)
@given(
    cases(optimizers=st.one_of(FIXED_POINTS, DESCENTS), rules=RULES, free_roots=False),
)
def test_predictive_coding_inside_ranges_is_the_oracles(case: Case) -> None:
    compare(settling(case, None, ranges=True))


@pytest.mark.parametrize("update", ASYNCHRONOUS, ids=["odd_first", "even_first"])
def test_asynchronous_predictive_coding_is_the_oracles(update: Any) -> None:
    optimizers = st.one_of(FIXED_POINTS, DESCENTS)

    @examples(3)
    @given(cases(optimizers=optimizers, rules=RULES, free_roots=False, predicted_inputs=True))
    def holds(case: Case) -> None:
        compare(settling(case, update, ranges=False))

    holds()


@examples(3)
@given(cases(optimizers=DESCENTS, rules=HELD_PART_OF_THE_WAY, free_roots=False))
def test_outputs_held_part_of_the_way_are_the_oracles(case: Case) -> None:
    compare(case)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("precision", [1.0, 0.25])
def test_an_output_held_part_of_the_way_has_a_gaussian_energy_whatever_the_loss(
    loss: str, precision: float
) -> None:
    """Without hidden nodes x - mu = -beta dC/dmu, so that the precision times the gradient of the
    loss is what one edge learns; a cross-entropy of x, which is no probability, would not do."""
    nodes = {"x": {"shape": [3], "role": "input"}, "y": {"shape": [2], "role": "output"}}
    spec = {"pcc": 1, "name": "edge", "nodes": nodes, "edges": [{"path": "x -> y"}]}
    rule = {"predictive_coding": {"output": "clamp_nudge", "beta": 0.4, "variant": "positive"}}
    energy = {"loss": loss, "precision": precision}
    case = Case({**spec, "energy": energy, "learning": {"rule": rule}}, 0)
    params, batch = case.numbers()
    gradient = EnergyNetwork(case.spec).loss_gradient(params, batch)
    wanted = jax.tree.map(lambda leaf: precision * leaf, gradient)
    agree(pcc.compile(case.spec).gradients(params, batch), wanted, TOLERANCE)


@examples(2)
@given(
    cases(optimizers=st.one_of(FIXED_POINTS, DESCENTS), rules=RULES, free_roots=False),
    st.sampled_from([None, *ASYNCHRONOUS]),
    st.sampled_from([(name,) for name in OPTIONAL] + [OPTIONAL]),
)
def test_leaving_out_passes_changes_no_number(case: Case, update: Any, disable: Any) -> None:
    case = settling(case, update, ranges=True)
    whole, bare = (pcc.compile(case.spec, disable=names) for names in ((), disable))
    agree(settled(case, bare), settled(case, whole), TOLERANCE)


@examples(60)
@given(cases(optimizers=DESCENTS, rules=RULES, predicted_inputs=True))
def test_in_predictive_coding_no_two_of_a_colour_are_parent_and_child_or_co_parents(
    case: Case,
) -> None:
    case = settling(case, ASYNCHRONOUS[0], ranges=False)
    network, model = SettlingNetwork(case.spec), pcc.compile(case.spec)
    families = [{n, *(e.source for e in network.incoming(n))} for n in network.nodes]
    for plan in model.plan.phases:
        phase = network.phases[plan.phase.name]
        if not phase.relaxes:
            continue
        free = set(network.nodes) - set(phase.clamped)
        assert sorted(n for colour in plan.colours for n in colour) == sorted(free)
        for colour in plan.colours:
            assert all(len(family & set(colour)) <= 1 for family in families)


def bidirectional(case: TimedCase, seed: int) -> TimedCase:
    """The same network with ranges on some hidden nodes, and mostly by colours.

    Fixed points are not defined for two predictions: the curvature is not the precision.
    """
    random, nodes = Random(seed), dict(case.spec["nodes"])
    for name, node in nodes.items():
        hidden = node.get("role", "hidden") == "hidden" and node.get("energy") != "none"
        if hidden and random.random() < 0.3:
            nodes[name] = {**node, "range": random.choice(RANGES)}
    rate, momentum = random.choice([(0.05, 0.5), (0.1, 0.0), (0.2, 0.0)])
    optimizer = {"sgd": {"learning_rate": rate, "momentum": momentum}}
    inference = {**case.spec["inference"], "optimizer": optimizer}
    update = random.choice([None, *ASYNCHRONOUS])
    if update:
        inference["update"] = update
    return TimedCase({**case.spec, "nodes": nodes, "inference": inference}, case.seed)


@examples(3)
@given(timed_cases(forms=SUMMED + SEPARATE, times=(None,)), st.integers(0, 2**16))
def test_networks_predicted_from_two_sides_are_the_oracles(case: TimedCase, seed: int) -> None:
    case = bidirectional(case, seed)
    model = pcc.compile(case.spec)
    judge, (params, batch) = SettlingUnrolled(case.spec, colours_of(model)), case.numbers()
    inputs = {node.name: batch[node.name] for node in judge.with_role("input")}
    trace = judge.trace(params, batch)
    wanted = {
        "states": by_time([judge.outward(states) for states in trace.states]),
        "gradients": judge.gradients(params, batch),
        "prediction": judge.prediction(params, batch),
    }

    def program(params: Any, batch: Any, inputs: Any) -> Tree:
        return {
            "states": model.trace(params, batch)["states"],
            "gradients": model.gradients(params, batch),
            "prediction": model.predict(params, inputs),
        }

    agree(jax.jit(program)(params, batch, inputs), wanted, TOLERANCE)


# The exact relatives of backpropagation -----------------------------------------------------


def is_backprop(case: Case) -> None:
    """Of the oracle, and of the program on the same spec."""
    params, batch = case.numbers()
    found = pcc.compile(case.spec).gradients(params, batch)
    agree(found, EnergyNetwork(case.spec).loss_gradient(params, batch), TOLERANCE)
    spec = {**case.spec, "learning": {"rule": "backprop"}}
    agree(found, pcc.compile(spec).gradients(params, batch), TOLERANCE)


@examples(2)
@given(levelled_cases("z_il"))
def test_zero_divergence_learning_is_backprop_on_levelled_networks(case: Case) -> None:
    is_backprop(case)


@pytest.mark.parametrize("rule", ["z_il", "fixed_prediction"])
def test_exact_rules_know_networks_without_hidden_nodes(rule: str) -> None:
    nodes = {"x": {"shape": [3], "role": "input"}, "y": {"shape": [2], "role": "output"}}
    spec = {"pcc": 1, "name": "edge", "nodes": nodes, "edges": [{"path": "x -> y"}]}
    is_backprop(Case({**spec, "inference": {}, "learning": {"rule": rule}}, 0))


PINNED: Spec = {"init": "feedforward", "optimizer": {"sgd": {"learning_rate": 1.0}}, "steps": 9}


@examples(3)
@given(levelled_cases("fixed_prediction"))
def test_fixed_predictions_are_backprop_on_levelled_networks(case: Case) -> None:
    is_backprop(Case({**case.spec, "inference": PINNED}, case.seed))


@examples(2)
@given(cases(rules=st.just("fixed_prediction"), free_roots=False))
def test_fixed_predictions_are_backprop_on_networks_with_skips(case: Case) -> None:
    roles = {name: node["role"] for name, node in case.spec["nodes"].items()}
    assume(all(roles[edge["from"]] != "output" for edge in case.spec["edges"]))
    energy = {"loss": case.spec["energy"]["loss"]}
    is_backprop(Case({**case.spec, "inference": PINNED, "energy": energy}, case.seed))


@pytest.mark.parametrize("rule", ["z_il", "fixed_prediction"])
@pytest.mark.parametrize("disable", [*((name,) for name in OPTIONAL), OPTIONAL], ids=str)
def test_exact_rules_need_no_pass(rule: str, disable: tuple[str, ...]) -> None:
    nodes = {
        "x": {"shape": [3], "role": "input"},
        "a": {"shape": [4], "activation": "tanh"},
        "b": {"shape": [3], "activation": "sigmoid"},
        "y": {"shape": [2], "role": "output"},
    }
    spec = {"pcc": 1, "name": "exact", "nodes": nodes, "edges": [{"path": "x -> a -> b -> y"}]}
    case = Case({**spec, "inference": PINNED, "learning": {"rule": rule}}, 0)
    params, batch = case.numbers()
    found = pcc.compile(case.spec, disable=disable).gradients(params, batch)
    agree(found, EnergyNetwork(case.spec).loss_gradient(params, batch), TOLERANCE)


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
