"""Places by Graphviz: checked where it is installed; where it is not, that this is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from pccompiler.diagrams import graphviz
from pccompiler.diagrams.network import picture
from pccompiler.diagrams.picture import Picture
from pccompiler.diagrams.routes import Box, Point
from pccompiler.ir.graph import Graph, Stage
from tests.diagrams.networks import edge, node, pictures, recurrent, small
from tests.diagrams.test_layout import depth

with_graphviz = pytest.mark.skipif(
    not graphviz.installed(), reason="Graphviz is not installed: no program `dot`"
)
CLOSE = 1.5  # pixels


def near(point: Point, box: Box) -> bool:
    return (
        box.x - CLOSE <= point.x <= box.right + CLOSE
        and box.y - CLOSE <= point.y <= box.bottom + CLOSE
    )


@with_graphviz
@given(pictures())
@settings(max_examples=15, deadline=None)
def test_edges_lead_from_box_to_box_and_boxes_do_not_overlap(drawn: Picture) -> None:
    if drawn.grid is not None:
        return
    layout = graphviz.lay_out(drawn)
    node_of = {placed.node.name: placed for placed in layout.nodes}
    assert [placed.node for placed in layout.nodes] == list(drawn.nodes)
    assert [placed.edge for placed in layout.edges] == list(drawn.edges)
    for placed in layout.edges:
        for end, name in (
            (placed.route[0][0], placed.edge.source),
            (placed.route[-1][-1], placed.edge.target),
        ):
            assert abs(depth(end, node_of[name], layout.direction)) < 0.2
        assert (placed.label is None) == (not placed.edge.label)
    whole = Box(0, 0, layout.width, layout.height)
    boxes = [placed.box for placed in layout.nodes]
    for i, one in enumerate(boxes):
        assert near(Point(one.x, one.y), whole)
        assert near(Point(one.right, one.bottom), whole)
        for other in boxes[:i]:
            across = min(one.right, other.right) - max(one.x, other.x)
            down = min(one.bottom, other.bottom) - max(one.y, other.y)
            assert min(across, down) < CLOSE


@with_graphviz
def test_feedback_runs_against_the_reading_direction() -> None:
    graph = Graph.of(
        "both",
        Stage.TYPED,
        [node("a"), node("b")],
        [edge("a", "b"), edge("b", "a", "feedback")],
    )
    layout = graphviz.lay_out(picture(graph))
    box = {placed.node.name: placed.box for placed in layout.nodes}
    assert layout.direction == "right"
    assert box["a"].right < box["b"].x
    [back] = [placed for placed in layout.edges if placed.edge.kind == "feedback"]
    assert back.route[0][0].x > back.route[-1][-1].x


def script(folder: Path, text: str) -> None:
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def test_without_graphviz_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not graphviz.installed()
    with pytest.raises(graphviz.GraphvizError, match="cannot start `dot`"):
        graphviz.lay_out(picture(small()))


def test_what_graphviz_complains_of_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script(tmp_path, "echo 'Error: out of luck' >&2; exit 3")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(graphviz.GraphvizError, match="Error: out of luck"):
        graphviz.lay_out(picture(small()))


def test_a_graphviz_that_does_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script(tmp_path, "exec sleep 30")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(graphviz, "_PATIENCE", 0.2)
    with pytest.raises(graphviz.GraphvizError, match="no layout in"):
        graphviz.lay_out(picture(small()))


def joined(pairs: str) -> Picture:
    """`"a>b b>c"` as a picture of boxes and arrows."""
    ends = [tuple(pair.split(">")) for pair in pairs.split()]
    nodes = [node(name) for name in sorted({name for pair in ends for name in pair})]
    edges = [edge(source, target, name=f"e{i}") for i, (source, target) in enumerate(ends)]
    return picture(Graph.of("g", Stage.TYPED, nodes, edges))


@pytest.mark.parametrize(
    ("pairs", "well"),
    [
        ("a>b b>c a>c", True),
        ("a>b b>c c>d a>c b>d a>d", True),  # six edges for four nodes
        ("a>b b>c c>d d>e a>c a>d a>e b>d", False),  # eight for five
        ("a>b a>b b>c", False),  # parallel
    ],
)
def test_graphviz_is_left_the_networks_in_which_few_edges_join_boxes(
    pairs: str, well: bool
) -> None:
    assert graphviz.suits(joined(pairs)) == well


def test_graphviz_is_left_no_network_with_loops_or_feedback() -> None:
    assert not graphviz.suits(picture(recurrent()))
