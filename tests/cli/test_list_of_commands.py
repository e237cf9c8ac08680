"""`pcc` and its commands: one file each, imported when it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cli
from runtime.commands.group import command_line

ROOT = Path(__file__).parents[2]
SHARED = {"__init__", "group", "options", "progress", "results", "shells", "tables"}
"""What the commands share; every other file of the folder is a command."""


def test_every_file_of_the_folder_is_a_command_or_shared() -> None:
    files = {path.stem for path in (ROOT / "runtime" / "commands").glob("*.py")}
    assert files - SHARED == set(cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_command_is_called_like_its_file(name: str) -> None:
    command = cli.main.get_command(click.Context(cli.main), name)
    assert command is not None
    assert command.name == name
    assert command.callback is not None
    assert command.callback.__module__ == f"runtime.commands.{name}"


def test_a_file_and_a_line_make_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What CONTRIBUTING promises, with a file in a folder that the package looks in too."""
    import runtime.commands

    (tmp_path / "greet.py").write_text(
        "import click\n\n\n@click.command('greet')\ndef command() -> None:\n"
        "    'Say hello.'\n    click.echo('hello')\n"
    )
    monkeypatch.setattr(runtime.commands, "__path__", [*runtime.commands.__path__, str(tmp_path)])
    main = command_line((*cli.COMMANDS, "greet"))
    assert "greet       Say hello." in CliRunner().invoke(main, ["--help"]).stdout
    assert CliRunner().invoke(main, ["greet"]).stdout == "hello\n"
    assert "Did you mean 'greet'?" in CliRunner().invoke(main, ["gret"]).stderr


def test_a_command_imports_no_other() -> None:
    program = (
        "import sys, cli\n"
        "try: cli.main(['check', 'specs/digits_mlp.yaml'], standalone_mode=False)\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print([n for n in {cli.COMMANDS} if f'runtime.commands.{{n}}' in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "['check']"), done.stderr
