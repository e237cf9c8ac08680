"""The judge of unrolled networks is judged: finite differences, closed forms, an older judge."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.activations import SMOOTH, Array
from tests.reference.energy_network import EnergyNetwork
from tests.reference.network import Tree, leaves, tree_map
from tests.reference.unrolled_graph import canonical_order, read_edges, read_nodes
from tests.reference.unrolled_network import UnrolledNetwork
from tests.strategies import CLAMP, Case, cases, examples
from tests.timed_strategies import (
    SEPARATE,
    SUMMED,
    TimedCase,
    features,
    timed_cases,
    timed_specs,
)


def slope(function: Callable[[], float], array: Array, direction: Array) -> float:
    """The central difference along a direction of an array that the function reads."""
    step, before = 1e-6, array.copy()
    array += step * direction
    above = function()
    array[...] = before - step * direction
    below = function()
    array[...] = before
    return (above - below) / (2 * step)


@examples(60)
@given(timed_cases(activations=SMOOTH))
def test_derivatives_are_finite_differences_of_the_energy(case: TimedCase) -> None:
    """At arbitrary states, along a random direction of every array. A held copy has none."""
    network, (params, _), states = case.reference(), case.numbers(), case.states()
    held, rng = network.held("input", "output"), np.random.default_rng(case.seed)
    by_state, by_params = network.derivatives(params, states, held)

    def energy() -> float:
        return sum(e.sum() for e in network.energies(params, states, held).values())

    for name, gradient in by_state.items():
        direction = rng.normal(size=gradient.shape)
        direction[:, list(held[name])] = 0
        expected = slope(energy, states[name], direction)
        np.testing.assert_allclose((gradient * direction).sum(), expected, atol=2e-6, rtol=1e-6)
        assert not gradient[:, list(held[name])].any()
    gradients = leaves(by_params)
    for path, array in leaves(params).items():
        direction = rng.normal(size=array.shape)
        expected = slope(energy, array, direction) / case.batch_size
        found = (gradients[path] * direction).sum()
        np.testing.assert_allclose(found, expected, atol=2e-6, rtol=1e-6)


@examples(40)
@given(timed_specs(forms=SUMMED), st.integers(0, 2**16))
def test_summed_errors_are_twice_the_square_of_the_distance_from_the_mean_prediction(
    spec: Tree, seed: int
) -> None:
    """And separate minus summed errors is -ef.eb, wherever a copy has both and no target."""
    case = TimedCase(spec, seed)
    other = {**spec, "energy": {**spec["energy"], "form": SEPARATE[0]}}
    summed, separate = case.reference(), UnrolledNetwork(other)
    (params, _), states, held = case.numbers(), case.states(), summed.held("input", "output")
    found = summed.energies(params, states, held)
    difference = {
        name: values - found[name]
        for name, values in separate.energies(params, states, held).items()
    }
    for node in summed.variables():
        for t in range(summed.copies):
            mu = summed.predict(params, states, node.name, t)
            nu = summed.predict(params, states, node.name, t, feedback=True)
            expected = 0.0
            at_target = held[node.name][t] and node.role == "output"
            if mu is not None and nu is not None and not at_target:
                x, axes = states[node.name][:, t], tuple(range(1, 1 + len(node.shape)))
                mean = (mu.value + nu.value) / 2
                twice = node.precision * 2 * ((x - mean) ** 2).sum(axis=axes)
                np.testing.assert_allclose(found[node.name][:, t], twice, rtol=1e-12, atol=1e-12)
                expected = -node.precision * ((x - mu.value) * (x - nu.value)).sum(axis=axes)
            np.testing.assert_allclose(
                difference[node.name][:, t], expected, rtol=1e-12, atol=1e-12
            )


@examples(40)
@given(cases(rules=st.just(CLAMP), free_roots=True, most_nodes=6))
def test_without_time_and_feedback_it_is_the_judge_of_acyclic_networks(case: Case) -> None:
    """Both were derived by hand, one from errors per node, one from terms per copy."""
    if any("flatten" in str(edge.get("op")) for edge in case.spec["edges"]):
        return
    network, older = UnrolledNetwork(case.spec), EnergyNetwork(case.spec)
    params, batch = case.numbers()
    ours, theirs = network.trace(params, batch), older.trace(params, batch, "clamped")
    for k in range(len(theirs.states)):
        for name, values in network.outward(ours.states[k]).items():
            np.testing.assert_allclose(values, theirs.states[k][name], atol=1e-12)
        for name, values in theirs.energies[k].items():
            np.testing.assert_allclose(ours.energies[k][name].sum(axis=1), values, atol=1e-12)
    found = leaves(network.gradients(params, batch))
    for path, values in leaves(older.gradients(params, batch)).items():
        np.testing.assert_allclose(found[path], values, atol=1e-12)
    for name, values in older.predict(params, batch).items():
        np.testing.assert_allclose(network.prediction(params, batch)[name], values, atol=1e-12)


@examples(20)
@given(timed_cases(times=(None,)))
def test_a_single_time_step_is_the_network_without_time(case: TimedCase) -> None:
    once = UnrolledNetwork({**case.spec, "time": {"steps": 1}})
    network, (params, batch) = case.reference(), case.numbers()
    agree = partial(tree_map, partial(np.testing.assert_allclose, atol=1e-14))
    agree(network.gradients(params, batch), once.gradients(params, batch))
    agree(network.trace(params, batch).states[-1], once.trace(params, batch).states[-1])
    agree(network.prediction(params, batch), once.prediction(params, batch))


@examples(40)
@given(timed_cases(forms=("predictive_coding",), inits=("feedforward",)))
def test_errors_after_a_feedforward_start_are_exactly_zero_away_from_held_copies(
    case: TimedCase,
) -> None:
    """So that nothing that is zero by definition needs a mask here."""
    network, (params, batch) = case.reference(), case.numbers()
    if network.init != "feedforward":
        return
    held, start = network.held("input", "output"), network.trace(params, batch).energies[0]
    for node in network.variables():
        if node.prior is None:
            free = [not copy for copy in held[node.name]]
            assert not start[node.name][:, free].any()


@examples(200)
@given(timed_specs())
def test_a_spec_is_read_in_the_same_way_in_whatever_order_it_is_written(spec: Tree) -> None:
    network = UnrolledNetwork(spec)
    reversed_nodes = dict(reversed(spec["nodes"].items()))
    other = UnrolledNetwork({**spec, "nodes": reversed_nodes, "edges": spec["edges"][::-1]})
    assert network.edges == other.edges


def test_the_strategy_reaches_every_part_of_the_language() -> None:
    reached: set[str] = set()

    @examples(150)
    @given(timed_specs())
    def collect(spec: Tree) -> None:
        reached.update(features(spec))

    collect()
    assert reached >= {
        "no time",
        "time last",
        "time every",
        "pass-through",
        "prior",
        "concat",
        "merge sum",
        "gain",
        "self-edge",
        "feedback",
        "transposed",
        "delay 2",
        "tied",
        "predicted input",
        "cycle without delay",
        "energy huber",
    }


# Closed forms ---------------------------------------------------------------------------------


def scalar(nodes: Tree, edges: list[Tree], **sections: Any) -> UnrolledNetwork:
    """One unit per node, edges without bias unless they say their operator."""
    bare = {"op": {"dense": {"bias": False}}}
    written = [{**bare, **edge} for edge in edges]
    shaped = {name: {"shape": [1], **node} for name, node in nodes.items()}
    return UnrolledNetwork({"nodes": shaped, "edges": written, **sections})


X, Y = {"role": "input"}, {"role": "output"}


def weights(network: UnrolledNetwork, value: float) -> Tree:
    return {e.name: {"weight": np.full((1, 1), value)} for e in network.edges if e.owns_parameters}


def test_the_feedforward_start_of_a_leaky_integrator_is_a_geometric_series() -> None:
    """h[t] = w (x + h[t-1]), with w = 1/2 and x = 1: 1/2, 3/4, 7/8."""
    network = scalar(
        {"x": X, "h": {}, "y": Y},
        [{"path": "x -> h -> y"}, {"from": "h", "to": "h", "kind": "recurrent"}],
        time={"steps": 3},
    )
    params, batch = weights(network, 0.5), {"x": np.ones((1, 1)), "y": np.zeros((1, 1))}
    start = network.trace(params, batch).states[0]
    np.testing.assert_array_equal(start["h"].ravel(), [0.5, 0.75, 0.875])
    np.testing.assert_array_equal(start["y"].ravel(), [0.25, 0.375, 0.0])
    assert network.prediction(params, batch)["y"] == 0.4375


def test_a_term_that_reads_before_the_first_step_is_absent_with_its_bias() -> None:
    network = scalar(
        {"x": X, "s": {"energy": "none"}, "y": Y},
        [
            {"from": "x", "to": "s", "op": "dense", "delay": 1},
            {"from": "s", "to": "y", "op": "dense", "delay": 1},
        ],
        time={"steps": 3, "targets": "every"},
    )
    one = np.ones((1, 1))
    params = {name: {"weight": one, "bias": one[0]} for name in ("x->s", "s->y")}
    batch = {"x": one, "y": np.full((1, 3, 1), 5.0)}
    np.testing.assert_array_equal(network.prediction(params, batch)["y"].ravel(), [0, 0, 3])
    energies = network.trace(params, batch).energies[-1]
    np.testing.assert_array_equal(energies["y"].ravel(), [0, 0, 2])  # 1/2 (5 - 3)^2


def test_feedback_reads_ahead_and_averages_what_is_present() -> None:
    """nu[a, t] = 1/2 (w b[t] + w b[t + 1]), at the last step w b[t] alone."""
    network = scalar(
        {"x": X, "a": {}, "b": Y},
        [
            {"path": "x -> a -> b"},
            {"from": "b", "to": "a", "kind": "feedback", "op": {"transpose_of": "a->b"}},
            {"from": "b", "to": "a", "kind": "feedback", "name": "later", "delay": 1},
        ],
        time={"steps": 2},
        energy={"form": "bidirectional"},
    )
    params = {"x->a": {"weight": np.ones((1, 1))}, "a->b": {"weight": np.full((1, 1), 3.0)}}
    params["later"] = {"weight": np.full((1, 1), 5.0)}
    states = {"x": np.ones((1, 2, 1)), "a": np.zeros((1, 2, 1))}
    states["b"] = np.array([1.0, 2.0]).reshape(1, 2, 1)
    found = [network.predict(params, states, "a", t, feedback=True) for t in (0, 1)]
    assert [prediction.value for prediction in found if prediction] == [(3 + 10) / 2, 6]


def test_a_transposed_edge_adds_its_gradient_to_that_of_the_edge_it_transposes() -> None:
    """E = 1/2 (y - w h)^2 + 1/2 (h - w y)^2 by w: -(y - w h) h - (h - w y) y."""
    network = scalar(
        {"h": {}, "y": Y},
        [
            {"from": "h", "to": "y"},
            {"from": "y", "to": "h", "kind": "feedback", "op": {"transpose_of": "h->y"}},
        ],
        energy={"form": "bidirectional"},
    )
    w, h, y = 0.5, 2.0, 3.0
    params = weights(network, w)
    states = {name: np.full((1, 1, 1), value) for name, value in (("h", h), ("y", y))}
    held = network.held("output")
    gradient = network.derivatives(params, states, held)[1]
    assert set(gradient) == {"h->y"}
    np.testing.assert_allclose(gradient["h->y"]["weight"], -(y - w * h) * h - (h - w * y) * y)


def test_a_root_settles_between_its_prior_and_what_it_predicts() -> None:
    """min q/2 (r - m)^2 + p/2 (y - w r)^2 is r = (q m + p w y) / (q + p w^2)."""
    network = scalar(
        {"x": X, "r": {"prior": {"gaussian": {"mean": 2.0, "precision": 3.0}}}, "y": Y},
        [{"from": "x", "to": "y", "gain": 0.0}, {"from": "r", "to": "y"}],
        energy={"precision": {"per_node": {"y": 0.5}}},
        inference={"steps": 200},
    )
    params, batch = weights(network, 2.0), {"x": np.ones((1, 1)), "y": np.full((1, 1), 7.0)}
    r = network.trace(params, batch).states[-1]["r"]
    np.testing.assert_allclose(r.ravel(), (3 * 2 + 0.5 * 2 * 7) / (3 + 0.5 * 4))


def test_joined_parts_stand_in_forward_order_and_an_absent_part_is_zero() -> None:
    spec = {
        "nodes": {
            "z": {"shape": [1], "role": "input"},
            "b": {"shape": [2]},
            "a": {"shape": [3], "combine": "concat"},
            "y": {"shape": [1], "role": "output"},
        },
        "edges": [
            {"from": "b", "to": "a", "op": "identity"},
            {"from": "z", "to": "b"},
            {"from": "z", "to": "a", "op": "identity", "delay": 1},
            {"from": "a", "to": "y"},
        ],
        "time": {"steps": 2},
    }
    network = UnrolledNetwork(spec)
    states = {"z": np.array([7.0, 8.0]).reshape(1, 2, 1), "b": np.arange(4.0).reshape(1, 2, 2)}
    found = [network.predict({}, states, "a", t) for t in (0, 1)]
    values = [prediction.value.ravel().tolist() for prediction in found if prediction]
    assert values == [[0, 0, 1], [7, 2, 3]]


@pytest.mark.parametrize(
    ("edges", "order"),
    [
        (["c -> b", "z -> a"], ["c", "b", "z", "a"]),
        (["b -> a", "c -> a"], ["b", "c", "a"]),
        (["x -> c", "c -> b", "b @ c", "b -> a"], ["x", "c", "b", "a"]),
    ],
)
def test_the_canonical_order_takes_the_smallest_name_that_may_come_next(
    edges: list[str], order: list[str]
) -> None:
    written = [
        {"from": edge[0], "to": edge[-1], **({"delay": 1} if "@" in edge else {})} for edge in edges
    ]
    spec = {"nodes": {n: {"shape": [1]} for n in sorted(order)}, "edges": written}
    nodes = read_nodes(spec)
    assert canonical_order(nodes, read_edges(spec, nodes).values()) == order
