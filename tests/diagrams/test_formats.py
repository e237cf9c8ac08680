"""What the files say, and which file name asks for which format."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import SpecError
from pccompiler.diagrams import VIEWS, draw, format_of
from pccompiler.ir.graph import Graph, Stage, Time
from tests.diagrams.networks import TEXTS, chain, edge, networks, node, recurrent, small, text_of

GOLDEN = ("svg", "dot", "mermaid")
"""The formats of which all text is compared."""

ENDINGS = ".svg, .png, .pdf, .html, .htm, .dot, .gv, .mmd, .mermaid"

SVG = "{http://www.w3.org/2000/svg}"


def groups(text: str, kind: str) -> list[ElementTree.Element]:
    """The SVG's groups of a class, such as all nodes."""
    found = ElementTree.fromstring(text).iter(f"{SVG}g")
    return [group for group in found if kind in group.get("class", "").split()]


def tooltips(text: str, kind: str) -> list[str]:
    return [group.findtext(f"{SVG}title", "") for group in groups(text, kind)]


def legend(text: str) -> list[str]:
    [group] = groups(text, "legend")
    return [word.text or "" for word in group.iter(f"{SVG}text")]


@pytest.mark.parametrize("format", GOLDEN)
def test_the_text_of_a_small_network_is_the_golden_one(
    format: str, golden: Callable[..., None]
) -> None:
    text = text_of(small(), format, description="A network with some of everything.")
    golden(f"diagrams/{format}", text)


@pytest.mark.parametrize("format", GOLDEN)
@pytest.mark.parametrize("view", VIEWS)
def test_the_text_of_every_view_is_the_golden_one(
    view: str, format: str, golden: Callable[..., None]
) -> None:
    golden(f"diagrams/{view}", text_of(recurrent(), format, view=view), f"{format}.txt")


@given(networks())
@settings(max_examples=30, deadline=None)
def test_an_svg_is_xml_and_has_a_tooltip_for_every_node_and_edge(graph: Graph) -> None:
    text = text_of(graph, "svg")
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    assert [tip.split(": ")[0] for tip in tooltips(text, "node")] == [
        " ".join(n.name.split()) for n in graph.nodes
    ]
    assert len(tooltips(text, "edge")) == len(graph.edges)


@given(networks(), st.sampled_from(TEXTS), st.sampled_from([*VIEWS]))
@settings(max_examples=30, deadline=None)
def test_the_same_network_gives_the_same_text(graph: Graph, format: str, view: str) -> None:
    nodes, edges = reversed(graph.nodes), reversed(graph.edges)
    again = Graph.of(graph.name, graph.stage, nodes, edges, form=graph.form, time=graph.time)
    assert text_of(again, format, view=view) == text_of(graph, format, view=view)


def test_the_legend_shows_only_what_occurs() -> None:
    assert legend(text_of(chain(3), "svg")) == [
        "input",
        "hidden",
        "output",
        "clamped",
        "feedforward",
    ]
    bare = Graph.of("bare", Stage.TYPED, [node("a"), node("b")], [edge("a", "b", "skip")])
    assert legend(text_of(bare, "svg")) == ["hidden", "skip"]


def test_kinds_stand_in_the_legend_in_one_order_and_new_ones_by_their_name() -> None:
    kinds = ["later", "recurrent", "feedback", "skip", "feedforward"]
    edges = [edge("a", "b", kind, name=kind) for kind in kinds]
    graph = Graph.of("all", Stage.TYPED, [node("a"), node("b")], edges)
    assert legend(text_of(graph, "svg"))[1:] == [*reversed(kinds[1:]), "later"]


def test_inputs_and_outputs_carry_a_pin_unless_said_otherwise() -> None:
    assert [tip.endswith("clamped") for tip in tooltips(text_of(chain(4), "svg"), "node")] == [
        True,
        False,
        False,
        True,
    ]
    text = text_of(chain(4), "svg", clamped={"h1"})
    assert [tip for tip in tooltips(text, "node") if "clamped" in tip] == [
        "h1: hidden, shape 64, activation tanh, energy gaussian, precision 1, clamped"
    ]
    assert len(groups(text, "clamped")) == 2  # the node's and the legend's


def test_a_node_shows_its_shape_and_activation_and_a_root_no_activation() -> None:
    text = text_of(small(), "svg")
    words = [word.text for word in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert "28×28×1" in words
    assert "64 · tanh" in words
    assert "flatten → dense → tanh" in words


def test_the_summary_counts_parameters_of_typed_networks_only() -> None:
    # 784*64 + 64, 64*64 + 64 twice, 300*64 + 64, 64*10 + 10 twice
    assert "5 nodes · 6 edges · 79,124 parameters" in text_of(small(), "svg")
    assert "4 nodes · 3 edges</text>" in text_of(chain(4), "svg")


def test_an_untyped_node_has_a_question_mark_for_its_shape() -> None:
    unknown = node("a").replace(shape=None)
    graph = Graph.of("untyped", Stage.BUILT, [unknown], [])
    assert tooltips(text_of(graph, "svg"), "node") == ["a: hidden, shape ?"]


@pytest.mark.parametrize("format", TEXTS)
def test_an_empty_network_can_be_drawn(format: str) -> None:
    assert text_of(Graph.of("empty", Stage.TYPED, [], []), format)


@pytest.mark.parametrize("format", TEXTS)
def test_control_characters_never_reach_a_file(format: str) -> None:
    graph = Graph.of("na\x1bme", Stage.TYPED, [node("a\x00b\nc", role="input")], [])
    text = text_of(graph, format, description="\x1b[31mred\x07\r\nnext")
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)


def test_dot_escapes_quotes_and_backslashes() -> None:
    graph = Graph.of("q", Stage.TYPED, [node('a"b'), node("c\\N")], [edge('a"b', "c\\N")])
    assert '  "a\\"b" -> "c\\\\N" [' in text_of(graph, "dot")


def test_mermaid_ids_are_words_and_stay_distinct() -> None:
    graph = Graph.of("ids", Stage.TYPED, [node("end"), node("a-b"), node("a_b")], [])
    text = text_of(graph, "mermaid")
    ids = re.findall(r"^  (\w+)\[", text, re.MULTILINE)
    assert ids == ["n_a_b", "n_a_b__2", "n_end"]


def test_mermaid_writes_what_it_would_interpret_as_entities() -> None:
    graph = Graph.of("e", Stage.TYPED, [node('<b>"#1"')], [])
    assert '["#60;b#62;#34;#35;1#34;<br/>64"]' in text_of(graph, "mermaid")


@pytest.mark.parametrize("view", ["network", "unrolled", "circuit"])
def test_mermaid_obeys_nothing_that_a_spec_says(view: str) -> None:
    """Directives anywhere, lines of a description, and the ends of a page or fence."""
    directive = '%%{init: {"theme": "dark"}}%%'
    said = f"{directive} <script>alert(1)</script>\n```\nclick n_x call alert()\nend"
    unrolled = Graph.of(
        f'{directive}"\n---\n', Stage.TYPED, [node(directive)], [], time=Time(2, every=False)
    )
    text = draw(unrolled, "mermaid", description=said, view=view).decode()
    assert "%%{" not in text
    assert "<script" not in text
    assert "```" not in text
    words = [line.split()[0] for line in text.splitlines() if line.strip()]
    assert words.count("---") == 2
    assert "click" not in words
    assert words.count("end") == words.count("subgraph")


def test_every_role_has_a_style() -> None:
    nodes = [node(role.value, role=role.value) for role in Role]
    assert set(legend(text_of(Graph.of("r", Stage.TYPED, nodes, []), "svg"))) >= set(Role)


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("net.svg", "svg"),
        ("a.b/NET.SVG", "svg"),
        ("net.dot", "dot"),
        ("net.gv", "dot"),
        ("net.mmd", "mermaid"),
        ("net.mermaid", "mermaid"),
    ],
)
def test_the_ending_of_a_file_name_asks_for_a_format(path: str, format: str) -> None:
    assert format_of(path) == format


@pytest.mark.parametrize(
    ("path", "help"),
    [
        ("net.svgg", "did you mean `net.svg`?"),
        ("net.mermaide", "did you mean `net.mermaid`?"),
        ("net.jpeg", "did you mean `net.png`?"),
        ("net.xlsx", f"use one of the endings {ENDINGS}"),
        ("net", f"use one of the endings {ENDINGS}"),
    ],
)
def test_an_unknown_ending_is_an_error_with_advice(path: str, help: str) -> None:
    with pytest.raises(SpecError) as error:
        format_of(path)
    [diagnostic] = error.value.diagnostics
    assert (diagnostic.code, diagnostic.help) == ("PC320", help)


@pytest.mark.parametrize("format", ["dot", "mermaid"])
def test_what_others_lay_out_stands_in_the_order_in_which_people_count(format: str) -> None:
    names = [f"h{i}" for i in range(12)]
    fan = Graph.of("fan", Stage.TYPED, map(node, ["x", *names]), [edge("x", h) for h in names])
    lines = [line for line in text_of(fan, format).splitlines() if "->" in line]
    assert [re.findall(r"h\d+", line)[0] for line in lines if "dense" in line] == names


def test_a_long_description_is_broken_into_lines() -> None:
    text = text_of(chain(3), "svg", description="many words " * 60)
    assert float(ElementTree.fromstring(text).get("width", 0)) < 760
    assert text.count("many words many") > 5
