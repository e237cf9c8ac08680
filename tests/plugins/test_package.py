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
from pathlib import Path

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

    def pcc(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "cli", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "JAX_PLATFORMS": "cpu"},
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """With a run that has been trained for an epoch."""
    installation = Installation(tmp_path_factory.mktemp("package"))
    done = installation.pcc(*TRAIN)
    assert done.returncode == 0, done.stderr
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


def test_the_run_is_resumed_and_refused_once_the_package_has_changed_or_is_gone(
    installed: Installation,
) -> None:
    longer = installed.pcc("resume", "run", *LONGER)
    assert longer.returncode == 0, longer.stderr
    np.savez(installed.folder / "x.npz", point=np.zeros((2, 2)))
    predict = ("predict", "run", "x.npz", "-o", "y.csv")
    predicted = installed.pcc(*predict)
    assert predicted.returncode == 0, predicted.stderr

    installed.edit("my_rule.py", "jnp.sign,", "jnp.tanh,")
    for words in (("resume", "run"), ("evaluate", "run"), predict):
        refused = installed.pcc(*words)
        assert (refused.returncode, "PC566" in refused.stderr) == (3, True), refused.stderr
        assert "the rule `signed` of my-members 1.0 (SHA-256" in refused.stderr
    allowed = installed.pcc("resume", "run", "--allow-changed")
    assert allowed.returncode == 0, allowed.stderr

    installed.remove()
    refused = installed.pcc("resume", "run")
    assert (refused.returncode, "PC565" in refused.stderr) == (3, True), refused.stderr
    assert "install my-members 1.0" in refused.stderr
    unknown = installed.pcc("check", "arcs.yaml")
    assert (unknown.returncode, "unknown rule `signed`" in unknown.stdout) == (2, True)
