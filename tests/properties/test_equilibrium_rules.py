"""Rules and relaxations of equilibrium networks against the oracles and against theory.

Predictive coding by fixed points, by colours, inside ranges, and with outputs clamped part of the
way; and the exact relatives of backpropagation.
"""

from __future__ import annotations

from random import Random
from typing import Any

import jax
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import pccompiler as pcc
from pccompiler.passes import OPTIONAL
from tests.hopfield_strategies import RANGES
from tests.levelled_strategies import levelled_cases
from tests.properties.programs import Tree, agree, by_time
from tests.properties.test_hopfield_networks import colours_of
from tests.reference.energy_network import EnergyNetwork
from tests.reference.equilibrium_learning import Colours
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
        phase = network.phases[plan.name]
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
