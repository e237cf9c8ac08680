"""Geometry that must hold for every network, in both reading directions."""

from __future__ import annotations

import random
import time
from itertools import combinations, pairwise, permutations
from math import hypot

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pccompiler.components.forms import BidirectionalForm
from pccompiler.diagrams import VIEWS, View
from pccompiler.diagrams.circuit import circuit
from pccompiler.diagrams.hierarchy import Size, hierarchy
from pccompiler.diagrams.layers import layers, turned_edges
from pccompiler.diagrams.layout import PAGE, laid_out, lay_out
from pccompiler.diagrams.network import picture
from pccompiler.diagrams.ordering import Gaps, crossings, ordered
from pccompiler.diagrams.picture import Picture
from pccompiler.diagrams.placed import Layout, PlacedEdge, PlacedNode
from pccompiler.diagrams.routes import Box, Point
from pccompiler.diagrams.styles import NODE_STYLES, Outline
from pccompiler.driver import check
from pccompiler.ir.graph import Graph, Stage
from tests.diagrams.networks import bipc, chain, edge, networks, node, pictures

DIRECTIONS = st.sampled_from(["right", "down"])
checked = settings(max_examples=50, deadline=None)  # time says nothing about geometry
CLOSE = 0.11  # coordinates are rounded to tenths of a pixel


def samples(placed: PlacedEdge, count: int = 24) -> list[Point]:
    """Points along an edge, by de Casteljau's construction."""
    points: list[Point] = []
    for segment in placed.route:
        for i in range(count + 1):
            t, level = i / count, list(segment)
            while len(level) > 1:
                level = [
                    Point(a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)) for a, b in pairwise(level)
                ]
            points += level
    return points


def inside(point: Point, box: Box) -> bool:
    return (
        box.x + CLOSE < point.x < box.right - CLOSE and box.y + CLOSE < point.y < box.bottom - CLOSE
    )


def overlap(one: Box, other: Box) -> bool:
    return (
        min(one.right, other.right) - max(one.x, other.x) > CLOSE
        and min(one.bottom, other.bottom) - max(one.y, other.y) > CLOSE
    )


def depth(point: Point, placed: PlacedNode, direction: str) -> float:
    """How far a point lies inside a node's outline; below zero outside."""
    box, outline = placed.box, NODE_STYLES[placed.node.look].outline
    if outline in (Outline.BOX, Outline.ROUND):
        radius = min(box.width, box.height) / 2 if outline is Outline.ROUND else 0.0
        beside = abs(point.x - box.centre.x) - box.width / 2 + radius
        above = abs(point.y - box.centre.y) - box.height / 2 + radius
        if beside > 0 and above > 0:
            return radius - hypot(beside, above)
        return radius - max(beside, above)
    along, across = (0, 1) if direction == "right" else (1, 0)
    length, breadth = (box[2 + along], box[2 + across])
    to_tip = (
        box[along] + length - point[along]
        if outline is Outline.AHEAD
        else point[along] - box[along]
    )
    half = breadth / 2
    slanted = to_tip * half - abs(point[across] - box.centre[across]) * length
    return min(length - to_tip, slanted / hypot(half, length))


def placing(drawn: Picture, direction: str) -> Layout:
    return lay_out(drawn) if drawn.grid else laid_out(drawn, direction)  # type: ignore[arg-type]


def boxes(layout: Layout) -> dict[str, Box]:
    return {placed.node.name: placed.box for placed in layout.nodes}


@given(pictures(), DIRECTIONS)
@checked
def test_no_two_boxes_overlap(drawn: Picture, direction: str) -> None:
    layout = placing(drawn, direction)
    assert len(layout.nodes) == len(drawn.nodes)
    assert not [pair for pair in combinations(boxes(layout).values(), 2) if overlap(*pair)]


@given(pictures(), DIRECTIONS)
@checked
def test_every_edge_leads_from_its_sources_outline_to_its_targets(
    drawn: Picture, direction: str
) -> None:
    layout = placing(drawn, direction)
    node_of = {placed.node.name: placed for placed in layout.nodes}
    assert [placed.edge.name for placed in layout.edges] == [e.name for e in drawn.edges]
    for placed in layout.edges:
        start, end = placed.route[0][0], placed.route[-1][-1]
        assert abs(depth(start, node_of[placed.edge.source], layout.direction)) < CLOSE
        assert abs(depth(end, node_of[placed.edge.target], layout.direction)) < CLOSE
        for before, after in pairwise(placed.route):
            assert before[-1] == after[0]


@given(pictures(), DIRECTIONS)
@checked
def test_no_edge_passes_through_a_node(drawn: Picture, direction: str) -> None:
    """Edges may enter the box of a round node or a triangle only outside its outline."""
    layout = placing(drawn, direction)
    for placed in layout.edges:
        own = {placed.edge.source, placed.edge.target}
        for point in samples(placed):
            for other in layout.nodes:
                if other.node.name in own:
                    assert depth(point, other, layout.direction) < CLOSE
                else:
                    assert not inside(point, other.box)


@given(pictures(), DIRECTIONS)
@checked
def test_no_label_overlaps_a_box_or_another_label(drawn: Picture, direction: str) -> None:
    layout = placing(drawn, direction)
    labels = [placed.label for placed in layout.edges if placed.label]
    assert len(labels) == sum(bool(placed.edge.label) for placed in layout.edges)
    for label in labels:
        assert not any(overlap(label, box) for box in boxes(layout).values())
    assert not [pair for pair in combinations(labels, 2) if overlap(*pair)]


@given(pictures(), DIRECTIONS)
@checked
def test_no_edge_passes_through_the_label_of_another(drawn: Picture, direction: str) -> None:
    layout = placing(drawn, direction)
    points = {placed.edge.name: samples(placed) for placed in layout.edges}
    for one, other in permutations(layout.edges, 2):
        if other.label:
            assert not any(inside(point, other.label) for point in points[one.edge.name])


@given(pictures(), DIRECTIONS)
@checked
def test_everything_lies_within_the_drawing(drawn: Picture, direction: str) -> None:
    layout = placing(drawn, direction)
    page = Box(-CLOSE, -CLOSE, layout.width + 2 * CLOSE, layout.height + 2 * CLOSE)
    corners = [Point(b.x, b.y) for b in boxes(layout).values()]
    corners += [Point(b.right, b.bottom) for b in boxes(layout).values()]
    corners += [Point(e.label.x, e.label.y) for e in layout.edges if e.label]
    corners += [Point(e.label.right, e.label.bottom) for e in layout.edges if e.label]
    corners += [point for placed in layout.edges for point in samples(placed)]
    assert all(inside(corner, page) for corner in corners)


@given(networks(), st.randoms(use_true_random=False), st.sampled_from(list(VIEWS.values())))
@checked
def test_the_layout_does_not_depend_on_the_order_of_declaration(
    graph: Graph, shuffler: random.Random, view: View
) -> None:
    nodes, edges = list(graph.nodes), list(graph.edges)
    shuffler.shuffle(nodes)
    shuffler.shuffle(edges)
    again = Graph.of(graph.name, graph.stage, nodes, edges, time=graph.time, form=graph.form)
    assert lay_out(view(again, None, "")) == lay_out(view(graph, None, ""))


@given(pictures())
@checked
def test_every_edge_that_is_not_turned_points_to_a_later_layer(drawn: Picture) -> None:
    turned = turned_edges(drawn)
    layer = layers(drawn, turned)
    for e in drawn.edges:
        if e.source != e.target:
            assert (layer[e.target] > layer[e.source]) != (e.name in turned)


def test_feedback_edges_are_turned_and_feedforward_edges_are_not() -> None:
    forward = chain(5)
    back = [edge(e.target, e.source, "feedback") for e in forward.edges]
    graph = Graph.of("both", Stage.TYPED, forward.nodes, [*forward.edges, *back])
    assert turned_edges(picture(graph)) == {e.name for e in back}


def test_feedback_and_recurrence_leave_the_layers_in_forward_order() -> None:
    """Even where delayed feedforward edges close a cycle with edges that have no delay, and
    where nothing but a feedback edge joins two parts."""
    drawn = picture(check(bipc()).graph)
    layer = layers(drawn, turned_edges(drawn))
    forward = ["image", *(f"{kind}{m}" for m in range(1, 7) for kind in "sh"), "label"]
    assert sorted(layer, key=layer.__getitem__) == forward
    apart = Graph.of("apart", Stage.TYPED, [node("a"), node("b")], [edge("a", "b", "feedback")])
    drawn = picture(apart)
    assert layers(drawn, turned_edges(drawn)) == {"a": 1, "b": 0}


def test_layers_are_as_short_as_possible_in_total() -> None:
    """A branch a1 -> a2 that joins a long chain late stands late, not at the start."""
    long = chain(6)
    graph = Graph.of(
        "late",
        Stage.TYPED,
        [*long.nodes, node("a1"), node("a2")],
        [*long.edges, edge("a1", "a2"), edge("a2", "label")],
    )
    layer = layers(picture(graph), frozenset())
    assert (layer["a1"], layer["a2"], layer["label"]) == (3, 4, 5)


@pytest.mark.parametrize("length", [3, 4, 40])
def test_a_chain_is_a_straight_line(length: int) -> None:
    layout = lay_out(picture(chain(length)))
    assert all(len(placed.route) == 1 and len(placed.route[0]) == 2 for placed in layout.edges)


def test_a_chain_stays_straight_beside_its_skips() -> None:
    plain = chain(11)
    names = [n.name for n in plain.nodes]
    skips = [edge(names[i], names[10 - i], "skip") for i in range(5)]
    layout = lay_out(picture(Graph.of("u", Stage.TYPED, plain.nodes, [*plain.edges, *skips])))
    centres = {box.centre.x if layout.direction == "down" else box.centre.y
               for box in boxes(layout).values()}  # fmt: skip
    assert max(centres) - min(centres) < CLOSE


def test_overlapping_skips_stand_on_both_sides_of_a_chain_without_crossings() -> None:
    plain = chain(40)
    names = [n.name for n in plain.nodes]
    skips = [edge(names[i], names[i + 2], "skip") for i in range(1, 37)]
    drawn = picture(Graph.of("skips", Stage.TYPED, plain.nodes, [*plain.edges, *skips]))
    layout = laid_out(drawn, "down")
    assert layout.width < 400
    sizes = {n.name: Size(1.0, 1.0, 1.0, 1.0) for n in drawn.nodes}
    graph = hierarchy(drawn, sizes, {}, Size(1.0, 1.0, 1.0, 1.0))
    assert crossings(graph, [list(rank) for rank in ordered(graph)]) == 0


def test_a_few_layers_run_right_and_a_deep_chain_runs_down() -> None:
    assert lay_out(picture(chain(4))).direction == "right"
    deep = lay_out(picture(chain(60)))
    assert deep.direction == "down"
    assert deep.width < PAGE


def test_a_wide_flat_network_runs_right() -> None:
    hidden = [node(f"h{i}") for i in range(40)]
    edges = [edge("x", h.name) for h in hidden] + [edge(h.name, "y") for h in hidden]
    graph = Graph.of("fan", Stage.TYPED, [node("x"), *hidden, node("y")], edges)
    assert lay_out(picture(graph)).direction == "right"


def test_a_network_of_sixty_nodes_is_laid_out_quickly() -> None:
    pick = random.Random(0)
    names = [f"n{i:02}" for i in range(60)]
    pairs = {tuple(sorted(pick.sample(names, 2))) for _ in range(110)}
    graph = Graph.of("sixty", Stage.TYPED, map(node, names), [edge(a, b) for a, b in pairs])
    drawn = picture(graph)
    start = time.process_time()
    lay_out(drawn)
    assert time.process_time() - start < 1.5


def tangled(length: int, skips: int) -> Graph:
    pick, plain = random.Random(0), chain(length)
    names = [n.name for n in plain.nodes if n.role == "hidden"]
    names.sort(key=lambda name: int(name[1:]))
    pairs = {tuple(sorted(pick.sample(range(len(names)), 2))) for _ in range(skips)}
    more = [edge(names[a], names[b], "skip") for a, b in sorted(pairs) if b - a > 1]
    return Graph.of("tangle", Stage.TYPED, plain.nodes, [*plain.edges, *more])


def test_long_edges_that_cross_much_are_laid_out_quickly() -> None:
    drawn = picture(tangled(120, 145))
    start = time.process_time()
    lay_out(drawn)
    assert time.process_time() - start < 2.5


def test_edges_change_sides_only_where_that_removes_crossings() -> None:
    """The counts kept while edges move are those of all crossings, counted anew."""
    drawn = picture(tangled(14, 12))
    sizes = {n.name: Size(1.0, 1.0, 1.0, 1.0) for n in drawn.nodes}
    graph = hierarchy(drawn, sizes, {}, Size(1.0, 1.0, 1.0, 1.0))
    order = [list(rank) for rank in ordered(graph)]
    gaps = Gaps(graph, order)
    count = crossings(graph, order)
    for chained in graph.chains.values():
        if len(chained) > 3:
            rank = graph.items[chained[0]].rank
            for left in (True, False):
                change = gaps.crossings_aside(rank, chained, left) - gaps.crossings(rank, chained)
                gaps.move_aside(rank, chained, left)
                count += change
                assert crossings(graph, order) == count


@pytest.mark.parametrize("direction", ["right", "down"])
def test_both_tips_of_an_edge_have_a_straight_end_to_stand_on(direction: str) -> None:
    forward = chain(5)
    back = [edge(e.target, e.source, "feedback") for e in forward.edges]
    graph = Graph.of(
        "both",
        Stage.TYPED,
        forward.nodes,
        [*forward.edges, *back],
        form=BidirectionalForm(errors="separate"),
    )
    layout = placing(circuit(graph), direction)
    found = [placed for placed in layout.edges if "comparison" in placed.edge.kind]
    assert len(found) == 6
    for placed in found:
        for start, end in (placed.route[0], placed.route[-1]):
            assert hypot(end.x - start.x, end.y - start.y) > 9
