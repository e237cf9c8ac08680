"""What README and guide show is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pccompiler as pcc
from pccompiler.diagnostics.render import render

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_spec_of_the_readme_is_the_shipped_one_in_short(tmp_path: Path) -> None:
    [text] = blocks(README, "yaml")
    path = tmp_path / "digits_mlp.yaml"
    path.write_text(text, encoding="utf-8")
    shown, shipped = pcc.check(path), pcc.check(ROOT / "specs" / "digits_mlp.yaml")
    for section in ("nodes", "edges", "energy", "inference", "learning", "data", "training"):
        assert getattr(shown.spec, section) == getattr(shipped.spec, section)


def test_the_mistake_of_the_readme_is_told_as_shown(tmp_path: Path) -> None:
    [text] = blocks(README, "yaml")
    path = tmp_path / "digits_mlp.yaml"
    path.write_text(text.replace("rule: predictive_coding", "rule: backprp"), encoding="utf-8")
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(path)
    told = render(caught.value.diagnostics).replace(str(path), path.name)
    assert f"```\n{told}\n```" in README


def test_the_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    [code] = blocks(README, "python")
    names: dict[str, object] = {}
    exec(code, names)
    assert set(names["grads"]) == {"image->h1", "h1->h2", "h2->label"}  # type: ignore[call-overload]


def test_the_specs_of_the_guide_are_good(tmp_path: Path) -> None:
    whole, *sections = blocks(GUIDE, "yaml")
    path = tmp_path / "example.yaml"
    for section in ("", *sections):
        path.write_text(whole + section, encoding="utf-8")
        assert pcc.check(path).spec.name == "example"
