"""Every code explains itself, and its examples are true."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import cli
from pccompiler.diagnostics.codes import CODES, RANGES, Code
from pccompiler.diagnostics.codes.plugins import FILE as PLUGIN_FILE
from pccompiler.diagnostics.diagnostic import SpecError
from pccompiler.diagnostics.explain import code_of, explanation, overview
from pccompiler.passes import OPTIONAL
from runtime.commands.options import plugins_first

ROOT = Path(__file__).parents[2]
PLACES = {"1": "check", "2": "check", "3": "check", "4": "check", "5": "train --dry-run"}
"""The command that tells of a spec that is wrong, by the first digit of the code."""

TRIED = [
    code
    for code in CODES.values()
    if code.code[2] in "1234" or (code.right.startswith("pcc: 1") and code.code != "PC540")
]
every_code = pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.code)


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Code, str], Result]:
    """What becomes of an example, whether it is a command or a spec."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "digits_mlp.yaml").write_bytes(
        (ROOT / "specs" / "digits_mlp.yaml").read_bytes()
    )
    (tmp_path / "base.yaml").write_text("pcc: 1\nname: base\n")
    (tmp_path / "my_rules.py").write_text(CODES["PC214"].right)
    monkeypatch.chdir(tmp_path)

    def run(code: Code, example: str) -> Result:
        if example.startswith(PLUGIN_FILE):
            Path("my_rules.py").write_text(example, encoding="utf-8")
            example = CODES["PC213"].right
        Path("spec.yaml").write_text(example, encoding="utf-8")
        command = example if example.startswith("pcc ") else f"pcc {PLACES[code.code[2]]} spec.yaml"
        result = CliRunner().invoke(cli.main, shlex.split(command, comments=True)[1:])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


def codes_in(text: str) -> set[str]:
    return set(re.findall(r"(?:error|warning)\[(PC\d{3})\]", text))


@pytest.mark.parametrize("code", TRIED, ids=lambda code: code.code)
def test_the_wrong_example_gives_the_code_alone_and_the_right_one_is_clean(
    code: Code, tried: Callable[[Code, str], Result]
) -> None:
    wrong, right = tried(code, code.wrong), tried(code, code.right)
    assert codes_in(wrong.output) == {code.code}
    assert wrong.exit_code == (0 if "(warning)" in code.title else 3 if code.code == "PC501" else 2)
    assert (right.exit_code, codes_in(right.output)) == (0, set())


def test_the_example_of_a_training_that_diverges_does(
    tried: Callable[[Code, str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLACES, "5", "train --smoke")
    code = CODES["PC540"]
    wrong, right = tried(code, code.wrong), tried(code, code.right)
    assert (wrong.exit_code, codes_in(wrong.output)) == (1, {"PC540"})
    assert (right.exit_code, codes_in(right.output)) == (0, set())


def test_every_code_of_a_spec_has_its_examples_tried() -> None:
    assert {code.code for code in TRIED} >= {name for name in CODES if name[2] in "1234"}


@every_code
def test_a_code_says_what_why_and_how(code: Code) -> None:
    assert re.fullmatch(r"PC[1-9]\d\d", code.code)
    assert code.code[2] in RANGES
    assert all((code.title, code.meaning, code.why, code.wrong, code.right))
    assert code.wrong != code.right
    for text in (code.meaning, code.why):
        assert text.rstrip(")").endswith(".")
    lines = explanation(code).splitlines()
    assert lines[0] == f"{code.code}: {code.title}"
    assert {"Wrong:", "Right:"} <= set(lines)
    assert all(len(line) <= 4 + 110 for line in lines)


def test_all_codes_are_listed_with_a_line_each() -> None:
    listed = re.findall(r"^  (PC\d{3})  (.+)$", overview(), re.MULTILINE)
    assert listed == [(code.code, code.title) for code in CODES.values()]


@every_code
def test_the_right_example_is_a_command_that_exists(code: Code) -> None:
    for line in re.findall(r"^(?:taskset -c \S+ )?pcc (.*)$", code.right, re.MULTILINE):
        command: click.Command = cli.main
        context = click.Context(command, info_name="pcc", **cli.main.context_settings)
        words = plugins_first(shlex.split(line, comments=True))
        while words[0] == "--plugin":  # an option of the group
            words = words[2:]
        while isinstance(command, click.Group):
            name, *words = words
            command = command.commands[name]
            context = command.make_context(name, list(words), parent=context)
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
        code_of(given)


@pytest.mark.parametrize(
    ("given", "help"),
    [("304", "`PC304`"), ("PX304", "`PC304`"), ("PC399", "lists all"), ("PC999", "lists all")],
)
def test_only_a_code_that_is_near_is_suggested(given: str, help: str) -> None:
    with pytest.raises(SpecError) as caught:
        code_of(given)
    assert help in caught.value.diagnostics[0].help


def test_a_code_may_be_written_in_lower_case() -> None:
    assert code_of(" pc203 ") == CODES["PC203"]
