"""Graphs broken by hand: the invariant, the pass and the culprit are named."""

from __future__ import annotations

from dataclasses import replace

import pytest

import pccompiler as pcc
from pccompiler.components.energies import PassThrough
from pccompiler.ir.graph import Graph, Stage
from pccompiler.ir.verify import CompilerBugError, verify

SPEC = {
    "pcc": 1,
    "name": "g",
    "nodes": {
        "x": {"shape": [4], "role": "input"},
        "h": {"shape": [3]},
        "y": {"shape": [2], "role": "output"},
    },
    "edges": [{"path": "x -> h -> y"}, {"from": "x", "to": "y", "kind": "skip"}],
}


def typed() -> Graph:
    return pcc.check(SPEC).graph


def with_node(graph: Graph, name: str, **changes: object) -> Graph:
    nodes = (n.replace(**changes) if n.name == name else n for n in graph.nodes)
    return graph.replace(nodes=tuple(nodes))


def with_edge(graph: Graph, name: str, **changes: object) -> Graph:
    edges = (e.replace(**changes) if e.name == name else e for e in graph.edges)
    return graph.replace(edges=tuple(edges))


def back_edge(graph: Graph) -> Graph:
    back = graph.edge["h->y"].replace(
        name="y->h", source="y", target="h", shapes=((2,), (3,)), operators=(), span=None
    )
    return Graph.of(graph.name, Stage.TYPED, graph.nodes, (*graph.edges, back))


GRAPH = typed()
BROKEN = {
    "two nodes of one name": (
        GRAPH.replace(nodes=(*GRAPH.nodes, GRAPH.node["h"])),
        "names are unique",
        "g",
    ),
    "two edges of one name": (
        GRAPH.replace(edges=(*GRAPH.edges, GRAPH.edge["x->h"])),
        "names are unique",
        "g",
    ),
    "an edge from nowhere": (
        with_edge(GRAPH, "x->y", source="z"),
        "every edge joins two nodes of the graph",
        "x->y",
    ),
    "an edge to nowhere": (
        with_edge(GRAPH, "x->y", target="z"),
        "every edge joins two nodes of the graph",
        "x->y",
    ),
    "a pass-through root": (
        with_node(GRAPH, "x", energy=PassThrough()),
        "a pass-through node is predicted",
        "x",
    ),
    "nodes out of order": (
        GRAPH.replace(nodes=GRAPH.nodes[::-1]),
        "nodes and edges stand in canonical order",
        "g",
    ),
    "edges out of order": (
        GRAPH.replace(edges=GRAPH.edges[::-1]),
        "nodes and edges stand in canonical order",
        "g",
    ),
    "a cycle": (back_edge(GRAPH), "undelayed edges are acyclic", "g"),
    "a node without a shape": (with_node(GRAPH, "h", shape=None), "every node has a shape", "h"),
    "an edge that starts elsewhere": (
        with_edge(GRAPH, "x->h", shapes=((5,), (3,))),
        "an edge's shapes lead from its source to its target",
        "x->h",
    ),
    "an edge that ends elsewhere": (
        with_edge(GRAPH, "x->h", shapes=((4,), (9,))),
        "an edge's shapes lead from its source to its target",
        "x->h",
    ),
    "an edge without shapes": (
        with_edge(GRAPH, "x->h", shapes=()),
        "an edge's shapes lead from its source to its target",
        "x->h",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_invariant_names_itself_the_pass_and_the_culprit(fault: str) -> None:
    graph, invariant, culprit = BROKEN[fault]
    with pytest.raises(CompilerBugError) as caught:
        verify(graph, after="some_pass")
    [problem] = caught.value.diagnostics
    assert problem.code == "PC901"
    assert problem.message == f"after the pass `some_pass`: {invariant} (`{culprit}`)"
    assert "graph g [typed]" in problem.help


def test_the_printed_graph_points_at_the_culprit() -> None:
    with pytest.raises(CompilerBugError) as caught:
        verify(with_node(GRAPH, "h", shape=None), after="some_pass")
    marked = [line for line in caught.value.diagnostics[0].help.splitlines() if line[:1] == ">"]
    assert len(marked) == 1
    assert marked[0].startswith("> node h : [B,?]")


def test_a_compiler_bug_ends_with_exit_code_1_and_no_blame_on_the_user() -> None:
    with pytest.raises(CompilerBugError, match="a bug in pcc, not in the spec") as caught:
        verify(GRAPH.replace(nodes=GRAPH.nodes[::-1]), after="some_pass")
    assert caught.value.exit_code == 1


def test_a_graph_that_is_only_built_needs_no_shapes() -> None:
    built = replace(GRAPH, stage=Stage.BUILT)
    verify(with_edge(with_node(built, "h", shape=None), "x->h", shapes=()), after="build")


def test_a_good_graph_passes() -> None:
    verify(GRAPH, after="infer_shapes")
