"""What repeats is drawn once; what does not is drawn as it is."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pccompiler.diagrams import ENGINES, VIEWS, draw
from pccompiler.diagrams.circuit import circuit
from pccompiler.diagrams.collapse import collapsed
from pccompiler.diagrams.network import picture
from pccompiler.diagrams.picture import Picture, PictureNode
from pccompiler.diagrams.repeats import LEAST, runs
from pccompiler.diagrams.unrolled import unrolled
from pccompiler.driver import check
from pccompiler.ir.graph import Edge, Graph, Node, Stage
from tests.diagrams.networks import bipc, chain, edge, node, recurrent


def residual(blocks: int) -> Graph:
    """image -> h0, then blocks h(i-1) -> a(i) -> h(i) with a skip, then label."""
    nodes = [node("image", role="input"), node("h0"), node("label", (10,), "output")]
    edges = [edge("image", "h0"), edge(f"h{blocks}", "label")]
    for i in range(1, blocks + 1):
        nodes += [node(f"a{i}", (32,)), node(f"h{i}")]
        edges += [edge(f"h{i - 1}", f"a{i}", operators="tanh dense"), edge(f"a{i}", f"h{i}")]
        edges += [edge(f"h{i - 1}", f"h{i}", "skip", "")]
    return Graph.of("residual", Stage.TYPED, nodes, edges)


def stacks(drawn: Picture) -> list[PictureNode]:
    return [node for node in drawn.nodes if node.look == "stack"]


def test_a_long_chain_becomes_one_stack_with_a_count() -> None:
    drawn, count = collapsed(picture(chain(130)))
    assert count == 1
    assert [n.name for n in drawn.nodes] == ["image", "h1..h128", "label"]
    [stack] = stacks(drawn)
    assert stack.title == ("h1..h128",)
    assert stack.details == ("64 · tanh", "× 128", "to the next: dense")
    assert [(e.source, e.target) for e in drawn.edges] == [
        ("image", "h1..h128"),
        ("h1..h128", "label"),
    ]
    assert drawn.summary == "130 nodes · 129 edges · 128 nodes in 1 stack"


def test_loops_and_equal_edges_within_a_block_are_told() -> None:
    """A loop of every layer, named lat1, lat2, ...; and two edges that read alike."""
    graph = chain(5)
    loops = [edge(f"h{i}", f"h{i}", "recurrent", name=f"lat{i}") for i in (1, 2, 3)]
    drawn, _ = collapsed(
        picture(Graph.of("loops", Stage.TYPED, graph.nodes, [*graph.edges, *loops]))
    )
    [stack] = stacks(drawn)
    assert "to itself: recurrent lat1 dense" in stack.details
    graph = residual(5)
    nodes = [*graph.nodes, *(node(f"b{i}") for i in range(1, 6))]
    edges = [*graph.edges, *(edge(f"a{i}", f"b{i}") for i in range(1, 6))]
    drawn, _ = collapsed(picture(Graph.of("twice", Stage.TYPED, nodes, edges)))
    assert "within: dense × 2" in stacks(drawn)[0].details


def test_blocks_of_several_nodes_begin_where_their_numbers_agree() -> None:
    drawn, _ = collapsed(picture(residual(64)))
    [stack] = stacks(drawn)
    assert [n.name for n in drawn.nodes] == ["image", "h0", "a1..h64", "label"]
    assert stack.title == ("block × 64",)
    assert stack.details == (
        "a1..a64 · 32 · tanh",
        "h1..h64 · 64 · tanh",
        "within: dense",
        "to the next: tanh → dense",
        "to the next: skip",
    )
    assert Counter(e.kind for e in drawn.edges) == {"feedforward": 3, "skip": 1}


def test_stages_of_different_shapes_are_stacks_of_their_own() -> None:
    names = [f"h{i}" for i in range(1, 11)]
    nodes = [node(name, (64,) if i < 5 else (32,)) for i, name in enumerate(names)]
    edges = [edge(a, b) for a, b in pairwise(["image", *names])]
    graph = Graph.of("stages", Stage.TYPED, [node("image", role="input"), *nodes], edges)
    drawn, count = collapsed(picture(graph))
    assert (count, [n.name for n in drawn.nodes]) == (2, ["image", "h1..h5", "h6..h10"])


def test_an_edge_from_the_middle_ends_a_stack() -> None:
    """A skip from h5 of eight to the output: it leaves the first layer of a stack, and says so."""
    graph = chain(10)
    odd = Graph.of("odd", Stage.TYPED, graph.nodes, [*graph.edges, edge("h5", "label", "skip")])
    drawn, _ = collapsed(picture(odd))
    assert [n.name for n in drawn.nodes] == ["image", "h1..h4", "h5..h8", "label"]
    [skip] = [e for e in drawn.edges if e.kind == "skip"]
    assert (skip.source, skip.label) == ("h5..h8", ("dense", "from h5"))
    others = [e.label for e in drawn.edges if e.kind != "skip"]
    assert others == [("dense",)] * 3


def test_what_enters_a_stack_late_says_where() -> None:
    graph = chain(10)
    more = [edge("image", "h2", "skip"), edge("h7", "label", "skip")]
    more += [edge(f"h{i}", f"h{i + 2}", "skip") for i in range(1, 7)]
    drawn, count = collapsed(
        picture(Graph.of("far", Stage.TYPED, graph.nodes, [*graph.edges, *more]))
    )
    assert count == 1
    assert {e.name: e.label[-1] for e in drawn.edges} == {
        "image->h1": "dense",
        "image->h2": "to h2",
        "h7->label": "from h7",
        "h8->label": "dense",
    }


def test_edges_that_every_block_has_to_one_node_are_one_with_a_count() -> None:
    graph = chain(10)
    more = [edge("image", f"h{i}", "skip") for i in range(1, 9)]
    drawn, count = collapsed(
        picture(Graph.of("all", Stage.TYPED, graph.nodes, [*graph.edges, *more]))
    )
    assert count == 1
    [skip] = [e for e in drawn.edges if e.kind == "skip"]
    assert (skip.source, skip.target, skip.label) == ("image", "h1..h8", ("dense", "× 8"))


def test_edges_beside_a_stack_stay_as_they_are() -> None:
    graph = chain(10)
    more = [edge("image", "label", name=f"second{i}") for i in (1, 2)]
    drawn, count = collapsed(
        picture(Graph.of("beside", Stage.TYPED, graph.nodes, [*graph.edges, *more]))
    )
    assert count == 1
    assert {"second1", "second2"} < {e.name for e in drawn.edges}


def test_borrowed_weights_whose_edges_are_numbered_repeat_too() -> None:
    spec = bipc()
    spec["nodes"] = {name.replace("6", "20"): value for name, value in spec["nodes"].items()}
    text = repr(spec["edges"]).replace("1..6", "1..20").replace("1..5", "1..19")
    text = text.replace("2..6", "2..20").replace("h6", "h20").replace("1..3", "1..18")
    spec["edges"] = eval(text.replace("3..5", "3..20"))
    drawn, _ = collapsed(picture(check(spec).graph))
    [stack] = stacks(drawn)
    assert stack.title == ("block × 20",)
    assert stack.details[:2] == ("s1..s20 · Σ", "h1..h20 · 28×28×8 · tanh")
    assert "2 blocks on: skip conv, delay 1" in stack.details
    assert "to the one before: feedback conv^T of h1->s2 delay 1" in stack.details


def test_a_circuit_collapses_to_blocks_of_errors_and_values() -> None:
    drawn, _ = collapsed(circuit(chain(130)))
    [stack] = stacks(drawn)
    assert stack.details == ("ε(h1)..ε(h128)", "h1..h128", "to the next: dense")
    assert ("within a block", "comparison") in stack.facts


@pytest.mark.parametrize("length", [3, 4])
def test_two_alike_are_no_stack(length: int) -> None:
    drawn = picture(chain(length))
    assert collapsed(drawn) == (drawn, 0)


def test_what_differs_is_no_stack() -> None:
    shapes = [(64,), (32,), (64,), (16,)]
    nodes = [node(f"h{i}", shape) for i, shape in enumerate(shapes)]
    edges = [edge(f"h{i}", f"h{i + 1}") for i in range(3)]
    assert collapsed(picture(Graph.of("differs", Stage.TYPED, nodes, edges)))[1] == 0


def test_a_grid_stays_as_it_is() -> None:
    drawn = unrolled(recurrent())
    assert collapsed(drawn) == (drawn, 0)


@st.composite
def repeating(draw_: st.DrawFn) -> Graph:
    """Blocks with random edges within and between them, and a few odd ones."""
    period, count = draw_(st.integers(1, 3)), draw_(st.integers(3, 7))
    place = st.integers(0, period - 1)
    kinds = st.sampled_from(["feedforward", "skip", "feedback"])
    rules = draw_(st.lists(st.tuples(place, place, st.integers(0, 2), kinds), max_size=5))
    letters = "abc"
    nodes: list[Node] = [node(f"{letters[p]}{b}") for b in range(count) for p in range(period)]
    edges: list[Edge] = []
    for number, (p, q, far, kind) in enumerate(rules):
        for b in range(count - far):
            if far or p < q:
                name = f"r{letters[number]}{b}" if number < 3 else f"s{letters[number - 3]}{b}"
                edges.append(edge(f"{letters[p]}{b}", f"{letters[q]}{b + far}", kind, name=name))
    names = st.sampled_from([n.name for n in nodes])
    nodes += [node("x", role="input"), node("y", role="output")]
    for number, name in enumerate(draw_(st.lists(names, max_size=2))):
        edges.append(edge("x", name, name=f"odd in {letters[number]}"))
    for number, name in enumerate(draw_(st.lists(names, max_size=2))):
        edges.append(edge(name, "y", name=f"odd out {letters[number]}"))
    return Graph.of("repeating", Stage.TYPED, nodes, edges)


@given(repeating(), st.sampled_from(["network", "circuit"]))
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_but_what_repeats(graph: Graph, view: str) -> None:
    whole = VIEWS[view](graph, None, "")
    found = runs(whole)
    members = [name for run in found for block in run.blocks for name in block]
    assert len(members) == len(set(members))
    assert all(len(run.blocks) >= LEAST for run in found)
    drawn, count = collapsed(whole)
    assert count == len(found)
    kept = {n.name for n in drawn.nodes if n.look != "stack"}
    assert kept == {n.name for n in whole.nodes} - set(members)
    # every edge is drawn, lies within a stack, or is one of those that a count stands for
    run_of = {name: i for i, run in enumerate(found) for block in run.blocks for name in block}
    within = [
        e for e in whole.edges if e.source in run_of and run_of[e.source] == run_of.get(e.target)
    ]
    counted = sum(
        int(e.label[-1].removeprefix("× ")) - 1
        for e in drawn.edges
        if e.label and e.label[-1].startswith("× ")
    )
    assert len(drawn.edges) + len(within) + counted == len(whole.edges)
    ends = {end for e in drawn.edges for end in (e.source, e.target)}
    assert ends <= {n.name for n in drawn.nodes}
    ENGINES["own"](drawn)


@given(repeating())
@settings(max_examples=20, deadline=None)
def test_blocks_are_joined_alike(graph: Graph) -> None:
    """Between every pair of neighbouring blocks there are the same edges."""
    whole = picture(graph)
    for run in runs(whole):
        at = {name: (b, p) for b, block in enumerate(run.blocks) for p, name in enumerate(block)}
        joints: list[Counter[tuple[object, ...]]] = [Counter() for _ in run.blocks]
        for e in whole.edges:
            if e.source in at and e.target in at:
                (b, p), (c, q) = at[e.source], at[e.target]
                if c - b in (0, 1):
                    joints[b][c - b, p, q, e.kind] += 1
        assert all(joint == joints[0] for joint in joints[:-1])


def test_a_collapsed_drawing_does_not_depend_on_the_order_of_declaration() -> None:
    graph = residual(20)
    again = Graph.of(graph.name, graph.stage, reversed(graph.nodes), reversed(graph.edges))
    assert draw(again, "svg", collapse=True) == draw(graph, "svg", collapse=True)
