"""`pcc doctor` on this machine, and on machines where something is missing or broken."""

from __future__ import annotations

import json
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pccompiler.components.sources import SOURCES
from runtime.commands import doctor
from runtime.commands.doctor import Finding, requirement_finding
from tests.cli.conftest import Pcc

GOOD = SimpleNamespace(
    returncode=0,
    stdout='{"devices": [{"platform": "cpu", "kind": "cpu", "memory": null}], "cache": null}\n',
    stderr="",
)


@pytest.fixture
def jax_says(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the process in which JAX is tried end as given."""

    def says(**outcome: Any) -> None:
        done = SimpleNamespace(**{**vars(GOOD), **outcome})
        monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: done)

    says()
    return says


def named(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in found}


def test_this_machine_is_in_order(pcc: Pcc) -> None:
    result = pcc("doctor", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    found = named(told["findings"])
    assert told["ok"] is True
    assert found["jax"]["value"] == metadata.version("jax")
    assert found["device 0"]["value"]["platform"] in ("cpu", "gpu")
    assert {source.name for source in SOURCES} - {"idx", "npz"} <= set(found)
    assert found["processors"]["value"] >= 1
    assert found["memory"]["value"] > 0
    assert found["temporary"]["value"] == tempfile.gettempdir()


def test_the_text_has_a_line_for_each_finding(pcc: Pcc, jax_says: Any) -> None:
    result = pcc("doctor")
    assert result.exit_code == 0
    for part in ("versions", "python", "devices", "caches", "data", "limits", "folders"):
        assert part in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (
            {
                "returncode": -6,
                "stderr": "F0101 00:00:00.1 12 parse.cc:234] Unknown flag in XLA_FLAGS: --x\n",
            },
            "cannot compute: Unknown flag in XLA_FLAGS: --x",
        ),
        (
            {"returncode": 1, "stderr": "Traceback\nRuntimeError: no cuda\n"},
            "RuntimeError: no cuda",
        ),
        ({"returncode": -9, "stderr": ""}, "exit code -9"),
    ],
)
def test_a_jax_that_cannot_compute_is_broken(
    pcc: Pcc, jax_says: Any, outcome: dict[str, Any], told: str
) -> None:
    jax_says(**outcome)
    result = pcc("doctor")
    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if "JAX  " in line]
    assert "broken" in line
    assert told in line


def test_a_variable_that_names_a_missing_device_is_to_be_left_out(
    pcc: Pcc, jax_says: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    jax_says(returncode=1, stderr="RuntimeError: Unable to initialize backend 'cuda'\n")
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    assert "without JAX_PLATFORMS (cuda): `unset JAX_PLATFORMS`" in pcc("doctor").stdout


def test_a_jax_that_never_answers_is_broken(pcc: Pcc, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("jax", 1)

    monkeypatch.setattr(doctor.subprocess, "run", slow)
    result = pcc("doctor", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["ok"] is False


@pytest.mark.parametrize(
    ("requirement", "status", "text"),
    [
        ("numpy>=1.26", "ok", metadata.version("numpy")),
        ("numpy>=999", "broken", "too old"),
        ("no-such-library>=1", "broken", "not installed"),
        ('no-such-library>=1; extra == "pictures"', "ok", "not there (extra pictures)"),
    ],
)
def test_a_library_is_there_or_not(requirement: str, status: str, text: str) -> None:
    [finding] = requirement_finding(requirement)
    assert finding.status == status
    assert text in finding.text


def test_libraries_for_tests_are_no_business_of_users() -> None:
    assert list(requirement_finding('pytest>=8; extra == "test"')) == []


def test_a_missing_library_is_told_with_what_installs_it(
    pcc: Pcc, jax_says: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["no-such-library>=1.5"])
    result = pcc("doctor")
    assert result.exit_code == 1
    assert "-> `pip install 'no-such-library>=1.5'`" in result.stdout


def test_the_compilation_cache_is_shown_with_its_size(
    pcc: Pcc, jax_says: Any, folder: Path
) -> None:
    (folder / "cache").mkdir()
    (folder / "cache" / "program").write_bytes(bytes(1500))
    jax_says(stdout=GOOD.stdout.replace("null}\n", json.dumps(str(folder / "cache")) + "}\n"))
    found = named(json.loads(pcc("doctor", "--json").stdout)["findings"])
    assert found["JAX compilation"]["text"] == f"{folder / 'cache'}: 1 file, 1.5 kB"


def test_a_folder_that_cannot_be_written_is_a_note_for_runs_and_broken_for_temporary_files(
    pcc: Pcc, jax_says: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_writable", lambda folder: False)
    result = pcc("doctor", "--json")
    assert result.exit_code == 1
    found = named(json.loads(result.stdout)["findings"])
    assert found["for runs"]["status"] == "note"
    assert found["temporary"]["status"] == "broken"


def test_few_files_and_little_memory_are_notes(
    pcc: Pcc, jax_says: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_open_files", lambda: 64)
    monkeypatch.setattr(doctor, "_number_in", lambda file, pattern: 1000)
    result = pcc("doctor")
    assert result.exit_code == 0
    assert "ulimit -n" in result.stdout
    assert "smaller batch" in result.stdout


def test_every_finding_says_what_to_do_where_it_is_not_ok() -> None:
    text = doctor.report(
        [Finding("a", "x", "good", help="unsaid"), Finding("a", "y", "bad", "broken", "mend it")]
    )
    assert text == "a\n  ok      x  good\n  broken  y  bad\n             -> mend it"
