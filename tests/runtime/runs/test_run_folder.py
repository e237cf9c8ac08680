"""Run folders: never overwritten, one process at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pccompiler.diagnostics.diagnostic import DataError
from runtime.data.encoding import Encoding
from runtime.host.environment import Environment
from runtime.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[3]


def test_folders_are_numbered_and_a_number_is_used_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [RunFolder.create("mlp").path for _ in range(3)]
    assert [str(path) for path in paths] == ["runs/mlp-001", "runs/mlp-002", "runs/mlp-003"]


def test_a_folder_that_holds_anything_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"PC520.*is not empty") as error:
        RunFolder.create("mlp", tmp_path)
    assert error.value.exit_code == 3
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_empty_or_new_folder_is_accepted(tmp_path: Path) -> None:
    assert RunFolder.create("mlp", tmp_path).path == tmp_path
    assert RunFolder.create("mlp", tmp_path / "a" / "b").path.is_dir()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="PC522"):
        RunFolder.create("mlp", tmp_path / "file" / "run")


def test_what_is_no_run_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"PC523.*has no spec\.yaml"):
        RunFolder.open(tmp_path)
    with pytest.raises(DataError, match=r"PC523.*does not exist"):
        RunFolder.open(tmp_path / "none")


def test_an_environment_that_cannot_be_read_is_kept_aside(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    environment = tmp_path / "environment.json"
    for number, damaged in enumerate(["[{", "[" * 100_000], start=1):
        environment.write_text(damaged)
        folder.add_environment(Environment.here((), ()))
        assert len(folder.environments()) == 1
        assert (tmp_path / f"environment.unreadable-{number}.json").read_text() == damaged
    folder.add_environment(Environment.here((), ()))
    assert len(folder.environments()) == 2
    folder.refuse_foreign_files()


@pytest.mark.parametrize(
    "odd",
    ['{"best": 3}', '{"test": [1]}', '{"test": {"last": {"loss": "low"}}}', "[" * 100_000],
)
def test_a_result_with_something_else_than_scores_is_none(tmp_path: Path, odd: str) -> None:
    (tmp_path / "result.json").write_text(odd)
    assert RunFolder(tmp_path).result() is None


HOLD = """
import sys, time
from pathlib import Path
from runtime.runs.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(DataError, match=r"PC521.*in use") as error,
            RunFolder(tmp_path).locked(),
        ):
            pass
        assert error.value.exit_code == 3
    finally:
        first.kill()
        first.wait()
        if first.stdout:
            first.stdout.close()
    with RunFolder(tmp_path).locked():
        pass  # SIGKILL took the lock with the process


def test_encodings_come_back(tmp_path: Path) -> None:
    mean, deviation = np.float32([[1, 2]]), np.float32([[3, 4]])
    code = Encoding("im.age", "x", "features", (2,), (1, 2), 0, 255.0, mean, deviation)
    folder = RunFolder(tmp_path)
    folder.write_encodings([code])
    found = folder.encodings()["im.age"]
    values = np.array([[[10, 20]], [[30, 40]]])
    np.testing.assert_array_equal(found.encode(values), code.encode(values))


def test_the_environment_names_what_bits_depend_on_and_warns_of_differences(
    tmp_path: Path,
) -> None:
    folder = RunFolder(tmp_path)
    here = Environment.here(["a=1"], [tmp_path])
    folder.add_environment(here)
    folder.add_environment(here)
    first, second = folder.environments()
    assert first == second == here
    assert set(here.versions) == {"pcc", "python", "jax", "jaxlib", "numpy", "optax"}
    assert here.warn_of_differences(first) is None
    affinity = (0,) * (len(here.cpu_affinity) + 1)
    other = replace(here, cpu_affinity=affinity, variables={"XLA_FLAGS": "--a"})
    warning = here.warn_of_differences(other)
    assert warning is not None
    assert warning.code == "PC525"
    assert "number of processors" in warning.message
    assert "XLA_FLAGS: --a" in warning.message


@pytest.mark.parametrize(
    "changes", [{"versions": "0.6"}, {"cpu_affinity": 3}, {"variables": None}, {"devices": [1]}]
)
def test_an_edited_environment_is_as_if_it_were_not_there(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    folder = RunFolder(tmp_path)
    here = Environment.here([], [])
    (tmp_path / "environment.json").write_text(json.dumps([here.to_json() | changes]))
    assert folder.environments() == ()
    folder.add_environment(here)
    assert folder.environments() == (here,)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"a: \xff", "codec"), (b"a:\n\tb: 1\n", "line 2"), (b"- 1", "a spec is a mapping")],
)
def test_a_saved_spec_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "spec.yaml").write_bytes(content)
    with pytest.raises(DataError, match="PC523") as caught:
        RunFolder(tmp_path).spec_text()
    assert told in str(caught.value)
