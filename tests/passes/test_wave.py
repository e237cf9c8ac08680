"""When information reaches a node: hoisting and the wavefront against independent derivations."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pccompiler as pcc
from pccompiler.components.phases import PhaseKind
from pccompiler.ir.graph import Graph
from pccompiler.passes import OPTIONAL
from pccompiler.passes.wavefront import LONGEST_FRONT
from pccompiler.planning.plan import NEVER, PhasePlan, Repeat
from tests.strategies import examples, specs

Spec = dict[str, Any]

cases = specs(inits=("feedforward",), predicted_inputs=True)


def relaxing(spec: Spec, disable: tuple[str, ...] = ()) -> list[tuple[Graph, PhasePlan]]:
    plan = pcc.check(spec, disable=disable).plan
    return [(plan.graph, p) for p in plan.phases if p.kind is PhaseKind.RELAX]


def expected_arrivals(spec: Spec) -> dict[str, dict[str, int]]:
    """For every relaxing phase, the first step at which each error can be non-zero."""
    plan = pcc.check(spec).plan
    found: dict[str, dict[str, int]] = {}
    for phase in plan.phases:
        earlier = found.get(phase.start or "", {})
        there = {n for n, step in earlier.items() if step <= _steps(spec, phase.start) + 1}
        if phase.kind is PhaseKind.RELAX:
            found[phase.name] = _distances(plan.graph, phase, there)
    return found


def _steps(spec: Spec, phase: str | None) -> int:
    steps = spec["inference"]["steps"]
    return steps if isinstance(steps, int) else steps.get(phase, 0)


def _distances(graph: Graph, plan: PhasePlan, there: set[str]) -> dict[str, int]:
    """By breadth-first search over the errors.

    Two errors touch where they depend on the same free state: e_n depends on n and on its
    sources. The errors of clamped nodes, and those that an earlier phase left, are `there` at
    step 1; a nudged state moves at step 1, so that the errors it belongs to are there at
    step 2; from error to error takes a step.
    """
    free = set(plan.free)
    states = {n: ({n} | {e.source for e in graph.forward_edges(n)}) & free for n in plan.energies}
    steps = {n: 1 for n in plan.energies if n in plan.clamped or n in there}
    for n in plan.energies:
        if n not in steps and states[n] & set(plan.nudged):
            steps[n] = 2
    waiting = deque(sorted(steps, key=lambda n: steps[n]))
    while waiting:
        here = waiting.popleft()
        for other in plan.energies:
            if states[here] & states[other] and steps.get(other, NEVER) > steps[here] + 1:
                steps[other] = steps[here] + 1
                waiting.append(other)
    return steps


@examples(30)
@given(cases)
def test_an_error_arrives_after_as_many_steps_as_it_is_far_from_the_data(spec: Spec) -> None:
    expected = expected_arrivals(spec)
    for _, plan in relaxing(spec):
        steps = expected[plan.name]
        assert plan.arrival == {n: (steps.get(n, NEVER),) for n in plan.energies}


@examples(30)
@given(cases)
def test_a_free_node_moves_with_its_own_error_or_that_of_a_node_it_predicts(spec: Spec) -> None:
    for graph, plan in relaxing(spec):
        for name in plan.free:
            near = [plan.first_arrival(e.target) for e in graph.edges if e.source == name]
            own = [plan.first_arrival(name)] if name in plan.arrival else []
            nudge = [1] if name in plan.nudged else []
            assert plan.movement[name] == min([*near, *own, *nudge], default=NEVER)


@examples(30)
@given(cases)
def test_stretches_take_every_step_once_and_leave_out_only_what_is_zero(spec: Spec) -> None:
    for graph, plan in relaxing(spec):
        steps = [t for s in plan.stretches for t in range(s.first, s.last + 1)]
        assert steps == list(range(1, plan.steps + 1))
        for stretch in (*plan.stretches, plan.end):
            for name in plan.energies:
                counted = name in stretch.live
                first = plan.first_arrival(name)
                assert counted == (first <= stretch.last) or not _narrow(plan)
                if counted and first > stretch.first:
                    assert stretch.arrivals[name] == plan.arrival[name]
            for name in plan.free:
                moves = plan.movement[name] <= stretch.last
                assert not (moves and stretch is not plan.end) or name in stretch.moving
            for name in stretch.reused:
                source = graph.edge[name].source
                assert source in plan.clamped or plan.movement[source] >= stretch.last


def _narrow(plan: PhasePlan) -> bool:
    """Whether the wavefront has cut the steps apart."""
    return len(plan.stretches) > 1


@examples(30)
@given(cases)
def test_hoisting_reuses_the_edges_from_held_nodes_and_no_others(spec: Spec) -> None:
    for graph, plan in relaxing(spec, disable=("wavefront",)):
        held = {edge.name for edge in graph.edges if edge.source in plan.clamped}
        assert all(stretch.reused == held for stretch in plan.stretches)


@examples(20)
@given(cases)
def test_without_the_passes_a_phase_is_one_loop_that_reuses_nothing(spec: Spec) -> None:
    for _, plan in relaxing(spec, disable=OPTIONAL):
        [stretch] = plan.stretches
        assert (stretch.repeat, stretch.reused) == (Repeat.COUNTED, frozenset())
        assert stretch.live == tuple(plan.energies)


def chain(depth: int, **sections: Any) -> Spec:
    nodes = {"x": {"shape": [2], "role": "input"}, f"h[1..{depth}]": {"shape": [2]}}
    return {
        "pcc": 1,
        "name": "chain",
        "nodes": {**nodes, "y": {"shape": [2], "role": "output"}},
        "edges": [{"path": f"x -> h[1..{depth}] -> y"}],
        **sections,
    }


@given(st.integers(1, 30), st.integers(1, 40))
@examples(20)
def test_in_a_chain_the_error_of_a_layer_arrives_at_its_distance_from_the_output(
    depth: int, steps: int
) -> None:
    [(_, plan)] = relaxing(chain(depth, inference={"steps": steps}))
    expected = {f"h{i}": (depth - i + 2,) for i in range(1, depth + 1)} | {"y": (1,)}
    assert plan.arrival == expected
    assert plan.movement == {f"h{i}": depth - i + 1 for i in range(1, depth + 1)}
    cut = [s for s in plan.stretches if s.repeat is Repeat.UNROLLED]
    assert len(cut) <= min(steps, LONGEST_FRONT)


def test_a_front_longer_than_the_limit_goes_on_masked_in_the_loop() -> None:
    [(_, plan)] = relaxing(chain(20, inference={"steps": 30}))
    *unrolled, loop = plan.stretches
    assert [s.first for s in unrolled] == list(range(1, LONGEST_FRONT))
    assert (loop.first, loop.last, loop.repeat) == (LONGEST_FRONT, 30, Repeat.COUNTED)
    late = {n: t for n, t in plan.arrival.items() if min(t) > LONGEST_FRONT}
    assert loop.arrivals == late


@pytest.mark.parametrize(
    ("init", "stop", "cut"),
    [("feedforward", None, True), ("zeros", None, False), ("feedforward", 1e-3, False)],
)
def test_only_a_feedforward_start_with_a_fixed_number_of_steps_is_cut(
    init: str, stop: float | None, cut: bool
) -> None:
    inference = {"init": init, "steps": 10} | ({"stop": {"residual": stop}} if stop else {})
    [(_, plan)] = relaxing(chain(3, inference=inference))
    assert _narrow(plan) == cut


def test_the_states_that_a_cut_step_leaves_alone_really_have_no_gradient() -> None:
    """Steps of gradient descent on a hand-written energy, nothing masked, in float64."""
    import jax
    import jax.numpy as jnp

    spec = {
        "pcc": 1,
        "name": "dag",
        "nodes": {
            "x": {"shape": [3], "role": "input"},
            "a": {"shape": [2]},
            "b": {"shape": [2]},
            "c": {"shape": [2]},
            "y": {"shape": [2], "role": "output"},
        },
        "edges": [{"path": "x -> a -> b -> c -> y"}, {"from": "a", "to": "c", "op": "dense"}],
        "inference": {"steps": 6},
    }
    [(graph, plan)] = relaxing(spec)
    with jax.enable_x64(True):
        keys = iter(jax.random.split(jax.random.key(0), 9))
        weights = {
            e.name: jax.random.normal(next(keys), (e.shapes[0][0], e.shapes[-1][0]), jnp.float64)
            for e in graph.edges
        }
        x = jax.random.normal(next(keys), (4, 3), jnp.float64)
        target = jax.random.normal(next(keys), (4, 2), jnp.float64)

        def predicted(states: dict[str, Any], name: str) -> Any:
            return jnp.tanh(
                sum(states[e.source] @ weights[e.name] for e in graph.forward_edges(name))
            )

        def energy(free: dict[str, Any]) -> Any:
            states = {"x": x, "y": target, **free}
            errors = [states[n] - predicted(states, n) for n in plan.energies]
            return sum(0.5 * (e * e).sum() for e in errors)

        states: dict[str, Any] = {"x": x}
        for name in ("a", "b", "c"):
            states[name] = predicted(states, name)
        free = {name: states[name] for name in "abc"}
        slope = jax.jit(jax.grad(energy))
        for stretch in plan.stretches:
            for _ in range(stretch.first, stretch.last + 1):
                gradient = slope(free)
                for name in "abc":
                    size = float(abs(gradient[name]).max())
                    assert (size > 1e-6) == (name in stretch.moving), (stretch.first, name)
                free = {n: free[n] - 0.1 * gradient[n] for n in free}
    everything = ("a", "b", "c")
    assert [s.moving for s in plan.stretches] == [("c",), everything, everything]


def test_a_nudged_readout_that_passes_its_prediction_through_moves_what_it_reads() -> None:
    """The pull on y = W g + b moves g at step 1; from there an edge a step, as from any state."""
    spec = chain(2, inference={"steps": 10}, energy={"loss": "cross_entropy"})
    spec["nodes"]["y"]["energy"] = "none"
    spec["learning"] = {"rule": {"predictive_coding": {"output": "nudge"}}}
    for _, plan in relaxing(spec):
        assert plan.movement == {"h2": 1, "y": 1, "h1": 2}
        assert plan.arrival == {"h2": (2,), "h1": (3,)}
        assert set(plan.end.live) == {"h1", "h2"}


def test_nudging_a_readout_trains_the_nodes_below_it_as_backprop_does() -> None:
    """A centred nudge of size beta makes the gradient of the loss, up to beta^2."""
    import jax
    import numpy as np

    spec = chain(2, inference={"steps": 120, "optimizer": {"sgd": {"learning_rate": 0.3}}})
    spec["nodes"]["y"]["energy"] = "none"
    spec["energy"] = {"loss": "cross_entropy"}
    rule = {"predictive_coding": {"output": "nudge", "beta": 0.01, "variant": "centred"}}
    x = np.array([[0.5, -1.0], [2.0, 0.25], [-0.5, 0.75]], np.float32)
    batch = {"x": x, "y": np.eye(2, dtype=np.float32)[[0, 1, 1]]}
    nudged, exact = (pcc.compile({**spec, "learning": {"rule": r}}) for r in (rule, "backprop"))
    params = exact.init(jax.random.key(0))
    found, wanted = nudged.gradients(params, batch), exact.gradients(params, batch)
    for name in ("x->h1", "h1->h2", "h2->y"):
        np.testing.assert_allclose(found[name]["weight"], wanted[name]["weight"], atol=2e-3)
        assert abs(wanted[name]["weight"]).max() > 0.05
