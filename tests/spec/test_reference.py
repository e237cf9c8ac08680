"""The page of all names and options is made from the members, and up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.family import Family
from pccompiler.components.member import Member
from pccompiler.components.registry import FAMILIES
from pccompiler.spec.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


def test_the_committed_page_is_fresh() -> None:
    renew = "python -m pccompiler.spec.reference > docs/reference.md"
    assert PAGE.read_text(encoding="utf-8") == reference(), renew


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.word)
def test_every_member_of_every_family_is_there_with_its_options(family: Family[Member]) -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    for member in family.ours:
        found = [row for row in rows if row.startswith(f"| `{member.name}` ")]
        assert found, member.name
        for name, option in member.model_fields.items():
            assert any(f"`{option.alias or name}` (" in row for row in found), name


def test_every_activation_is_there_with_its_formula() -> None:
    for name, activation in ACTIVATIONS.items():
        assert activation.formula
        assert f"| `{name}` | {activation.formula} |" in reference()
