"""`pcc` and `pccompiler` find our own `cli` and `runtime`, whatever else is called so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pccompiler

ROOT = Path(__file__).parents[2]
PCC = "from pccompiler.front import run; run()"
"""What the installed script `pcc` does."""


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder with a `cli.py` and a `runtime/` of the user's."""
    (tmp_path / "cli.py").write_text("mine = True\n")
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "__init__.py").write_text("mine = True\n")
    return tmp_path


def python(program: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a folder whose modules come first."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_script_starts_the_front() -> None:
    assert 'pcc = "pccompiler.front:run"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_modules_of_the_same_names_do_not_break_the_command(theirs: Path) -> None:
    done = python(PCC, theirs, "check", str(ROOT / "specs" / "digits_mlp.yaml"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "1 spec checked: ok\n")


def test_a_folder_without_init_does_not_break_the_command(theirs: Path) -> None:
    (theirs / "runtime" / "__init__.py").unlink()
    assert python(PCC, theirs, "runs", "list").stderr == "no runs in runs\n"


def test_a_script_beside_its_own_runtime_uses_ours_through_pccompiler(theirs: Path) -> None:
    program = (
        "import pccompiler as pcc; print(pcc.load_run.__module__); import cli; print(cli.mine)"
    )
    done = python(program, theirs)
    assert (done.stdout.split(), done.stderr) == (["runtime.training.opened_run", "True"], "")


@pytest.mark.parametrize("plain_folder", [True, False], ids=["folder", "package"])
def test_another_runtime_that_is_loaded_is_named(theirs: Path, plain_folder: bool) -> None:
    if plain_folder:
        (theirs / "runtime" / "__init__.py").unlink()
    program = (
        f"import sys\nsys.path.remove({str(ROOT)!r})\nimport runtime\n"
        f"sys.path.append({str(ROOT)!r})\nimport pccompiler as pcc\npcc.fit"
    )
    done = python(program, theirs)
    [*_, error] = done.stderr.splitlines()
    assert error.startswith("ImportError: another module called `runtime` is loaded already")
    assert str(theirs / "runtime") in error
    assert str(ROOT) in error


def test_importing_the_interface_loads_nothing_of_runtime_and_no_library() -> None:
    program = (
        "import sys, pccompiler\n"
        "print([n for n in ('runtime', 'cli', 'jax', 'networkx', 'pydantic') if n in sys.modules])"
    )
    assert python(program, ROOT).stdout.strip() == "[]"


def test_everything_public_can_be_reached_from_pccompiler() -> None:
    import runtime

    for name in runtime.__all__:
        assert getattr(pccompiler, name) is getattr(runtime, name)
    with pytest.raises(AttributeError, match="no attribute `fits`"):
        _ = pccompiler.fits  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError, match="the one of pcc"):
        _ = runtime.fits  # pyright: ignore[reportAttributeAccessIssue]
