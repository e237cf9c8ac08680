"""What `--help` says: of every command its options, defaults, examples and exit codes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

import cli
from pccompiler.components.rules import RULES
from pccompiler.passes import OPTIONAL, STAGES
from runtime.commands.options import plugins_first

NO_TABLE = {
    "check": "--format json",
    "schema": "JSON already",
    "diagram": "writes a picture",
    "compile": "--emit cost is JSON, the rest is text for people",
    "predict": "writes a file",
    "runs delete": "prints nothing",
    "completion": "prints a script",
}
"""Commands without --json, and why."""


def commands(group: click.Group = cli.main, words: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands and commands of commands, each with its words."""
    for name, command in group.commands.items():
        path = f"{words} {name}".strip()
        yield path, command
        if isinstance(command, click.Group):
            yield from commands(command, path)


EVERY = dict(commands())
LEAVES = {words: command for words, command in EVERY.items() if not hasattr(command, "commands")}
every_command = pytest.mark.parametrize("words", EVERY)
every_leaf = pytest.mark.parametrize("words", LEAVES)


def told(words: str) -> str:
    """The help, with what is broken over lines put together."""
    result = CliRunner().invoke(cli.main, [*words.split(), "--help"])
    assert result.exit_code == 0
    return " ".join(result.stdout.split())


@pytest.mark.parametrize("words", ["", *EVERY])
def test_every_command_explains_itself(words: str) -> None:
    for flag in ("--help", "-h"):
        result = CliRunner().invoke(cli.main, [*words.split(), flag])
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith("Usage: ")


@every_command
def test_every_command_has_a_sentence_in_the_list_of_commands(words: str) -> None:
    assert EVERY[words].get_short_help_str(66).endswith(".")
    assert not EVERY[words].get_short_help_str(66).endswith("...")


@every_command
def test_every_option_is_described_with_its_default(words: str) -> None:
    for option in EVERY[words].params:
        if not isinstance(option, click.Option):
            continue
        assert option.help, option.name
        assert option.help.endswith((".", "?", ")")), option.name
        shown = option.is_flag or option.required or option.show_default
        assert shown or "default" in option.help.lower(), option.name


@every_leaf
def test_every_command_has_examples_that_it_accepts(words: str) -> None:
    examples = re.findall(r"^  pcc (.*)$", LEAVES[words].epilog or "", re.MULTILINE)
    assert examples
    for example in examples:
        given = plugins_first(shlex.split(example.split(" > ")[0], comments=True))
        while given[0] == "--plugin":  # which the group takes, wherever it stands
            given = given[2:]
        named = words.split()
        assert given[: len(named)] == named
        context = click.Context(cli.main, info_name="pcc")
        LEAVES[words].make_context(words, given[len(named) :], parent=context)


@pytest.mark.parametrize("words", ["", *LEAVES])
def test_every_command_says_its_exit_codes(words: str) -> None:
    assert re.search(r"Exit codes?: 0", told(words))


@every_leaf
def test_a_command_that_prints_a_table_prints_json_too(words: str) -> None:
    options = {name for option in LEAVES[words].params for name in option.opts}
    assert ("--json" in options) != (words in NO_TABLE)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("compare", [rule.name for rule in RULES]),
        ("compile", [*STAGES, "all"]),
        ("compile", OPTIONAL),
    ],
)
def test_names_to_choose_from_are_listed(words: str, names: list[str]) -> None:
    assert ", ".join(names).replace(", all", ", or all") in told(words)
