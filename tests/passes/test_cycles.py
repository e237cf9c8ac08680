"""Cycles of edges without delay are refused, and named."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

import pccompiler as pcc
from pccompiler.diagnostics.diagnostic import Diagnostic


def cycles(*paths: str) -> list[Diagnostic]:
    """The complaints about x -> a -> b -> c -> y with further edges."""
    spec = {
        "pcc": 1,
        "name": "g",
        "nodes": {
            "x": {"shape": [2], "role": "input"},
            **{name: {"shape": [2]} for name in "abc"},
            "y": {"shape": [2], "role": "output"},
        },
        "edges": [{"path": "x -> a -> b -> c -> y"}, *({"path": path} for path in paths)],
    }
    try:
        pcc.check(spec)
    except pcc.SpecError as error:
        return list(error.diagnostics)
    return []


@pytest.mark.parametrize(
    ("path", "members"),
    [("a -> a", {"a"}), ("b -> a", {"a", "b"}), ("c -> a", {"a", "b", "c"})],
)
def test_a_cycle_is_named_by_its_edges_in_order(path: str, members: set[str]) -> None:
    [problem] = cycles(path)
    assert problem.code == "PC302"
    walk = problem.message.removeprefix("the edges ").removesuffix(" form a cycle").split(" -> ")
    assert walk[0] == walk[-1]
    assert set(walk) == members
    edges = {f"{a}->{b}" for a, b in pairwise(walk)}
    assert edges <= {"a->b", "b->c", path.replace(" ", "")}


def test_every_separate_cycle_is_told() -> None:
    found = cycles("a -> a", "c -> b")
    assert [problem.message for problem in found] == [
        "the edges a -> a form a cycle",
        "the edges b -> c -> b form a cycle",
    ]


def test_a_cycle_through_the_data_is_a_cycle_too() -> None:
    [problem] = cycles("y -> x")
    assert "a -> b -> c -> y -> x -> a" in problem.message


def test_two_ways_to_the_same_node_are_no_cycle() -> None:
    assert cycles("x -> c", "a -> y", "a -> c") == []


def test_parallel_edges_are_no_cycle() -> None:
    spec = {
        "pcc": 1,
        "name": "g",
        "nodes": {"x": {"shape": [2], "role": "input"}, "y": {"shape": [2], "role": "output"}},
        "edges": [{"path": "x -> y"}, {"from": "x", "to": "y", "name": "second"}],
    }
    assert [edge.name for edge in pcc.check(spec).graph.edges] == ["second", "x->y"]


LAYERS = """\
pcc: 1
name: g
nodes:
  x: {shape: [2], role: input}
  h[1..3]: {shape: [2]}
  y: {shape: [2], role: output}
edges:
"""


@pytest.mark.parametrize(
    ("edges", "line"),
    [
        ("  - {path: 'x -> h[1..3] -> y'}\n  - {from: h2, to: h1@}\n", 9),
        ("  - {from: h2, to: h1@}\n  - {path: 'x -> h[1..3] -> y'}\n", 9),
        (
            "  - {path: x -> h1}\n  - {path: h2 -> h3 -> y}\n  - {path: h1 -> h2}\n"
            "  - {from: h3, to: h1@}\n",
            11,
        ),
        ("  - {path: 'x -> h[1..3] -> y'}\n  - {from: h2, to: h2@}\n", 9),
    ],
)
def test_a_cycle_is_told_at_the_edge_that_closes_it_last_in_the_file(
    tmp_path: Path, edges: str, line: int
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(LAYERS + edges.replace("@", ""), encoding="utf-8")
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(path)
    [problem] = caught.value.diagnostics
    assert problem.code == "PC302"
    assert problem.span is not None
    assert problem.span.line == line


@pytest.mark.parametrize(
    ("mark", "also"),
    [
        (", kind: recurrent", "time: {steps: 4}"),
        (", kind: recurrent, delay: 0", "inference: {init: zeros}"),
    ],
)
def test_what_is_advised_against_a_cycle_is_accepted(tmp_path: Path, mark: str, also: str) -> None:
    path = tmp_path / "spec.yaml"
    edges = "  - {path: 'x -> h[1..3] -> y'}\n  - {from: h2, to: h1@}\n"
    path.write_text(LAYERS + edges.replace("@", ""), encoding="utf-8")
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(path)
    for part in (*mark.removeprefix(", ").split(", "), also):
        assert part in caught.value.diagnostics[0].help
    path.write_text(LAYERS + edges.replace("@", mark) + also + "\n", encoding="utf-8")
    assert pcc.check(path).graph.edges
