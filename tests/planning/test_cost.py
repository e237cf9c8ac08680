"""Operations and memory, counted by hand for x (4) -> h (3) -> y (2) with biases.

One pass of x->h costs 2*4*3 + 3 = 27 operations for a sample, one of h->y 2*3*2 + 2 = 14.
"""

from __future__ import annotations

from typing import Any

import jax
import pytest

import pccompiler as pcc
from pccompiler.passes import OPTIONAL
from pccompiler.planning.cost import bytes_text, cost, edge_flops
from tests.lowering.networks import compiled, parameters, spec

OPTIMISED = True

FIRST, SECOND = 27, 14
NUDGE = {"predictive_coding": {"output": "nudge", "variant": "positive"}}


def step_flops(disable: tuple[str, ...] = (), **sections: Any) -> int:
    checked = pcc.check(spec(**sections), disable=disable)
    return cost(checked.plan, checked.spec).step_flops


def test_an_edge_costs_a_multiply_add_for_each_weight_and_an_add_for_each_bias() -> None:
    graph = pcc.check(spec()).graph
    assert {e.name: edge_flops(e) for e in graph.edges} == {"x->h": FIRST, "h->y": SECOND}
    assert {e.name: e.parameter_count for e in graph.edges} == {"x->h": 15, "h->y": 8}


def test_a_pipeline_costs_the_sum_of_its_operators() -> None:
    pipeline = [{"dense": {"units": 5, "bias": False}}, "tanh", "dense"]
    graph = pcc.check(spec(edges=[{"path": "x -> h"}, {"from": "h", "to": "y", "op": pipeline}]))
    edge = graph.graph.edge["h->y"]
    assert edge_flops(edge) == 2 * 3 * 5 + 5 + (2 * 5 * 2 + 2)
    assert edge.parameter_count == 3 * 5 + (5 * 2 + 2)


def test_a_dense_edge_on_two_axes_runs_once_for_each_row() -> None:
    nodes = {
        "x": {"shape": [6, 4], "role": "input"},
        "y": {"shape": [6, 3], "role": "output"},
    }
    [edge] = pcc.check(spec(nodes=nodes, edges=[{"path": "x -> y"}])).graph.edges
    assert (edge_flops(edge), edge.parameter_count) == (6 * FIRST, 15)


def test_without_passes_every_inference_step_evaluates_and_differentiates_every_edge() -> None:
    start = FIRST + SECOND
    inference = 5 * (FIRST + SECOND + SECOND)  # only h->y has a source that moves
    learning = (FIRST + SECOND) + (FIRST + SECOND)
    assert step_flops(OPTIONAL) == start + inference + learning


def test_hoisting_saves_the_edge_from_the_input_at_every_step() -> None:
    assert step_flops(OPTIONAL) - step_flops(("wavefront",)) == (5 + 1) * FIRST


def test_the_wavefront_saves_the_first_evaluation_of_the_edge_into_the_output() -> None:
    assert step_flops(("wavefront",)) - step_flops() == SECOND


def test_a_nudged_step_is_a_sweep_then_what_the_nudge_has_reached() -> None:
    """y moves at step 1, h at step 2 (with h->y as the sweep left it); step 3 is complete."""
    inference = 0 + SECOND + 2 * SECOND
    learning = SECOND + (FIRST + SECOND)  # the free phase has no error to learn from
    flops = step_flops(learning={"rule": NUDGE}, inference={"steps": 3})
    assert flops == (FIRST + SECOND) + inference + learning


def test_backprop_costs_a_pass_its_parameter_gradient_and_its_state_gradient() -> None:
    assert step_flops(learning={"rule": "backprop"}) == 2 * (FIRST + SECOND) + SECOND


@pytest.mark.parametrize(
    ("optimizer", "slots"), [("sgd", 0), ("momentum", 1), ("adam", 2), ("adamw", 2)]
)
def test_parameters_take_room_for_themselves_their_gradient_and_the_optimisers_memory(
    optimizer: str, slots: int
) -> None:
    checked = pcc.check(spec(learning={"optimizer": optimizer}))
    assert cost(checked.plan, checked.spec).parameter_bytes == 4 * 23 * (2 + slots)


def test_states_take_room_for_a_batch_with_gradient_memory_and_what_arrives() -> None:
    data = {"source": "digits", "batch_size": 10, "bind": {"image": "x", "label": "y"}}
    checked = pcc.check(spec(data=data, inference={"optimizer": "adam"}))
    total = cost(checked.plan, checked.spec)
    units, arriving = 4 + 3 + 2, 3 + 2
    assert total.state_bytes == 4 * 10 * (units * (2 + 2) + arriving)
    assert total.bytes == total.state_bytes + total.parameter_bytes


@pytest.mark.parametrize("rule", ["predictive_coding", "backprop"])
def test_the_count_is_xlas_where_the_program_is_straight(rule: str) -> None:
    """Two steps in a chain of one hidden node are written out, so XLA counts all of them.

    XLA also counts activations and energies, a few per cent of networks this wide.
    """
    size = 16
    nodes = {
        "x": {"shape": [256], "role": "input"},
        "h": {"shape": [512], "activation": "relu"},
        "y": {"shape": [256], "role": "output"},
    }
    model = compiled(nodes=nodes, learning={"rule": rule}, inference={"steps": 2})
    given = {name: jax.ShapeDtypeStruct((size, 256), "float64") for name in ("x", "y")}
    program = jax.jit(model.gradients).lower(parameters(model), given).compile()
    analysis: Any = program.cost_analysis()
    counted = analysis["flops"] / size
    assert 1.0 < counted / cost(model.plan, model.spec).step_flops < 1.05


def test_sizes_are_written_for_people() -> None:
    assert [bytes_text(n) for n in (0, 999, 1000, 1_536_000, 2 * 10**9, 3 * 10**12)] == [
        "0 B",
        "999 B",
        "1 kB",
        "1.54 MB",
        "2 GB",
        "3 TB",
    ]


def test_a_network_beyond_memory_is_refused_with_its_estimate_and_largest_edge() -> None:
    nodes = {
        "x": {"shape": [10**7], "role": "input"},
        "h": {"shape": [10**7]},
        "y": {"shape": [2], "role": "output"},
    }
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(spec(nodes=nodes))
    [problem] = caught.value.diagnostics
    assert (problem.code, problem.path) == ("PC308", "edges.x->h")
    # parameters 10^14 + 3 10^7 + 2, gradient included, no optimiser memory: 8 bytes each
    assert "about 800 TB" in problem.message


@pytest.mark.parametrize("axes", [30, 300])
def test_absurd_sizes_are_refused_too(axes: int) -> None:
    nodes = {
        "x": {"shape": [10**15] * axes, "role": "input"},
        "y": {"shape": [2], "role": "output"},
    }
    edges = [{"from": "x", "to": "y", "op": ["flatten", "dense"]}]
    with pytest.raises(pcc.SpecError, match="PC308"):
        pcc.check(spec(nodes=nodes, edges=edges))
