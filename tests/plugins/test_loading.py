"""Plugins: files, modules and installed packages; what goes wrong in them is told with its line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

import cli
import pccompiler as pcc
from pccompiler.components import plugins
from pccompiler.components.schedules import SCHEDULES, Schedule

HALF = '''
from typing import ClassVar
from pydantic import Field
from pccompiler.components.schedules import Schedule

print("loading")

class _Shared(Schedule):
    def factor(self, fraction):
        return self.part + 0 * fraction

class Half(_Shared):
    """Half the rate, always."""
    name: ClassVar[str] = "half"
    part: float = Field(default=0.5, gt=0, description="factor on the rate")
'''
SPEC = """\
pcc: 1
name: tiny
nodes: {x: {shape: [2], role: input}, y: {shape: [2], role: output}}
edges: [{path: x -> y}]
learning: {schedule: half}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "half.py").write_text(HALF)
    (tmp_path / "tiny.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def packages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """`packages(name, entry points)`: an installed package."""
    monkeypatch.setattr(plugins, "_packages", plugins._Packages())

    def install(name: str, entry_points: str) -> None:
        info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[pcc.members]\n{entry_points}\n")

    return install


def run(*words: str, **variables: str) -> Result:
    return CliRunner().invoke(cli.main, list(words), env=variables)


# -- where they come from ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("--plugin", "half.py", "check", "tiny.yaml"),
        ("check", "tiny.yaml", "--plugin", "half.py"),
        ("check", "--plugin=half.py", "tiny.yaml"),
        ("check", "tiny.yaml", "--plugin", "half"),
    ],
)
def test_a_plugin_is_named_before_the_command_or_after_it(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert "loading" not in result.stdout  # which is for results


def test_a_variable_names_plugins() -> None:
    assert run("check", "tiny.yaml").exit_code == 2
    assert run("check", "tiny.yaml", PCC_PLUGINS="half.py").exit_code == 0
    missing = run("check", "tiny.yaml", PCC_PLUGINS="half.py:nowhere.py")
    assert "nowhere.py, which PCC_PLUGINS names: there is no such file" in missing.output


def test_python_names_files_modules_and_classes() -> None:
    class Quarter(Schedule):
        """A quarter of the rate."""

        name: ClassVar[str] = "quarter"

        def factor(self, fraction: Any) -> Any:
            return 0.25 + 0 * fraction

    checked = pcc.check("tiny.yaml", plugins=[Path("half.py")])
    assert checked.spec.learning.schedule.written() == {"half": {"part": 0.5}}
    checked = pcc.check("tiny.yaml", ["learning.schedule=quarter"], plugins=[Quarter])
    assert checked.spec.learning.schedule == Quarter()


def test_a_file_that_changed_is_read_again_and_one_that_did_not_is_not() -> None:
    plugins.load_plugins(["half.py"])
    first = SCHEDULES.named("half")
    plugins.load_plugins([Path("half.py").resolve()])
    assert SCHEDULES.named("half") is first
    Path("half.py").write_text(HALF.replace('"half"', '"other_half"'))
    plugins.load_plugins(["half.py"])
    assert SCHEDULES.named("half") is None
    assert SCHEDULES.named("other_half") is not None


@pytest.mark.parametrize("target", ["half_package.members", "half_package.members:Half"])
def test_an_installed_package_is_looked_into_where_a_name_is_not_known(
    target: str, packages: Callable[[str, str], None], folder: Path
) -> None:
    (folder / "half_package").mkdir()
    (folder / "half_package" / "__init__.py").write_text("")
    (folder / "half_package" / "members.py").write_text(HALF)
    packages("half-package", f"half = {target}")
    assert run("check", "tiny.yaml", "-s", "learning.schedule=cosine").exit_code == 0
    assert SCHEDULES.named("half") is None
    assert run("check", "tiny.yaml").exit_code == 0
    assert "from half-package 1.2" in run("explain", "half").output
    for name in [name for name in sys.modules if name.startswith("half_package")]:
        del sys.modules[name]


def test_a_broken_package_concerns_only_specs_with_a_name_that_nothing_brings(
    packages: Callable[[str, str], None], folder: Path
) -> None:
    (folder / "broken_package.py").write_text("import json\nraise ValueError('no luck')\n")
    packages("broken-package", "x = broken_package")
    assert run("check", "tiny.yaml", "--plugin", "half.py").exit_code == 0
    result = run("check", "tiny.yaml", "-s", "learning.schedule=cosin")
    assert "did you mean `cosine`?" in result.output
    assert "broken_package.py:2:1" in result.output
    assert "of the installed package broken-package: importing it raises ValueError: no luck" in (
        result.output
    )


def test_a_spec_names_no_plugins() -> None:
    """Reading a spec runs no code."""
    Path("tiny.yaml").write_text(SPEC + "plugins: [half.py]\n")
    result = run("check", "tiny.yaml")
    assert "PC201" in result.output
    assert SCHEDULES.named("half") is None


# -- what they are then in ---------------------------------------------------------------------


def test_explain_tells_of_a_member_its_options_and_its_plugin() -> None:
    told = run("explain", "half", "--plugin", "half.py").output
    assert "Half the rate, always." in told
    assert "part: a number above 0; default 0.5" in told
    assert "from half.py (SHA-256" in told
    [entry] = json.loads(run("explain", "half", "--plugin", "half.py", "--json").stdout)
    assert entry["options"]["part"]["description"] == "factor on the rate"
    assert "half" in run("explain", "schedule", "--plugin", "half.py").output
    assert "did you mean `half`?" in run("explain", "hlaf", "--plugin", "half.py").output


@pytest.mark.parametrize("word", ["equilibrium_propagation", "dense", "npz", "tanh", "rule"])
def test_explain_tells_of_our_members_too(word: str) -> None:
    assert len(run("explain", word).output.splitlines()) >= 3


def test_the_schema_has_it() -> None:
    schema = json.loads(run("schema", "--plugin", "half.py").stdout)
    assert "half" in schema["$defs"]["schedule"]["anyOf"][0]["enum"]


# -- what goes wrong ---------------------------------------------------------------------------

WITHOUT_FACTOR = HALF.replace("class Half(_Shared)", "class Half(Schedule)")


@pytest.mark.parametrize(
    ("text", "code", "place", "told"),
    [
        ("x = 1\nclass A(:\n", "PC213", "bad.py:2:", "it is not Python"),
        ("x = 1\n\nx / 0\n", "PC213", "bad.py:3:1", "raises ZeroDivisionError"),
        ("import nothing_here\n", "PC213", "bad.py:1:1", "No module named 'nothing_here'"),
        ("import half\nraise SystemExit(3)\n", "PC213", "bad.py:2:1", "ends the process"),
        ("x = 1\n", "PC214", "", "the plugin bad.py defines no members"),
        (WITHOUT_FACTOR, "PC214", "bad.py:12:1", "it lacks `factor`"),
        (HALF.replace("    name:", "    title:"), "PC214", "bad.py:12:1", "no name of its own"),
        (HALF.replace('"half"', '"step"'), "PC215", "bad.py:12:1", "schedule `step`, which"),
        (HALF + "class Again(Half):\n    name = 'half'\n", "PC215", "bad.py:16:1", "are both"),
        ("\0", "PC213", "", "null bytes"),
    ],
)
def test_mistakes_in_a_plugin_are_told_with_file_and_line(
    text: str, code: str, place: str, told: str
) -> None:
    Path("bad.py").write_text(text)
    result = run("check", "tiny.yaml", "--plugin", "bad.py")
    assert (result.exit_code, result.exception.__class__) == (2, SystemExit)
    assert f"error[{code}]" in result.output
    assert place in result.output
    assert told in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("nowhere.py", "there is no such file"),
        (".", "it is a folder"),
        ("no_such_module", "there is no such module"),
        ("tiny.yaml", "it is not Python"),
    ],
)
def test_what_is_no_plugin_is_told(plugin: str, told: str) -> None:
    result = run("check", "tiny.yaml", "--plugin", plugin)
    assert (result.exit_code, "error[PC213]" in result.output) == (2, True)
    assert told in result.output


def test_a_helper_beside_the_file_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "helper.py").write_text("")
    (folder / "other" / "mine.py").write_text("import helper\n" + HALF)
    result = run("check", "tiny.yaml", "--plugin", "other/mine.py")
    assert "put helper.py on PYTHONPATH" in " ".join(result.output.split())
