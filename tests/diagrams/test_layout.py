"""Geometry that must hold for every network, in both reading directions."""

from __future__ import annotations

import random
import time
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pccompiler.diagrams.layers import layers, turned_edges
from pccompiler.diagrams.layout import PAGE, Layout, PlacedEdge, laid_out, lay_out
from pccompiler.diagrams.picture import picture
from pccompiler.diagrams.routes import Box, Point
from pccompiler.ir.graph import Graph, Stage
from tests.diagrams.networks import chain, edge, networks, node

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


def on_border(point: Point, box: Box) -> bool:
    within_x = box.x - CLOSE <= point.x <= box.right + CLOSE
    within_y = box.y - CLOSE <= point.y <= box.bottom + CLOSE
    at_x = min(abs(point.x - box.x), abs(point.x - box.right)) <= CLOSE
    at_y = min(abs(point.y - box.y), abs(point.y - box.bottom)) <= CLOSE
    return (at_x and within_y) or (at_y and within_x)


def boxes(layout: Layout) -> dict[str, Box]:
    return {placed.node.name: placed.box for placed in layout.nodes}


@given(networks(), DIRECTIONS)
@checked
def test_no_two_boxes_overlap(graph: Graph, direction: str) -> None:
    layout = laid_out(picture(graph), direction)
    assert len(layout.nodes) == len(graph.nodes)
    assert not [pair for pair in combinations(boxes(layout).values(), 2) if overlap(*pair)]


@given(networks(), DIRECTIONS)
@checked
def test_every_edge_leads_from_its_sources_border_to_its_targets(
    graph: Graph, direction: str
) -> None:
    layout = laid_out(picture(graph), direction)
    box = boxes(layout)
    assert [placed.edge.name for placed in layout.edges] == [e.name for e in graph.edges]
    for placed in layout.edges:
        assert on_border(placed.route[0][0], box[placed.edge.source])
        assert on_border(placed.route[-1][-1], box[placed.edge.target])
        for before, after in pairwise(placed.route):
            assert before[-1] == after[0]


@given(networks(), DIRECTIONS)
@checked
def test_no_edge_passes_through_a_box(graph: Graph, direction: str) -> None:
    layout = laid_out(picture(graph), direction)
    for placed in layout.edges:
        for point in samples(placed):
            assert not any(inside(point, box) for box in boxes(layout).values())


@given(networks(), DIRECTIONS)
@checked
def test_no_label_overlaps_a_box_or_another_label(graph: Graph, direction: str) -> None:
    layout = laid_out(picture(graph), direction)
    labels = [placed.label for placed in layout.edges if placed.label]
    assert len(labels) == sum(bool(placed.edge.label) for placed in layout.edges)
    for label in labels:
        assert not any(overlap(label, box) for box in boxes(layout).values())
    assert not [pair for pair in combinations(labels, 2) if overlap(*pair)]


@given(networks(), DIRECTIONS)
@checked
def test_no_edge_passes_through_the_label_of_another(graph: Graph, direction: str) -> None:
    layout = laid_out(picture(graph), direction)
    points = {placed.edge.name: samples(placed) for placed in layout.edges}
    for one, other in permutations(layout.edges, 2):
        if other.label:
            assert not any(inside(point, other.label) for point in points[one.edge.name])


@given(networks(), DIRECTIONS)
@checked
def test_everything_lies_within_the_drawing(graph: Graph, direction: str) -> None:
    layout = laid_out(picture(graph), direction)
    page = Box(-CLOSE, -CLOSE, layout.width + 2 * CLOSE, layout.height + 2 * CLOSE)
    corners = [Point(b.x, b.y) for b in boxes(layout).values()]
    corners += [Point(b.right, b.bottom) for b in boxes(layout).values()]
    corners += [Point(e.label.x, e.label.y) for e in layout.edges if e.label]
    corners += [Point(e.label.right, e.label.bottom) for e in layout.edges if e.label]
    corners += [point for placed in layout.edges for point in samples(placed)]
    assert all(inside(corner, page) for corner in corners)


@given(networks(), st.randoms(use_true_random=False))
@checked
def test_the_layout_does_not_depend_on_the_order_of_declaration(
    graph: Graph, shuffler: random.Random
) -> None:
    nodes, edges = list(graph.nodes), list(graph.edges)
    shuffler.shuffle(nodes)
    shuffler.shuffle(edges)
    again = Graph.of(graph.name, graph.stage, nodes, edges)
    assert lay_out(picture(again)) == lay_out(picture(graph))


@given(networks())
@checked
def test_every_edge_that_is_not_turned_points_to_a_later_layer(graph: Graph) -> None:
    drawn = picture(graph)
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
