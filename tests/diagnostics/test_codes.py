"""Every code explains itself, and its examples are true."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import cli
from pccompiler.diagnostics.codes import CODES, Code
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.render import render_explanation
from pccompiler.passes import OPTIONAL
from pccompiler.spec.load import load

SPECS = Path(__file__).parents[2] / "specs"
OF_THE_SPEC = [code for name, code in CODES.items() if name[2] in "12"]

Errors = Callable[..., tuple[Diagnostic, ...]]


@pytest.fixture
def codes_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
    """The codes that an example gives, whether it is YAML or a command."""
    (tmp_path / "specs").mkdir()
    text = (SPECS / "digits_mlp.yaml").read_text()
    for name in ("specs/digits_mlp.yaml", "base.yaml", "spec.yaml"):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)

    def codes(example: str) -> set[str]:
        path, overrides = "spec.yaml", []
        if example.startswith("pcc check "):
            path, *options = shlex.split(example.removeprefix("pcc check "))
            overrides = [option for option in options if option != "-s"]
        else:
            Path("spec.yaml").write_text(example)
        try:
            load(path, overrides)
        except SpecError as error:
            return {diagnostic.code for diagnostic in error.diagnostics}
        return set()

    return codes


@pytest.mark.parametrize("code", OF_THE_SPEC, ids=lambda code: code.code)
def test_the_wrong_example_gives_the_code_and_the_right_one_does_not(
    code: Code, codes_of: Callable[[str], set[str]]
) -> None:
    assert code.code in codes_of(code.wrong)
    assert code.code not in codes_of(code.right)


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.code)
def test_a_code_says_what_why_and_how(code: Code) -> None:
    assert re.fullmatch(r"PC[1-9]\d\d", code.code)
    assert all((code.title, code.meaning, code.wrong, code.right))
    assert code.meaning.rstrip(")").endswith(".")
    text = render_explanation(code.code)
    assert text.startswith(f"{code.code}: {code.title}\n")


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.code)
def test_the_right_example_is_a_command_that_exists(code: Code) -> None:
    for line in re.findall(r"^(?:taskset -c \S+ )?pcc (.*)$", code.right, re.MULTILINE):
        name, *arguments = shlex.split(line, comments=True)
        context = cli.main.commands[name].make_context(name, arguments)
        assert set(context.params.get("disable", ())) <= set(OPTIONAL)


def test_the_codes_in_the_sources_are_those_that_are_explained() -> None:
    package = Path(__file__).parents[2]
    sources = [*(package / "pccompiler").rglob("*.py"), *(package / "runtime").rglob("*.py")]
    used = {
        code
        for source in sources
        if source.parent.name != "codes"
        for code in re.findall(r'"(PC\d{3})"', source.read_text(encoding="utf-8"))
    }
    assert used == set(CODES)


def test_no_code_is_listed_twice() -> None:
    folder = Path(__file__).parents[2] / "pccompiler" / "diagnostics" / "codes"
    listed = [
        code
        for source in folder.glob("*.py")
        for code in re.findall(r'^\s+(?:Code\()?"(PC\d{3})"', source.read_text(), re.MULTILINE)
    ]
    assert sorted(set(listed)) == sorted(listed) == sorted(CODES)


@pytest.mark.parametrize("given", ["PC20", "pc999", "203", "", "x" * 10_000])
def test_an_unknown_code_is_a_clear_error(given: str) -> None:
    with pytest.raises(SpecError, match="unknown code"):
        render_explanation(given)


def test_a_code_may_be_written_in_lower_case() -> None:
    assert render_explanation(" pc203 ") == render_explanation("PC203")
