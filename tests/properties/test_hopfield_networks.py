"""Hopfield networks against the NumPy oracle, to 1e-10, on generated undirected graphs."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

import pccompiler as pcc
from pccompiler.passes import OPTIONAL
from tests.hopfield_strategies import (
    DESCENTS,
    FIXED_POINTS,
    PROPAGATION,
    RHO,
    STATE,
    HopfieldCase,
    hopfield_cases,
)
from tests.properties.programs import Tree, agree, by_time
from tests.reference.equilibrium_learning import Colours, EquilibriumLearner
from tests.reference.hopfield_network import Nudge
from tests.strategies import Spec, examples, shuffled

TOLERANCE = 1e-10


def compiled(case: HopfieldCase, disable: tuple[str, ...] = ()) -> pcc.CompiledModel:
    return pcc.compile(case.spec, disable=disable)


def colours_of(model: pcc.CompiledModel) -> dict[str, Colours]:
    """By phase; only where steps are asynchronous."""
    plans = (*model.plan.phases, model.plan.prediction)
    return {plan.name: plan.colours for plan in plans if plan.colours}


def computed(case: HopfieldCase, model: pcc.CompiledModel, energies: bool = True) -> Tree:
    """What the compiled network gives, as one program. Energies are those of all nodes."""
    params, batch = case.numbers()
    judge = case.judge()
    inputs = {name: batch[name] for name in judge.inputs}

    def program(params: Any, batch: Any, inputs: Any, states: Any) -> Tree:
        found: Tree = {
            "gradients": model.gradients(params, batch),
            "predictions": model.predict(params, inputs),
            "states": {},
            "energies": {},
            "given": {},
        }
        for name in judge.phases:
            trace = model.trace(params, batch, phase=name)
            found["states"][name] = trace["states"]
            if energies:
                found["energies"][name] = sum(trace["energies"].values())
                energy = model.energy(params, states[name], batch, phase=name)
                nodes = sum(energy["nodes"].values())
                found["given"][name] = {**energy, "nodes": nodes}
        return found

    return jax.jit(program)(params, batch, inputs, arbitrary(case, judge))


def arbitrary(case: HopfieldCase, judge: EquilibriumLearner) -> dict[str, Tree]:
    """Arbitrary states for every phase, held where it holds data."""
    _, batch = case.numbers()
    states = case.states()
    return {
        name: {**states, **{n: batch[n] for n in judge.clamped_in(phase)}}
        for name, phase in judge.phases.items()
    }


def expected(case: HopfieldCase, colours: dict[str, Colours], energies: bool = True) -> Tree:
    """The same by the oracle, whose steps go over the colours as the program's do."""
    judge, (params, batch) = case.judge(colours), case.numbers()
    wanted: Tree = {
        "gradients": judge.gradients(params, batch),
        "predictions": judge.predict(params, batch),
        "states": {},
        "energies": {},
        "given": {},
    }
    states = arbitrary(case, judge)
    for name, phase in judge.phases.items():
        trace = judge.trace(params, batch, name)
        wanted["states"][name] = by_time(trace.states)
        if energies:
            wanted["energies"][name] = np.stack([sum(e.values()) for e in trace.energies])
            clamped = judge.clamped_in(phase)
            nodes = sum(judge.energies(params, states[name], clamped).values())
            targets = {output: batch[output] for output in judge.outputs}
            external = phase.beta * judge.loss_value(params, states[name], targets)
            wanted["given"][name] = {
                "nodes": nodes,
                "external": external,
                "total": nodes + external,
            }
    return wanted


def compare(case: HopfieldCase, energies: bool = True) -> None:
    model = compiled(case)
    wanted = expected(case, colours_of(model), energies)
    agree(computed(case, model, energies), wanted, TOLERANCE)


@pytest.mark.parametrize("rule", [PROPAGATION, "contrastive_hebbian", "coupled_learning"])
@pytest.mark.parametrize("form", [STATE, RHO], ids=["state", "rho"])
def test_states_energies_gradients_and_predictions_are_the_oracles(rule: str, form: Any) -> None:
    """After every step of every phase, and of arbitrary states."""

    @examples(3 if rule == PROPAGATION else 2)
    @given(hopfield_cases(forms=(form,), rules=(rule,), images=False))
    def holds(case: HopfieldCase) -> None:
        compare(case)

    holds()


@examples(2)
@given(hopfield_cases(images=True))
def test_networks_of_images_are_the_oracles(case: HopfieldCase) -> None:
    compare(case)


@pytest.mark.parametrize("order", ["odd_first", "even_first"])
def test_asynchronous_steps_are_the_oracles(order: str) -> None:
    @examples(2)
    @given(hopfield_cases(updates=({"asynchronous": {"order": order}},), images=False))
    def holds(case: HopfieldCase) -> None:
        compare(case)

    holds()


@examples(2)
@given(hopfield_cases(untied=True, rules=(PROPAGATION,), images=False))
def test_networks_with_ways_back_of_their_own_are_the_oracles(case: HopfieldCase) -> None:
    """They have no energy; what equilibrium propagation hands over comes from their field."""
    compare(case, energies=False)


@pytest.mark.parametrize("name", [*OPTIONAL, "all"])
def test_leaving_out_a_pass_changes_no_number(name: str) -> None:
    @examples(2)
    @given(hopfield_cases())
    def holds(case: HopfieldCase) -> None:
        disable = OPTIONAL if name == "all" else (name,)
        agree(
            computed(case, compiled(case, disable), energies=False),
            computed(case, compiled(case), energies=False),
            TOLERANCE,
        )

    holds()


@examples(3)
@given(hopfield_cases(), st.data())
def test_the_order_of_declaration_changes_no_number(case: HopfieldCase, data: Any) -> None:
    spec = data.draw(shuffled(case.spec))
    note(f"shuffled: {spec}")
    model, other = compiled(case), pcc.compile(spec)
    assert colours_of(model) == colours_of(other)
    agree(computed(case, other), computed(case, model), 1e-12)


# Colours ------------------------------------------------------------------------------------


def sharing(judge: EquilibriumLearner, nudged: bool) -> set[frozenset[str]]:
    """Pairs of nodes that stand in one term of the energy.

    <r_n, a_n> has n with every source, through nodes that pass through; a sum that passes
    through a function has all its sources in one term, and so has a readout under a nudge.
    """

    def behind(node: str) -> set[str]:
        if not judge.nodes[node].passes:
            return {node}
        return {s for edge in judge.into(node) for s in behind(edge.source)}

    pairs: set[frozenset[str]] = set()
    for name, node in judge.nodes.items():
        sources = {s for edge in judge.into(name) for s in behind(edge.source)}
        if not node.passes:
            pairs |= {frozenset((name, source)) for source in sources}
        elif node.activation != "identity" or (nudged and node.role == "output"):
            pairs |= {frozenset((one, other)) for one in sources for other in sources}
    return {pair for pair in pairs if len(pair) == 2}


@examples(60)
@given(hopfield_cases(updates=({"asynchronous": {"order": "odd_first"}},)))
def test_no_two_nodes_of_a_colour_share_a_term_and_all_free_nodes_have_one(
    case: HopfieldCase,
) -> None:
    model, judge = compiled(case), case.judge()
    for plan in model.plan.phases:
        phase = judge.phases[plan.name]
        free = set(judge.variables) - set(judge.clamped_in(phase))
        assert sorted(name for colour in plan.colours for name in colour) == sorted(free)
        together = sharing(judge, nudged=phase.beta != 0)
        for colour in plan.colours:
            pairs = {frozenset((one, other)) for one in colour for other in colour if one != other}
            assert not pairs & together


@examples(20)
@given(hopfield_cases(updates=({"asynchronous": {"order": "odd_first"}},)))
def test_even_first_goes_over_the_colours_backwards(case: HopfieldCase) -> None:
    update = {"asynchronous": {"order": "even_first"}}
    inference = {**case.spec["inference"], "update": update}
    odd, even = (
        colours_of(compiled(case)),
        colours_of(pcc.compile({**case.spec, "inference": inference})),
    )
    assert {name: colours[::-1] for name, colours in odd.items()} == even


CHAIN: Spec = {
    "pcc": 1,
    "name": "chain",
    "nodes": {
        "x": {"shape": [3], "role": "input"},
        "a": {"shape": [4], "activation": "hard_sigmoid"},
        "b": {"shape": [3], "activation": "hard_sigmoid"},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [{"path": "x -> a -> b -> y"}],
    "energy": {"form": "hopfield"},
    "inference": {
        "init": "zeros",
        "optimizer": "fixed_point",
        "steps": 20,
        "update": {"asynchronous": {"order": "odd_first"}},
    },
    "learning": {"rule": PROPAGATION},
}


def test_odd_first_begins_next_to_the_inputs() -> None:
    model = pcc.compile(CHAIN)
    assert set(map(frozenset, model.plan.phases[0].colours)) == {frozenset("ay"), frozenset("b")}
    assert "a" in model.plan.phases[0].colours[0]


# What the energy promises -------------------------------------------------------------------


def energy_per_step(case: HopfieldCase) -> dict[str, np.ndarray]:
    """F of every sample after every step, by phase."""
    model, judge, (params, batch) = compiled(case), case.judge(), case.numbers()
    found = {}
    for name, phase in judge.phases.items():
        trace = model.trace(params, batch, phase=name)
        states = {n: np.asarray(x) for n, x in trace["states"].items()}
        targets = {output: batch[output] for output in judge.outputs}
        external = [
            phase.beta * judge.loss_value(params, {n: x[t] for n, x in states.items()}, targets)
            for t in range(len(next(iter(states.values()))))
        ]
        found[name] = np.asarray(sum(trace["energies"].values())) + np.stack(external)
    return found


def slowly(case: HopfieldCase) -> HopfieldCase:
    inference = {**case.spec["inference"], "optimizer": {"sgd": {"learning_rate": 0.005}}}
    spec = {**case.spec, "inference": {**inference, "steps": 30}}
    spec.pop("prediction", None)
    return HopfieldCase(spec, case.seed, scale=0.7)


@examples(2)
@given(hopfield_cases(images=False))
def test_at_a_small_rate_the_energy_falls_at_every_step(case: HopfieldCase) -> None:
    for energies in energy_per_step(slowly(case)).values():
        start = 1  # a node's range may not hold its start
        assert np.all(np.diff(energies[start:], axis=0) <= 1e-13)


@examples(2)
@given(
    hopfield_cases(
        forms=(STATE,),
        optimizers=FIXED_POINTS,
        updates=({"asynchronous": {"order": "odd_first"}},),
        bare=True,
        images=False,
        ranges=False,
        scale=2.0,
    )
)
def test_asynchronous_fixed_points_never_raise_the_energy_of_a_free_network(
    case: HopfieldCase,
) -> None:
    """F is convex in a node without lateral edges, and a step goes to its minimum, whatever the
    weights. A negative nudge may be stronger than G, so the free phase alone."""
    edges = [edge for edge in case.spec["edges"] if edge["from"] != edge["to"]]
    energies = energy_per_step(HopfieldCase({**case.spec, "edges": edges}, case.seed, scale=2.0))
    scale = np.abs(energies["free"]).max(initial=1.0)
    assert np.all(np.diff(energies["free"], axis=0) <= 1e-13 * scale)


@examples(2)
@given(hopfield_cases(optimizers=(*FIXED_POINTS, *DESCENTS), images=False))
def test_states_stay_in_the_ranges_of_their_nodes(case: HopfieldCase) -> None:
    judge, (params, batch) = case.judge(), case.numbers()
    model = compiled(case)
    for name, phase in judge.phases.items():
        states = model.trace(params, batch, phase=name)["states"]
        for node in set(judge.variables) - set(judge.clamped_in(phase)):
            low, high = judge.nodes[node].range
            later = np.asarray(states[node])[1:]
            assert low is None or np.all(later >= low)
            assert high is None or np.all(later <= high)


# Lateral edges ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{}, {"kind": "recurrent"}], ids=["plain", "recurrent"])
@pytest.mark.parametrize("bias", [False, True])
def test_lateral_weights_are_drawn_symmetric_and_without_a_diagonal(kind: Spec, bias: bool) -> None:
    lateral = {"from": "a", "to": "a", "op": {"dense": {"bias": bias}}, **kind}
    model = pcc.compile({**CHAIN, "edges": [*CHAIN["edges"], lateral]})
    own = model.init(jax.random.key(0), dtype=np.dtype("float64"))["a->a"]
    weight = np.asarray(own["weight"])
    assert weight.any()
    assert ("bias" in own) == bias
    np.testing.assert_allclose(weight, weight.T, atol=1e-15)
    np.testing.assert_array_equal(np.diag(weight), 0)


def test_the_gradient_of_a_lateral_weight_is_symmetric_and_has_no_diagonal() -> None:
    lateral = {"from": "a", "to": "a", "op": {"dense": {"bias": False}}}
    nodes = {**CHAIN["nodes"], "a": {"shape": [4], "activation": "tanh"}}
    case = HopfieldCase({**CHAIN, "nodes": nodes, "edges": [*CHAIN["edges"], lateral]}, 0)
    weight = np.asarray(compiled(case).gradients(*case.numbers())["a->a"]["weight"])
    assert weight.any()
    np.testing.assert_allclose(weight, weight.T, atol=1e-15)
    np.testing.assert_array_equal(np.diag(weight), 0)


def test_the_slope_at_the_end_of_a_long_relaxation_is_zero() -> None:
    """The program's fixed point is a stationary point of the oracle's energy."""
    nodes = {**CHAIN["nodes"], "a": {"shape": [4], "activation": "tanh"}}
    nodes["b"] = {"shape": [3], "activation": "shifted_sigmoid"}
    inference = {**CHAIN["inference"], "steps": 300}
    case = HopfieldCase({**CHAIN, "nodes": nodes, "inference": inference}, 0, scale=0.7)
    judge, (params, batch) = case.judge(), case.numbers()
    states = {
        n: np.asarray(x) for n, x in compiled(case).infer(params, batch, phase="free").items()
    }
    for name in ("a", "b", "y"):
        slope = judge.slope(params, states, Nudge(0.0, {}), name)
        np.testing.assert_allclose(slope, 0, atol=1e-11)
