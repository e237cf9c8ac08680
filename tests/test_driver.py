"""What a check says of a whole spec."""

from __future__ import annotations

from typing import Any

import pytest

import pccompiler as pcc

SPEC: dict[str, Any] = {
    "pcc": 1,
    "name": "small",
    "nodes": {"x": {"shape": [3], "role": "input"}, "y": {"shape": [2], "role": "output"}},
    "edges": [{"path": "x -> y"}],
}


def codes(spec: dict[str, Any]) -> set[str]:
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(spec)
    return {problem.code for problem in caught.value.diagnostics}


def test_mistakes_of_sections_and_of_the_graph_come_in_one_run() -> None:
    edges = [{"path": "x -> h -> y"}]
    assert codes({**SPEC, "edges": edges, "learnng": 1}) == {"PC201", "PC301"}


def test_a_mistake_in_the_nodes_hides_what_it_may_have_caused() -> None:
    nodes = {**SPEC["nodes"], "h": {"shapes": [2]}}
    assert codes({**SPEC, "nodes": nodes, "edges": [{"path": "x -> z"}]}) == {"PC201"}


@pytest.mark.parametrize(
    "rule", ["predictive_coding", "backprop", {"predictive_coding": {"output": "nudge"}}]
)
def test_steps_of_the_phases_of_several_rules_stand_side_by_side(rule: Any) -> None:
    steps = {"clamped": 20, "nudged": 10, "nudged_negative": 5}
    checked = pcc.check({**SPEC, "inference": {"steps": steps}, "learning": {"rule": rule}})
    taken = {plan.name: plan.steps for plan in checked.plan.phases if plan.stretches}
    assert taken.items() <= steps.items()


def test_a_relaxing_prediction_takes_the_steps_of_the_free_phase() -> None:
    nodes = {**SPEC["nodes"], "cause": {"shape": [2]}}
    edges = [*SPEC["edges"], {"from": "cause", "to": "y"}]
    spec = {**SPEC, "nodes": nodes, "edges": edges}
    steps = {"free": 5, "clamped": 9}
    checked = pcc.check({**spec, "inference": {"steps": steps}})
    assert checked.plan.prediction.steps == 5
    chosen = pcc.check({**spec, "inference": {"steps": steps}, "prediction": {"steps": 7}})
    assert chosen.plan.prediction.steps == 7


def test_a_nudge_without_a_nudged_output_is_warned_of() -> None:
    rule = {"predictive_coding": {"beta": 0.5}}
    [warning] = pcc.check({**SPEC, "learning": {"rule": rule}}).warnings
    assert (warning.code, warning.severity) == ("PC318", "warning")
    nudged = {"predictive_coding": {"beta": 0.5, "output": "nudge"}}
    assert not pcc.check({**SPEC, "learning": {"rule": nudged}}).warnings


def test_a_misspelt_value_in_the_place_of_a_member_is_told_with_a_suggestion() -> None:
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check({"pcc": 1, "energy": {"form": {"bidirectional": "separEte"}}})
    [problem] = [p for p in caught.value.diagnostics if p.path == "energy.form.bidirectional"]
    assert (problem.code, problem.help) == ("PC203", "did you mean `separate`?")


def test_a_parameter_that_is_overridden_by_itself_is_told() -> None:
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check({"pcc": 1, "params": {"n": 2}}, overrides=["params.n=${n}"])
    assert ("PC208", "params.n") in {(p.code, p.path) for p in caught.value.diagnostics}
