"""A package with members of its own: installed, trained, resumed, and refused when it changed.

The members are those of docs/members_from_outside.md, and an operator.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.test_snippets import NAMED, page, snippets

ROOT = Path(__file__).parents[2]

OPERATOR = '''
from typing import ClassVar

from pydantic import Field

from pccompiler.components.operators import Operator


class Doubling(Operator):
    """Multiplies every unit by a power of two."""

    name: ClassVar[str] = "doubling"
    linear: ClassVar[bool] = True

    times: int = Field(default=1, ge=0, description="how often it doubles")

    def output_shape(self, shape, wanted):
        return shape

    def apply(self, params, x):
        return x * 2**self.times

    def flops(self, shape, output):
        return 0
'''
METADATA = "Metadata-Version: 2.1\nName: my-members\nVersion: 1.0\n"
TRAIN = ("train", "arcs.yaml", "--run", "run", "-s", "training.epochs=1")
LONGER = ("-s", "training.epochs=2", "--allow-changed")
PREDICT = ("predict", "run", "x.npz", "-o", "y.csv")
COMMANDS = """
import json, sys
from click.testing import CliRunner
import cli
from pccompiler.components import plugins, registry

found = []
for words in json.loads(sys.argv[1]):
    registry.forget()
    plugins._packages = plugins._Packages()
    done = CliRunner().invoke(cli.main, words)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    found.append((done.exit_code, done.stdout, done.stderr))
print(json.dumps(found))
"""
"""Runs command lines, and forgets before each what the one before has loaded."""


class Done(NamedTuple):
    """The end of a command."""

    exit_code: int
    stdout: str
    stderr: str


class Installation:
    """A fresh environment beside the present one, with a package in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = folder / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        self.python = environment / "bin" / "python"
        scheme = sysconfig.get_path("purelib", vars={"base": str(environment)})
        self.site = Path(scheme)
        present = sysconfig.get_path("purelib")
        (self.site / "present.pth").write_text(f"{ROOT}\n{present}\n")
        self.install()

    def install(self) -> None:
        """What an installer does: the package, and its metadata with the entry points."""
        package = self.site / "my_package"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "operators.py").write_text(OPERATOR)
        entries = "operators = my_package.operators\n"
        for language, snippet in snippets(page("docs/members_from_outside.md")):
            named = NAMED.match(snippet)
            if named and named[1].endswith(".py"):
                (package / named[1]).write_text(snippet)
            elif named:
                text = snippet.replace(
                    "path: point -> h -> arc", "path: point -> h -> arc, op: [doubling, dense]"
                )
                assert text != snippet
                (self.folder / named[1]).write_text(text)
            if language == "toml":
                entries += snippet.split('"pcc.members"]\n')[1].replace('"', "")
        info = self.site / "my_members-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(METADATA)
        (info / "entry_points.txt").write_text(f"[pcc.members]\n{entries}")

    def edit(self, module: str, old: str, new: str) -> None:
        path = self.site / "my_package" / module
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def remove(self) -> None:
        shutil.rmtree(self.site / "my_members-1.0.dist-info")

    def pcc(self, *lines: Sequence[str]) -> list[Done]:
        """Runs command lines one after the other in a process of the environment, each of which
        has to find the package by itself."""
        done = subprocess.run(
            [self.python, "-c", COMMANDS, json.dumps(lines)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "JAX_PLATFORMS": "cpu"},
        )
        assert done.returncode == 0, done.stderr
        return [Done(*result) for result in json.loads(done.stdout.splitlines()[-1])]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """With a run that has been trained for an epoch, gone on for another, and predicted with."""
    installation = Installation(tmp_path_factory.mktemp("package"))
    np.savez(installation.folder / "x.npz", point=np.zeros((2, 2)))
    for done in installation.pcc(TRAIN, ("resume", "run", *LONGER), PREDICT):
        assert done.exit_code == 0, done.stderr
    return installation


def test_a_package_is_trained_with_by_name_alone_and_the_run_says_so(
    installed: Installation,
) -> None:
    recorded = json.loads((installed.folder / "run" / "members.json").read_text())
    found = {(entry["family"], entry["name"]) for entry in recorded}
    expected = {
        ("activation", "softsign"),
        ("data source", "arcs"),
        ("energy", "student_t"),
        ("operator", "doubling"),
        ("rule", "signed"),
    }
    assert found == expected
    assert {(e["plugin"], e["version"]) for e in recorded} == {("my-members", "1.0")}
    assert len({entry["digest"] for entry in recorded}) == 1
    with (installed.folder / "y.csv").open() as stream:
        assert len(stream.readlines()) == 1 + 2


def test_the_run_is_refused_once_the_package_has_changed_or_is_gone(
    installed: Installation,
) -> None:
    installed.edit("my_rule.py", "jnp.sign,", "jnp.tanh,")
    resume = ("resume", "run")
    *all_refused, allowed = installed.pcc(
        resume, ("evaluate", "run"), PREDICT, (*resume, "--allow-changed")
    )
    assert len(all_refused) == 3
    for refused in all_refused:
        assert (refused.exit_code, "PC566" in refused.stderr) == (3, True), refused.stderr
        assert "the rule `signed` of my-members 1.0 (SHA-256" in refused.stderr
    assert allowed.exit_code == 0, allowed.stderr

    installed.remove()
    refused, unknown = installed.pcc(resume, ("check", "arcs.yaml"))
    assert (refused.exit_code, "PC565" in refused.stderr) == (3, True), refused.stderr
    assert "install my-members 1.0" in refused.stderr
    assert (unknown.exit_code, "unknown rule `signed`" in unknown.stdout) == (2, True)
