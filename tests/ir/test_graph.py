"""The canonical order of a graph, which no way of writing it changes."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pccompiler.components.energies import Gaussian
from pccompiler.components.operators import Dense
from pccompiler.components.vocabulary import Role
from pccompiler.ir.graph import Edge, EdgeKind, Graph, Node, Stage
from pccompiler.ir.print import print_graph

NAMES = "abcdefg"


def node(name: str) -> Node:
    return Node(name, (2,), Role.HIDDEN, "identity", 1.0, Gaussian())


def edge(source: str, target: str, name: str = "") -> Edge:
    own = name or f"{source}->{target}"
    return Edge(own, source, target, EdgeKind.FEEDFORWARD, (Dense(),))


def graph(ends: list[tuple[str, str]], names: str = NAMES) -> Graph:
    nodes = [node(name) for name in names]
    edges = [edge(a, b, f"{a}->{b}#{i}") for i, (a, b) in enumerate(ends)]
    return Graph.of("g", Stage.BUILT, nodes, edges)


@st.composite
def acyclic_ends(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Edges that go forward in a random order of the nodes; some twice."""
    order = draw(st.permutations(NAMES))
    places = st.integers(0, len(NAMES) - 1)
    pairs = draw(st.lists(st.tuples(places, places), min_size=1, max_size=12))
    return [(order[min(i, j)], order[max(i, j)]) for i, j in pairs if i != j]


@given(acyclic_ends(), st.randoms())
def test_the_order_of_declaration_changes_nothing(
    ends: list[tuple[str, str]], random: Random
) -> None:
    first = graph(ends)
    nodes, edges = list(first.nodes), list(first.edges)
    random.shuffle(nodes)
    random.shuffle(edges)
    again = Graph.of("g", Stage.BUILT, nodes, edges)
    assert (again, print_graph(again)) == (first, print_graph(first))


@given(acyclic_ends())
def test_sources_stand_before_targets_and_edges_follow_their_targets(
    ends: list[tuple[str, str]],
) -> None:
    made = graph(ends)
    place = {n.name: i for i, n in enumerate(made.nodes)}
    assert all(place[e.source] < place[e.target] for e in made.edges)
    keys = [(place[e.target], place[e.source], e.name) for e in made.edges]
    assert keys == sorted(keys)


@given(acyclic_ends())
def test_incoming_edges_are_those_with_that_target_in_the_order_of_all_edges(
    ends: list[tuple[str, str]],
) -> None:
    made = graph(ends)
    for name in NAMES:
        assert made.forward_edges(name) == tuple(e for e in made.edges if e.target == name)
        assert made.is_root(name) == (not made.forward_edges(name))


def test_independent_nodes_stand_in_the_order_of_their_names() -> None:
    made = graph([("d", "a"), ("c", "a"), ("b", "a")], "dcba")
    assert [n.name for n in made.nodes] == ["b", "c", "d", "a"]


def test_members_of_a_cycle_stand_together_by_name() -> None:
    made = graph([("a", "d"), ("d", "b"), ("b", "d"), ("b", "c")], "dcba")
    assert [n.name for n in made.nodes] == ["a", "b", "d", "c"]


def test_a_rule_is_told_that_a_forward_pass_is_no_equilibrium_with_a_free_root() -> None:
    nodes = [node("x").replace(role=Role.INPUT), node("h"), node("r")]
    with_root = Graph.of("g", Stage.BUILT, nodes, [edge("x", "h"), edge("r", "h")])
    without = Graph.of("g", Stage.BUILT, nodes[:2], [edge("x", "h")])
    assert not with_root.feedforward_is_equilibrium(with_root.inputs)
    assert without.feedforward_is_equilibrium(without.inputs)
    assert without.inputs == ("x",)


def test_a_rule_is_told_that_a_predicted_input_makes_a_forward_pass_no_equilibrium() -> None:
    """x -> h -> y with y held too: the error of y pulls on h, which has no other say in it."""
    nodes = [
        node("x").replace(role=Role.INPUT),
        node("h"),
        node("y").replace(role=Role.INPUT),
    ]
    made = Graph.of("g", Stage.BUILT, nodes, [edge(a, b) for a, b in pairwise("xhy")])
    assert not made.feedforward_is_equilibrium(made.inputs)
