"""Rules without an energy contrast learn handwritten digits, in fewer epochs than their specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pccompiler.driver import check
from runtime.training.fit import fit
from runtime.training.reporter import Silent

SPECS = Path(__file__).parents[2] / "specs"


@pytest.mark.parametrize(
    ("spec", "epochs", "accuracy"),
    [
        ("feedback_alignment_mlp", 10, 0.90),
        ("forward_forward_mlp", 20, 0.90),
        ("incremental_mlp", 8, 0.97),
    ],
)
def test_a_rule_without_an_energy_contrast_learns_digits(
    spec: str, epochs: int, accuracy: float, tmp_path: Path
) -> None:
    overrides = [f"training.epochs={epochs}"]
    run = fit(SPECS / f"{spec}.yaml", tmp_path / spec, overrides, Silent(), plots=False)
    assert run.evaluate("test").accuracy > accuracy


def test_what_a_rule_owns_is_shown_and_counted() -> None:
    from pccompiler.summary import summarise

    own = summarise(check(SPECS / "feedback_alignment_mlp.yaml")).own
    assert [(a.owner, a.name, a.shape, a.learns) for a in own] == [
        ("h1->h2", "weight", (128, 128), None),
        ("h2->label", "weight", (128, 10), None),
    ]
