"""`pcc verify`: rules that follow their theory pass, rules that do not fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from click.testing import CliRunner

import cli
from pccompiler.components.rules.estimators import EnergyContrast
from pccompiler.diagnostics.diagnostic import SpecError
from runtime.verification import claims, orders
from runtime.verification.checks import verify
from runtime.verification.conclusion import Cosines, about
from runtime.verification.narrow import narrowed
from runtime.verification.rows import Report, Row
from runtime.verification.subject import Subject, implicit_gradient, relative_error
from tests.registration import registered
from tests.rules.test_what_a_rule_may_ask import ForwardGradient

Spec = dict[str, Any]

DENSE = {"dense": {"weight_init": {"normal": 0.3}}}
CONV = [{"conv": {"weight_init": {"normal": 0.2}}}, {"avg_pool": 2}]
NUDGED = {"equilibrium_propagation": {"beta": 0.05}}
GENTLE = {"steps": 60, "optimizer": {"sgd": {"learning_rate": 0.1}}}


def dense(form: str = "hopfield", rule: Any = NUDGED, **sections: Any) -> Spec:
    """4 - 5 - 3 with a smooth activation."""
    resting = {"init": "zeros", "optimizer": "fixed_point", "steps": 30}
    return {
        "pcc": 1,
        "name": "tiny",
        "nodes": {
            "x": {"shape": [4], "role": "input"},
            "h": {"shape": [5], "activation": "shifted_sigmoid"},
            "y": {"shape": [3], "role": "output"},
        },
        "edges": [{"path": "x -> h -> y", "op": DENSE}],
        "energy": {"form": form},
        "inference": resting if form == "hopfield" else GENTLE,
        "learning": {"rule": rule},
    } | sections


def convolutional() -> Spec:
    """4x4x1 - 2x2x2 - 3, with average pooling."""
    return dense() | {
        "nodes": {
            "x": {"shape": [4, 4, 1], "role": "input"},
            "h": {"shape": [2, 2, 2], "activation": "tanh"},
            "y": {"shape": [3], "role": "output"},
        },
        "edges": [
            {"path": "x -> h", "op": [{"conv": {"channels": 2, **CONV[0]["conv"]}}, CONV[1]]},
            {"path": "h -> y", "op": ["flatten", DENSE]},
        ],
    }


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def report_of(spec: Spec, **how: Any) -> Report:
    return verify(Subject.of(spec, samples=2, **how))


def rows(report: Report, check: str) -> list[Row]:
    found = [row for row in report.rows if row.check.startswith(check)]
    assert found, [row.check for row in report.rows]
    return found


@pytest.mark.parametrize("spec", [dense(), convolutional()], ids=["dense", "convolutional"])
def test_equilibrium_propagation_has_the_orders_of_its_theory(spec: Spec) -> None:
    report = report_of(spec)
    assert not report.failed
    for variant, low, high in (("positive", 0.9, 1.1), ("centred", 1.8, 2.2)):
        [row] = rows(report, f"order in beta, {variant}")
        assert row.passed
        errors = list(report.errors[variant].values())
        assert low <= np.log2(errors[0] / errors[-1]) / 2 <= high
    for check in ("nudge increments", "reference against backpropagation"):
        [row] = rows(report, check)
        assert row.passed
    [slope] = rows(report, "dE/dparams at rest")
    assert slope.passed is None  # a Hopfield network has weights in its energy at rest
    assert {row.subject for row in rows(report, "gradient against")} == {"x->h", "h->y"}


def test_a_contrast_that_forgets_beta_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = EnergyContrast.gradient

    def wrong(self: EnergyContrast, evidence: Any) -> Any:
        return jax.tree.map(lambda leaf: 0.9 * leaf, honest(self, evidence))

    monkeypatch.setattr(EnergyContrast, "gradient", wrong)
    report = report_of(dense())
    assert {row.check for row in report.failed} == {
        "order in beta, positive",
        "order in beta, centred",
    }


def test_the_implicit_gradient_is_that_of_many_differentiated_steps() -> None:
    subject = Subject.of(dense(), samples=3)
    plain = subject.version("learning.rule=backprop", "inference.steps=400")
    through_time = plain.gradients(subject.params, subject.batch)
    assert relative_error(subject.reference, through_time) < 1e-9
    states, model = subject.at_rest
    off = {**states, "h": states["h"] + 0.1}
    elsewhere = implicit_gradient(off, model, subject.params, subject.batch)
    assert relative_error(elsewhere, through_time) > 1e-3


@pytest.mark.parametrize("rule", ["z_il", "fixed_prediction", "backprop"])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_exact_relatives_of_backpropagation_are_exact(rule: str, loss: str) -> None:
    spec = dense("predictive_coding", rule, energy={"loss": loss})
    report = report_of(spec)
    assert not report.failed
    assert all(row.passed for row in rows(report, "gradient against"))


def test_predictive_coding_at_its_clamped_equilibrium_is_not_backpropagation() -> None:
    report = report_of(dense("predictive_coding", "predictive_coding"))
    assert not report.failed
    [direction, length] = rows(report, "clamped equilibrium")
    assert direction.passed
    assert length.passed is None
    assert "points where" in report.conclusion or "steps" in report.conclusion


def support(precision: float) -> Report:
    """Predictive coding with this precision of the output."""
    energy = {"precision": {"per_node": {"y": precision}}}
    return report_of(dense("predictive_coding", "predictive_coding", energy=energy))


def test_a_faint_output_does_not_pass_for_another_direction_than_backpropagation() -> None:
    """The gradient is the precision of the output times almost that of the loss: its direction
    is the same, and only its length is not."""
    report = support(1e-4)
    assert not report.failed
    [direction, length] = rows(report, "clamped equilibrium")
    assert direction.passed is None
    assert "too small here to tell" in direction.measured
    assert "divided by the output's precision 0.0001" in length.measured
    assert float(length.measured.split()[0]) == pytest.approx(1, abs=0.01)


def test_predictive_coding_approaches_backpropagation_as_the_output_grows_faint() -> None:
    [row] = rows(support(1.0), "as the output's precision tends to 0")
    assert row.passed
    assert "order 1" in row.expected


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Cosines(0.998, 0.999, None), "points where that of the loss does"),
        (Cosines(0.58, 0.97, 0.98), "take more inference.steps"),
        (Cosines(0.58, 0.80, 0.99), "and a smaller beta"),
        (Cosines(0.58, 0.59, 0.97), "lower beta"),
        (Cosines(0.58, 0.58, 0.58), "more steps or a smaller beta would not change"),
        (Cosines(0.58, 0.58, None), "which more steps would not change"),
        (Cosines(float("nan"), float("nan"), None), "no direction"),
    ],
)
def test_a_conclusion_says_what_to_change(found: Cosines, words: str) -> None:
    assert words in about(found)


def test_a_naive_hopfield_net_is_told_to_take_more_steps() -> None:
    """Two steps of rate 0.1 from zero are far from rest."""
    few = {"init": "zeros", "steps": 2, "optimizer": {"sgd": {"learning_rate": 0.1}}}
    report = report_of(dense(inference=few))
    assert "take more inference.steps" in report.conclusion


def test_a_conclusion_names_the_rows_that_fail_and_states_without_rest() -> None:
    strong = {"dense": {"weight_init": {"normal": 30.0}}}
    spec = dense(inference={"init": "zeros", "steps": 5})
    spec["nodes"]["h"]["activation"] = "identity"
    spec["edges"][0]["op"] = strong
    report = report_of(spec)
    assert "rows fail (" in report.conclusion
    assert "The states do not come to rest" in report.conclusion


@pytest.mark.parametrize(
    ("rule", "check"),
    [
        ({"predictive_coding": {"output": "nudge"}}, "order in beta, centred"),
        (NUDGED, "order in beta, positive"),
        ({"predictive_coding": {"output": "clamp_nudge"}}, "beta a thousand times smaller"),
        ("contrastive_hebbian", "coupled learning with beta = 1"),
        ({"coupled_learning": {"beta": 0.1}}, "beta a thousand times smaller"),
    ],
)
@pytest.mark.parametrize("form", ["predictive_coding", "hopfield"])
def test_each_rule_has_rows_of_its_own_on_each_energy_that_it_suits(
    form: str, rule: Any, check: str
) -> None:
    spec = dense(form, rule)
    if form == "hopfield" and "predictive_coding" in rule:
        with pytest.raises(SpecError, match="does not suit this network"):
            Subject.of(spec)
        return
    report = report_of(spec)
    assert not report.failed
    assert all(row.passed for row in rows(report, check))


def test_a_rate_at_which_states_diverge_is_told() -> None:
    wild = {"steps": 30, "optimizer": {"sgd": {"learning_rate": 3.0}}}
    report = report_of(dense("predictive_coding", "predictive_coding", inference=wild))
    assert {row.check for row in report.failed} == {"energy over inference"}
    settled = next(row for row in report.rows if row.check == "way to rest, with more steps")
    assert settled.passed
    assert "sgd: {learning_rate: 0.375, momentum: 0.98}" in settled.measured
    assert all("lower the rate" in row.measured for row in report.failed)


def test_targets_at_the_last_time_alone_are_held_there_and_nowhere_else() -> None:
    spec = dense("predictive_coding", "predictive_coding", time={"steps": 2, "targets": "last"})
    spec["edges"].append({"from": "h", "to": "h", "kind": "recurrent", "op": DENSE})
    rest = Subject.of(spec, samples=2).rest
    assert rest.reached
    assert not rest.calmed


def test_states_with_nowhere_to_rest_are_told_as_such() -> None:
    # identity nodes with strong couplings: F is a saddle without a minimum
    strong = {"dense": {"weight_init": {"normal": 30.0}}}
    spec = dense(inference={"init": "zeros", "steps": 5})
    spec["nodes"]["h"]["activation"] = "identity"
    spec["edges"][0]["op"] = strong
    report = report_of(spec)
    settled = rows(report, "way to rest, with more steps")
    assert not any(row.passed for row in settled)
    assert all("F may have no minimum here" in row.measured for row in settled)
    assert report.rows[-1] in settled


def test_predictive_coding_without_errors_to_spread_is_not_said_to_fail() -> None:
    spec = dense("predictive_coding", "predictive_coding")
    spec["edges"][0]["op"] = {"dense": {"weight_init": "zeros"}}
    [row, _] = rows(report_of(spec), "clamped equilibrium")
    assert row.passed is None
    assert "too small" in row.measured


def test_betas_that_are_too_large_for_an_order_are_made_finer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orders, "NUDGES", (1.6, 0.8, 0.4))
    report = report_of(dense())
    assert not report.failed
    assert max(report.errors["positive"]) < 1.6
    [row] = rows(report, "order in beta, positive")
    assert row.passed


def test_no_error_of_predictive_coding_is_left_at_its_free_equilibrium() -> None:
    [row] = rows(report_of(dense("predictive_coding", NUDGED)), "dE/dparams at rest")
    assert row.passed


def test_untied_feedback_has_no_order_to_verify() -> None:
    back = {"from": "y", "to": "h", "kind": "feedback", "op": DENSE}
    spec = dense()
    report = report_of(spec | {"edges": [*spec["edges"], back]})
    assert not report.failed
    assert not [row for row in report.rows if row.check.startswith("order")]
    assert "y->h" in {row.subject for row in rows(report, "gradient against")}


def test_kinks_are_named_where_they_spoil_the_order() -> None:
    spec = dense()
    spec["nodes"]["h"]["activation"] = "hard_sigmoid"
    [row] = rows(report_of(spec), "order in beta, centred")
    assert "hard_sigmoid" in row.expected or row.passed


def test_a_narrowed_copy_keeps_inputs_and_outputs() -> None:
    spec = convolutional()
    spec["nodes"]["h"]["shape"] = [2, 2, 48]
    spec["edges"][0]["op"][0]["conv"]["channels"] = 48
    copy, changed = narrowed(spec, [], 8)
    assert changed
    assert copy["nodes"]["h"]["shape"] == [2, 2, 8]
    assert copy["edges"][0]["op"][0]["conv"]["channels"] == 8
    assert [copy["nodes"][name]["shape"] for name in ("x", "y")] == [[4, 4, 1], [3]]
    assert narrowed(spec, [], 48)[1] is False


def test_a_copy_that_does_not_fit_together_is_told() -> None:
    spec = dense()
    spec["nodes"]["h"]["shape"] = [40]
    spec["nodes"]["g"] = {"shape": [2, 20]}
    spec["edges"].append({"path": "h -> g", "op": {"reshape": [2, 20]}})
    with pytest.raises(SpecError, match="does not fit together"):
        narrowed(spec, [], 30)


def test_the_command_prints_a_table_json_and_a_picture(tmp_path: Path) -> None:
    spec = tmp_path / "tiny.yaml"
    spec.write_text(json.dumps(dense("predictive_coding", "predictive_coding")))
    picture = tmp_path / "energy.png"
    result = CliRunner().invoke(
        cli.main, ["verify", str(spec), "--samples", "2", "--json", "--plot", str(picture)]
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert "measured: clamped equilibrium" in result.stderr
    assert told["passed"]
    assert {"check", "subject", "expected", "measured", "passed"} <= set(told["rows"][0])
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = CliRunner().invoke(cli.main, ["verify", str(spec), "--samples", "2"])
    assert "clamped equilibrium" in table.output
    assert "pass" in table.output
    assert told["conclusion"] in table.output


def test_the_command_fails_where_a_row_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "tiny.yaml"
    spec.write_text(json.dumps(dense("predictive_coding", "z_il")))
    monkeypatch.setattr(claims, "EXACT", -1.0)
    result = CliRunner().invoke(cli.main, ["verify", str(spec), "--samples", "2"])
    assert result.exit_code == 1
    assert "FAIL" in result.output


def test_a_picture_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    spec = tmp_path / "tiny.yaml"
    spec.write_text(json.dumps(dense()))
    result = CliRunner().invoke(cli.main, ["verify", str(spec), "--plot", "energy.txt"])
    assert result.exit_code == 2
    assert ".png" in result.output


def test_rows_are_values() -> None:
    row = Row("check", "edge", "one", "two", None)
    assert replace(row, passed=True) != row


def test_a_random_sign_is_verified_by_one_of_its_signs() -> None:
    rule = {"equilibrium_propagation": {"variant": "random_sign", "beta": 0.05}}
    report = report_of(dense(rule=rule))
    assert not report.failed
    assert rows(report, "order in beta, positive")


def test_backpropagation_through_a_relaxation_is_held_against_the_implicit_gradient() -> None:
    report = report_of(dense(rule="backprop"))
    assert not report.failed
    assert rows(report, "gradient against")


def test_a_random_gradient_is_held_to_its_mean() -> None:
    with registered(ForwardGradient, "rule"):
        report = report_of(dense("predictive_coding", ForwardGradient.name))
    [row] = rows(report, "mean gradient")
    assert row.passed


def test_a_rule_that_follows_something_else_is_compared_with_nothing() -> None:
    report = report_of(dense("predictive_coding", {"predictive_coding": {"update": "incremental"}}))
    assert not report.failed
    [row] = rows(report, "gradient against")
    assert "not comparable" in row.expected
    assert "No gradient of the loss is promised" in report.conclusion
