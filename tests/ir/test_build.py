"""From a spec to a graph, and every mistake that a graph can show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import pccompiler as pcc
from pccompiler.diagnostics.codes.code import whole
from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.ir.graph import Graph

Problems = Callable[..., tuple[Diagnostic, ...]]


def graph_of(**sections: object) -> Graph:
    base: dict[str, object] = {
        "pcc": 1,
        "name": "example",
        "nodes": {
            "image": {"shape": [4], "role": "input"},
            "h[1..3]": {"shape": [3], "activation": "tanh"},
            "label": {"shape": [2], "role": "output"},
        },
    }
    return pcc.check({**base, **sections}).graph


def test_chains_ranges_and_pairs_make_the_edges_they_stand_for() -> None:
    graph = graph_of(
        edges=[
            {"path": "image -> h[1..3] -> label"},
            {"from": "h[1..2]", "to": "label", "kind": "skip", "name": "s[1..2]"},
            {"from": "image", "to": "h[2..3]"},
        ]
    )
    ends = {edge.name: (edge.source, edge.target, str(edge.kind)) for edge in graph.edges}
    assert ends == {
        "image->h1": ("image", "h1", "feedforward"),
        "h1->h2": ("h1", "h2", "feedforward"),
        "h2->h3": ("h2", "h3", "feedforward"),
        "h3->label": ("h3", "label", "feedforward"),
        "s1": ("h1", "label", "skip"),
        "s2": ("h2", "label", "skip"),
        "image->h2": ("image", "h2", "feedforward"),
        "image->h3": ("image", "h3", "feedforward"),
    }
    assert {node.name: node.activation for node in graph.nodes if node.name[0] == "h"} == {
        f"h{i}": "tanh" for i in (1, 2, 3)
    }


def test_precision_is_one_number_or_one_per_node_and_ranges_count() -> None:
    edges = [{"path": "image -> h[1..3] -> label"}]
    alike = graph_of(edges=edges, energy={"precision": 2.5})
    assert {node.precision for node in alike.nodes} == {2.5}
    given = {"per_node": {"h[1..2]": 3.0, "label": 0.5}}
    graph = graph_of(edges=edges, energy={"precision": given})
    precisions = {node.name: node.precision for node in graph.nodes}
    assert precisions == {"image": 1.0, "h1": 3.0, "h2": 3.0, "h3": 1.0, "label": 0.5}


WRONG_EVERYWHERE = """\
pcc: 1
name: wrong
nodes:
  image: {shape: [4], role: input}
  h[1..2]: {shape: [3]}
  h2: {shape: [3]}
  total: {shape: [1]}
  label: {shape: [2], role: output}
edges:
  - {path: "image -> h[1..3] -> label"}
  - {from: image, to: lable}
  - path: image = label
  - from: h[1..2]
    to: "la bel"
  - {from: image, to: label, name: twice}
  - {from: h1, to: label, name: twice}
energy:
  precision: {per_node: {hh: 2.0}}
data:
  source: digits
  bind: {image: imag}
"""


def test_all_mistakes_come_in_one_run_each_at_its_place(problems: Problems) -> None:
    found = {(p.code, p.span.line, p.span.column) for p in problems(WRONG_EVERYWHERE) if p.span}
    assert found == {
        ("PC313", 6, 3),  # h2, declared by the range too
        ("PC309", 7, 3),  # total
        ("PC301", 10, 12),  # h3, in the path
        ("PC301", 11, 23),  # lable
        ("PC312", 12, 11),  # no arrow
        ("PC312", 14, 9),  # `la bel`, under `to`
        ("PC305", 16, 5),  # twice
        ("PC311", 18, 26),  # hh
        ("PC315", 21, 17),  # imag
    }


def test_a_second_declaration_points_at_the_first(problems: Problems) -> None:
    related = {
        problem.code: [(span.line, span.column) for _, span in problem.related]
        for problem in problems(WRONG_EVERYWHERE)
        if problem.related
    }
    assert related == {"PC313": [(5, 3)], "PC305": [(15, 12)]}


def test_an_unknown_node_inside_a_chain_is_told_once(problems: Problems) -> None:
    found = problems(whole("edges: [{path: image -> hidden -> label}]"))
    assert [problem.code for problem in found] == ["PC301"]


def test_an_unknown_node_comes_with_the_nearest_name(problems: Problems) -> None:
    [problem] = problems(whole("edges: [{path: imgae -> label}]"))
    assert "did you mean `image`?" in problem.help


@pytest.mark.parametrize(
    ("nodes", "edges", "code", "named"),
    [
        ("a: {shape: [2], role: input}, b: {shape: [2]}", "a -> b", "PC307", "nodes"),
        (
            "a: {shape: [2], role: output}, b: {shape: [2], role: output}",
            "a -> b",
            "PC307",
            "nodes.a",
        ),
        (
            "a: {shape: [2], role: input}, b: {shape: [2], role: output}, c: {shape: [2]}",
            "a -> b",
            "PC306",
            "nodes.c",
        ),
    ],
)
def test_a_network_that_cannot_learn_is_refused(
    nodes: str, edges: str, code: str, named: str, problems: Problems
) -> None:
    text = f"pcc: 1\nname: n\nnodes: {{{nodes}}}\nedges: [{{path: {edges}}}]\n"
    [problem] = problems(text)
    assert (problem.code, problem.path) == (code, named)


@pytest.mark.parametrize(
    "sections",
    [
        # the input itself is predicted: unsupervised
        {"nodes": {"cause": {"shape": [2]}, "image": {"shape": [4], "role": "input"}},
         "edges": [{"path": "cause -> image"}]},
        # an output without an input
        {"nodes": {"cause": {"shape": [2], "prior": "gaussian"},
                   "label": {"shape": [4], "role": "output"}},
         "edges": [{"path": "cause -> label"}]},
        # an output that predicts another
        {"edges": [{"path": "image -> h[1..3] -> label -> other"}],
         "nodes": {"image": {"shape": [4], "role": "input"}, "h[1..3]": {"shape": [3]},
                   "label": {"shape": [2], "role": "output"},
                   "other": {"shape": [2], "role": "output"}}},
        # a range of no node
        {"nodes": {"image": {"shape": [4], "role": "input"}, "h[1..0]": {"shape": [3]},
                   "label": {"shape": [2], "role": "output"}},
         "edges": [{"path": "image -> h[1..0] -> label"}]},
    ],
    ids=["unsupervised", "no input", "two outputs in a row", "depth zero"],
)  # fmt: skip
def test_unusual_networks_are_networks(sections: dict[str, object]) -> None:
    assert graph_of(**sections).edges


@pytest.mark.parametrize(
    ("nodes", "edges", "expected"),
    [
        ("x: {shape: [2]}", "x -> y", [("PC340", "error", "give `x` `role: input`")]),
        ("h: {shape: [2], prior: gaussian}", "h -> y", []),
        (
            "x: {shape: [2], role: input}, z: {shape: [2], role: input}, a: {shape: [1]}",
            "a -> y, x -> z",
            [("PC340", "error", "give `a` `role: input`")],
        ),
        ("x: {shape: [2], role: input}, a: {shape: [1]}", "x -> y, a -> y", []),
        ("x: {shape: [2], role: input}, a: {shape: [1]}", "a -> x, a -> y", []),
    ],
    ids=["forgotten role", "generative", "apart", "free root beside data", "common cause"],
)
def test_an_output_that_no_data_reaches_is_told(
    problems: Problems, nodes: str, edges: str, expected: list[tuple[str, str, str]]
) -> None:
    written = "".join(f"  - {{path: {edge}}}\n" for edge in edges.split(", "))
    text = f"nodes: {{{nodes}, y: {{shape: [2], role: output}}}}\nedges:\n{written}"
    found = problems(whole(text))
    assert [(p.code, p.severity, p.path) for p in found] == [
        (code, severity, "nodes.y") for code, severity, _ in expected
    ]
    assert all(help in p.help for p, (_, _, help) in zip(found, expected, strict=True))


def test_an_output_whose_root_a_phase_or_the_prediction_holds_is_reached(
    problems: Problems,
) -> None:
    text = "nodes: {x: {shape: [2]}, y: {shape: [2], role: output}}\nedges: [{path: x -> y}]\n"
    assert not problems(whole(text + "prediction: {clamp: [x]}"))


@pytest.mark.parametrize("written", ["x-h", "x -h", "x->hh"])
def test_a_reference_that_is_no_edge_suggests_one(problems: Problems, written: str) -> None:
    text = (
        "nodes: {x: {shape: [2], role: input}, h: {shape: [2]}, y: {shape: [2], role: output}}\n"
        "edges:\n  - {from: h, to: x, kind: feedback, op: {transpose_of: '" + written + "'}}\n"
        "  - {path: x -> h -> y}\nenergy: {form: bidirectional}"
    )
    [problem] = problems(whole(text))
    assert problem.help == "did you mean `x->h`?"
    assert f"`{written}`" in problem.message


def test_a_node_that_leads_nowhere_is_only_a_warning(problems: Problems) -> None:
    nodes = "nodes: {image: {shape: [4], role: input}, h: {shape: [3]}, g: {shape: [3]}, " \
        "label: {shape: [2], role: output}}\n"  # fmt: skip
    found = problems(whole(nodes + "edges: [{path: image -> label}, {path: image -> h -> g}]"))
    assert {(p.code, p.severity, p.path) for p in found} == {
        ("PC316", "warning", "nodes.h"),
        ("PC316", "warning", "nodes.g"),
    }
