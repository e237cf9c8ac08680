"""Warnings that follow from the plan: rates, reach of errors, and numbers, without JAX."""

from __future__ import annotations

from typing import Any

import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.driver import check


def told(code: str, hidden: str = "h[1..10]", **sections: Any) -> list[Diagnostic]:
    """The warnings of a code about the chain x -> hidden -> y."""
    spec = {
        "pcc": 1,
        "name": "chain",
        "nodes": {
            "x": {"shape": [4], "role": "input"},
            hidden: {"shape": [3], "activation": "tanh"},
            "y": {"shape": [2], "role": "output"},
        },
        "edges": [{"path": f"x -> {hidden} -> y"}],
        **sections,
    }
    return [warning for warning in check(spec).warnings if warning.code == code]


EP = {"rule": {"equilibrium_propagation": {"beta": 0.1}}}


def test_edges_that_no_error_reaches_are_named_with_the_steps_that_they_need() -> None:
    """y errs at step 1, h10 from step 2, h_k from step 12 - k; after 3 steps h8 is reached."""
    [warning] = told("PC336", inference={"steps": 3})
    assert warning.message.startswith("7 edges learn nothing")
    named = ["`x->h1`", *(f"`h{n}->h{n + 1}`" for n in range(1, 7))]
    assert all(name in warning.message for name in named)
    assert "`h7->h8`" not in warning.message
    assert "at least 10" in warning.help
    assert not told("PC336", inference={"steps": 10})


def test_the_steps_that_the_warning_asks_for_are_the_fewest() -> None:
    [warning] = told("PC336", inference={"steps": 9})
    assert warning.message.startswith("1 edge learns nothing")
    assert "`x->h1`" in warning.message


@pytest.mark.parametrize(
    "sections",
    [
        {"inference": {"steps": 3, "init": {"normal": {"std": 0.1}}}},
        {"inference": {"steps": 3}, "learning": {"rule": "backprop"}},
        {"inference": {"steps": 3}, "learning": {"rule": "z_il"}},
        {"inference": {"steps": 3, "update": {"asynchronous": {"order": "even_first"}}}},
    ],
)
def test_no_edge_is_named_where_errors_are_there_at_once(sections: Any) -> None:
    assert not told("PC336", **sections)


@pytest.mark.parametrize("form", ["predictive_coding", "hopfield"])
def test_a_nudge_that_does_not_get_far_is_told_too(form: str) -> None:
    """In a Hopfield network energies are there from the start; it is the difference of the
    phases that has to arrive."""
    sections = {"energy": {"form": form}, "learning": EP}
    steps = {"free": 60, "nudged": 3, "nudged_negative": 3}
    [warning] = told("PC336", inference={"steps": steps}, **sections)
    assert "`x->h1`" in warning.message
    assert not told("PC336", inference={"steps": 12}, **sections)


def test_edges_that_do_not_train_anyway_are_not_named() -> None:
    edges = [
        {"from": "x", "to": "h1", "trainable": False},
        {"path": "h[1..4] -> y"},
    ]
    [warning] = told("PC336", "h[1..4]", edges=edges, inference={"steps": 2})
    assert "`x->h1`" not in warning.message
    assert "`h1->h2`" in warning.message


def state_rate(rate: float, precision: float = 1.0, form: Any = "predictive_coding", **sgd: Any):
    return told(
        "PC337",
        "h",
        edges=[
            {"path": "x -> h -> y"},
            {"from": "y", "to": "h", "kind": "feedback", "op": {"transpose_of": "h->y"}},
        ],
        energy={"form": form, "precision": {"per_node": {"h": precision}}},
        inference={"optimizer": {"sgd": {"learning_rate": rate, **sgd}}},
    )


def test_a_rate_times_precision_above_two_is_told_with_the_bound() -> None:
    [warning] = state_rate(0.1, 100.0)
    assert "`h`" in warning.message
    assert "below 0.02" in warning.help
    assert not state_rate(0.1, 19.0)
    assert not state_rate(0.019, 100.0)


def test_momentum_allows_for_more() -> None:
    """Heavy-ball descent is stable below 2 (1 + m) / rate."""
    assert state_rate(0.1, 25.0)
    assert not state_rate(0.1, 25.0, momentum=0.5)


@pytest.mark.parametrize(
    ("form", "curvature"),
    [
        ({"bidirectional": {"errors": "summed"}}, 4.0),
        ({"bidirectional": {"errors": "separate", "feedback_weight": 0.5}}, 1.5),
    ],
)
def test_the_factor_of_the_form_counts(form: Any, curvature: float) -> None:
    """1/2 (2x - mu - nu)^2 has a curvature of 4; weights of separate errors add up."""
    assert state_rate(2.1 / curvature, form=form)
    assert not state_rate(1.9 / curvature, form=form)


def test_states_that_only_a_feedforward_pass_sets_are_not_told_of() -> None:
    sgd = {"optimizer": {"sgd": {"learning_rate": 3.0}}}
    assert not told("PC337", "h", inference=sgd, learning={"rule": "backprop"})
    assert not told("PC337", "h", inference={"optimizer": {"adam": {"learning_rate": 3.0}}})


def test_a_nudge_below_what_float32_resolves_is_told() -> None:
    rule = {"rule": {"equilibrium_propagation": {"beta": 1e-7}}}
    [warning] = told("PC338", "h", learning=rule)
    assert "1e-07" in warning.message
    assert warning.path == "learning.rule.equilibrium_propagation.beta"
    assert not told("PC338", "h", learning=EP)


@pytest.mark.parametrize(
    ("sections", "path", "what"),
    [
        ({"learning": {"optimizer": {"adam": {"eps": 1e-46}}}}, "learning.optimizer.adam.eps", "z"),
        (
            {"inference": {"optimizer": {"adam": {"eps": 1e-40}}}},
            "inference.optimizer.adam.eps",
            "z",
        ),
        (
            {"energy": {"precision": {"per_node": {"h": 1e39}}}},
            "energy.precision.per_node.h",
            "i",
        ),
    ],
)
def test_numbers_that_are_zero_or_infinite_in_float32_are_told(
    sections: Any, path: str, what: str
) -> None:
    [warning] = told("PC339", "h", **sections)
    assert warning.path == path
    assert f"which is {'zero' if what == 'z' else 'infinite'} in float32" in warning.message
