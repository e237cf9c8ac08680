"""Shapes: inferred along edges, and every mismatch told with both shapes."""

from __future__ import annotations

from typing import Any

import pytest

import pccompiler as pcc
from pccompiler.diagnostics.diagnostic import Diagnostic

Op = Any


def shapes(nodes: dict[str, Any], *edges: tuple[str, str, Op]) -> dict[str, tuple[int, ...] | None]:
    """The inferred shapes; a node is given by its shape, None or empty where it is left out."""
    return {node.name: node.shape for node in pcc.check(_spec(nodes, edges)).graph.nodes}


def complaints(nodes: dict[str, Any], *edges: tuple[str, str, Op]) -> list[Diagnostic]:
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(_spec(nodes, edges))
    return list(caught.value.diagnostics)


def _spec(nodes: dict[str, Any], edges: tuple[tuple[str, str, Op], ...]) -> dict[str, Any]:
    roles = {"x": "input", "x2": "input", "y": "output"}
    return {
        "pcc": 1,
        "name": "g",
        "nodes": {
            name: ({"shape": shape} if shape else {}) | {"role": roles.get(name, "hidden")}
            for name, shape in nodes.items()
        },
        "edges": [{"from": a, "to": b, "op": op} for a, b, op in edges],
    }


@pytest.mark.parametrize(
    ("source", "op", "inferred"),
    [
        ([4], {"dense": {"units": 7}}, (7,)),
        ([4, 3], {"dense": {"units": 7}}, (4, 7)),
        ([4, 3], "flatten", (12,)),
        ([4, 3], ["flatten", {"dense": {"units": 5}}, "tanh"], (5,)),
        ([2, 3, 4], "identity", (2, 3, 4)),
        ([2, 3, 4], ["relu", "flatten"], (24,)),
        ([2, 3, 4], [], (2, 3, 4)),
        ([4], [{"dense": {"units": 7}}, {"dense": {"units": 9}}], (9,)),
    ],
)
def test_an_edge_gives_its_target_the_shape_that_it_makes(
    source: list[int], op: Op, inferred: tuple[int, ...]
) -> None:
    found = shapes(
        {"x": source, "h": None, "y": [2]}, ("x", "h", op), ("h", "y", ["flatten", "dense"])
    )
    assert found["h"] == inferred


@pytest.mark.parametrize("order", [("x", "x2"), ("x2", "x")])
def test_any_incoming_edge_may_determine_a_shape(order: tuple[str, str]) -> None:
    """Which edge comes first follows from names, and must not decide what is legal."""
    sizing, asking = order
    found = shapes(
        {"x": [4], "x2": [6], "h": None, "y": [2]},
        (sizing, "h", {"dense": {"units": 5}}),
        (asking, "h", "dense"),
        ("h", "y", "dense"),
    )
    assert found["h"] == (5,)


def test_a_shape_passes_through_a_chain_of_nodes_that_give_none() -> None:
    found = shapes(
        {"x": [4, 2], "h": None, "g": None, "y": None},
        ("x", "h", "tanh"),
        ("h", "g", "flatten"),
        ("g", "y", {"dense": {"units": 3}}),
    )
    assert found == {"x": (4, 2), "h": (4, 2), "g": (8,), "y": (3,)}


def test_an_operator_in_the_middle_takes_its_size_from_the_target_through_elementwise_ones() -> (
    None
):
    graph = pcc.check(_spec({"x": [4], "y": [3]}, (("x", "y", ["tanh", "dense", "relu"]),))).graph
    assert graph.edge["x->y"].shapes == ((4,), (4,), (3,), (3,))


def test_a_mismatch_names_edge_operator_nodes_and_both_shapes() -> None:
    [problem] = complaints({"x": [8, 8], "y": [10]}, ("x", "y", "dense"))
    assert problem.code == "PC303"
    for part in ("x->y", "dense", "`x`", "[8, 8]", "[8, 10]", "`y`", "[10]"):
        assert part in problem.message
    assert "flatten" in problem.help


@pytest.mark.parametrize("op", ["tanh", "identity", [], {"dense": {"units": 5}}])
def test_a_map_that_cannot_reach_its_target_is_refused(op: Op) -> None:
    [problem] = complaints({"x": [4], "y": [3]}, ("x", "y", op))
    assert (problem.code, problem.path) == ("PC303", "edges.x->y")
    assert "  " not in problem.message


def test_two_edges_that_determine_different_shapes_do_not_meet() -> None:
    [problem] = complaints(
        {"x": [4], "x2": [6], "h": None, "y": [2]},
        ("x", "h", "identity"),
        ("x2", "h", "identity"),
        ("h", "y", "dense"),
    )
    assert (problem.code, problem.path) == ("PC303", "edges.x2->h")


def test_a_dense_edge_cannot_size_a_node_and_says_how_to() -> None:
    [problem] = complaints(
        {"x": [4], "h": None, "y": [2]}, ("x", "h", "dense"), ("h", "y", "dense")
    )
    assert (problem.code, problem.path) == ("PC303", "edges.x->h")
    assert "units" in problem.help


def test_a_root_without_a_shape_is_told_once_and_its_consequences_are_not() -> None:
    [problem] = complaints(
        {"x": None, "h": None, "y": [2]}, ("x", "h", "tanh"), ("h", "y", "dense")
    )
    assert (problem.code, problem.path) == ("PC304", "nodes.x")


def test_all_mismatches_come_in_one_run() -> None:
    found = complaints(
        {"x": [4], "x2": None, "h": [3], "y": [2]},
        ("x", "h", "tanh"),
        ("x2", "h", "dense"),
        ("h", "y", "tanh"),
    )
    assert {(problem.code, problem.path) for problem in found} == {
        ("PC304", "nodes.x2"),
        ("PC303", "edges.x->h"),
        ("PC303", "edges.h->y"),
    }
