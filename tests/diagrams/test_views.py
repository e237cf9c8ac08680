"""What the views show: delays and borrowed weights, copies in time, value and error units."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from pccompiler.components.energies.priors import LaplacePrior
from pccompiler.components.forms import BidirectionalForm, HopfieldForm, PredictiveCodingForm
from pccompiler.diagnostics.diagnostic import SpecError
from pccompiler.diagrams import View
from pccompiler.diagrams.circuit import circuit
from pccompiler.diagrams.network import picture
from pccompiler.diagrams.picture import Picture, PictureEdge, PictureNode
from pccompiler.diagrams.styles import EDGE_STYLES, Tip
from pccompiler.diagrams.unrolled import unrolled
from pccompiler.driver import check
from pccompiler.ir.copies import Copies
from pccompiler.ir.graph import Graph, Stage
from tests.diagrams.networks import PASSING, bipc, chain, edge, networks, node, recurrent, text_of


def node_of(drawn: Picture, name: str) -> PictureNode:
    return next(node for node in drawn.nodes if node.name == name)


def edge_of(drawn: Picture, name: str) -> PictureEdge:
    return next(edge for edge in drawn.edges if edge.name == name)


def ends(drawn: Picture, kind: str) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in drawn.edges if edge.kind == kind}


# The network ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"delay": 1}, ("dense, delay 1",)),
        ({"gain": -0.5}, ("dense, gain -0.5",)),
        ({"delay": 2, "gain": 0.5}, ("dense, delay 2, gain 0.5",)),
        ({"tied_to": "c->d"}, ("dense tied to c->d",)),
        ({"name": "own", "delay": 1}, ("own", "dense, delay 1")),
        ({"operators": (), "delay": 1}, ("delay 1",)),
    ],
)
def test_a_label_says_what_is_special_about_an_edge(
    changes: dict[str, Any], label: tuple[str, ...]
) -> None:
    odd = edge("a", "b").replace(**changes)
    graph = Graph.of("labels", Stage.TYPED, [node("a"), node("b")], [odd])
    assert edge_of(picture(graph), odd.name).label == label


def test_a_transposed_edge_names_the_edge_that_owns_its_weights() -> None:
    drawn = picture(check(bipc()).graph)
    assert edge_of(drawn, "h1->image").label == ("conv^T of image->s1",)
    assert edge_of(drawn, "h2->h1").label == ("conv^T of h1->s2", "delay 1")


def test_a_tooltip_gives_an_energy_only_where_something_predicts_the_node() -> None:
    drawn = picture(recurrent())
    tips = {n.name: n.tooltip for n in drawn.nodes}
    assert tips["image"] == "image: input, shape 64, clamped"
    into = "parameters 4,160 on the edges into it"
    assert tips["s"] == (
        f"s: hidden, shape 64, activation identity, passes its prediction through, {into}"
    )
    assert (
        tips["h"] == f"h: hidden, shape 64, activation tanh, energy gaussian, precision 1, {into}"
    )


def test_a_prior_stands_in_the_tooltip() -> None:
    cause = node("cause").replace(prior=LaplacePrior(mean=0.5, precision=2.0))
    graph = Graph.of("prior", Stage.TYPED, [cause], [])
    assert node_of(picture(graph), "cause").tooltip == (
        "cause: hidden, shape 64, prior laplace(mean 0.5, precision 2)"
    )


def test_nodes_that_add_or_join_carry_a_mark() -> None:
    total = node("t").replace(**PASSING)
    plain = node("p").replace(activation="identity", **PASSING)
    joined = node("j").replace(concatenates=True, **PASSING)
    whole = node("w").replace(concatenates=True)
    nodes = [node("a"), total, plain, joined, whole]
    edges = [edge("a", n.name) for n in nodes[1:]]
    drawn = picture(Graph.of("marks", Stage.TYPED, nodes, edges))
    shown = {n.name: (*n.title, n.detail, n.look) for n in drawn.nodes}
    assert shown["t"] == ("Σ", "t · tanh", "sum")
    assert shown["p"] == ("Σ", "p", "sum")
    assert shown["j"] == ("‖", "j · tanh", "join")
    assert shown["w"] == ("w", "‖ 64 · tanh", "hidden")


# Unrolled in time -------------------------------------------------------------------------


def test_edges_lead_to_the_copies_that_they_read_and_absent_terms_are_not_drawn() -> None:
    drawn = unrolled(recurrent())
    assert ends(drawn, "recurrent") == {("h@0", "s@1"), ("h@1", "s@2")}
    assert ends(drawn, "skip") == {("image@0", "label@2")}
    assert ends(drawn, "feedback") == {("h@1", "h@0"), ("h@2", "h@1")}
    assert len(ends(drawn, "feedforward")) == 3 * 3


def test_a_copy_of_a_sum_that_nothing_reaches_is_not_drawn() -> None:
    drawn = unrolled(check(bipc()).graph)
    names = {n.name for n in drawn.nodes}
    assert len(names) == 14 * 4 - 5
    assert {f"s{m}@0" for m in range(1, 7)} & names == {"s1@0"}


@pytest.mark.parametrize(("every", "held"), [(False, {2}), (True, {0, 1, 2})])
def test_targets_hold_for_the_last_copy_or_for_every_one(every: bool, held: set[int]) -> None:
    graph = recurrent()
    assert graph.time is not None
    drawn = unrolled(graph.replace(time=type(graph.time)(3, every)))
    clamped = {n.name for n in drawn.nodes if n.clamped}
    assert clamped == {f"image@{t}" for t in range(3)} | {f"label@{t}" for t in held}


@given(networks())
@settings(max_examples=30, deadline=None)
def test_every_present_term_between_present_copies_is_an_edge(graph: Graph) -> None:
    drawn, copies = unrolled(graph), Copies(graph)
    names = {n.name for n in drawn.nodes}
    present = {
        f"{e.name}@{t}"
        for e in graph.edges
        for t in copies.times
        if copies.terms[e.name][t] and f"{e.target}@{t}" in names
    }
    assert {e.name for e in drawn.edges} == present
    assert drawn.grid is not None
    assert set(drawn.grid.cells) == names


def test_a_network_without_time_cannot_be_unrolled() -> None:
    with pytest.raises(SpecError) as error:
        unrolled(chain(3))
    [diagnostic] = error.value.diagnostics
    assert diagnostic.code == "PC552"


# Value and error units --------------------------------------------------------------------


def test_predictions_meet_errors_which_correct_values_backwards() -> None:
    drawn = circuit(chain(4))
    assert [n.name for n in drawn.nodes] == [
        "image", "ε(h1)", "h1", "ε(h2)", "h2", "ε(label)", "label",
    ]  # fmt: skip
    assert ends(drawn, "feedforward") == {
        ("image", "ε(h1)"), ("h1", "ε(h2)"), ("h2", "ε(label)"),
    }  # fmt: skip
    assert ends(drawn, "comparison") == {("ε(h1)", "h1"), ("ε(h2)", "h2")}
    assert ends(drawn, "held_target") == {("ε(label)", "label")}  # its one tip is at the error
    assert edge_of(drawn, "ε(label) of label").tooltip.endswith("held, so nothing corrects it")
    assert ends(drawn, "correction") == {("ε(h2)", "h1"), ("ε(label)", "h2")}  # image is held


def test_a_bidirectional_circuit_has_two_errors_and_sums_on_the_way() -> None:
    drawn = circuit(recurrent())
    assert ends(drawn, "feedforward") == {("image", "s"), ("s", "εf(h)"), ("h", "εf(label)")}
    assert ends(drawn, "recurrent") == {("h", "s")}
    assert ends(drawn, "feedback") == {("h", "εb(h)")}
    assert ends(drawn, "comparison") == {("εf(h)", "h"), ("εf(label)", "label")}
    assert ends(drawn, "feedback_comparison") == {("h", "εb(h)")}
    assert not node_of(drawn, "label").clamped  # only its last copy is held
    assert ends(drawn, "correction") == {
        ("s", "h"), ("εf(h)", "s"), ("εf(label)", "h"), ("εb(h)", "h"),
    }  # fmt: skip


def test_errors_that_the_form_adds_are_one_unit() -> None:
    drawn = circuit(recurrent().replace(form=BidirectionalForm()))
    assert node_of(drawn, "ε(h)").look == "summed_error"
    assert {("h", "ε(h)")} == ends(drawn, "feedback")
    assert ends(drawn, "comparison") == {("ε(h)", "h"), ("ε(label)", "label")}


def test_feedback_that_the_form_leaves_out_is_no_part_of_the_circuit() -> None:
    drawn = circuit(recurrent().replace(form=PredictiveCodingForm()))
    assert "feedback" not in drawn.kinds()
    assert "feedback_error" not in drawn.looks()


def test_a_root_with_a_prior_has_an_error_and_one_without_has_none() -> None:
    roots = [node("a").replace(prior=LaplacePrior()), node("b")]
    drawn = circuit(Graph.of("roots", Stage.TYPED, roots, []))
    assert {n.name for n in drawn.nodes} == {"a", "ε(a)", "b"}


# Undirected forms --------------------------------------------------------------------------


def hopfield() -> Graph:
    """A chain with a skip, a lateral coupling, and an edge that has feedback of its own."""
    graph = chain(5)
    more = [
        edge("image", "h2", "skip"),
        edge("h1", "h1", "recurrent"),
        edge("label", "h3", "feedback"),
    ]
    return Graph.of(
        "hopfield", Stage.TYPED, graph.nodes, [*graph.edges, *more], form=HopfieldForm()
    )


@pytest.mark.parametrize("view", [picture, circuit])
def test_couplings_have_no_arrows_and_one_way_edges_have(view: View) -> None:
    drawn = view(hopfield(), None, "")
    kinds = {e.name: e.kind for e in drawn.edges}
    assert kinds == {
        "image->h1": "coupling",
        "h1->h2": "coupling",
        "h2->h3": "coupling",
        "image->h2": "skip_coupling",
        "h1->h1": "recurrent_coupling",
        "h3->label": "feedforward",
        "label->h3": "feedback",
    }
    assert {EDGE_STYLES[kind].tip for kind in kinds.values()} == {Tip.NONE, Tip.ARROW}


def test_a_circuit_of_couplings_has_no_error_units_and_says_so() -> None:
    drawn = circuit(hopfield())
    assert {n.look for n in drawn.nodes} == {"input_value", "hidden_value", "output_value"}
    assert [n.name for n in drawn.nodes] == [n.name for n in hopfield().nodes]
    assert drawn.summary.endswith("no error units: values act on each other")
    assert not {"comparison", "correction"} & set(drawn.kinds())


def test_couplings_tell_the_energy_that_they_enter() -> None:
    drawn = picture(hopfield())
    assert dict(edge_of(drawn, "h1->h2").facts)["enters"] == "the hopfield energy"
    assert dict(node_of(drawn, "h1").facts)["energy"] == "hopfield"
    assert "precision" not in dict(node_of(drawn, "h1").facts)


@pytest.mark.parametrize(
    ("format", "told"),
    [("dot", "dir=none"), ("mermaid", " --- "), ("svg", ">coupling, acts both ways<")],
)
def test_every_format_draws_couplings_without_direction(format: str, told: str) -> None:
    text = text_of(hopfield(), format)
    assert told in text or told.replace(" --- ", " ---|") in text
    if format == "svg":
        one = text.split('class="edge coupling"')[1].split("</g>")[0]
        assert "<polygon" not in one
