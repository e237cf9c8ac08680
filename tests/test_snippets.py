"""Every snippet of the README, the tour and its pages is run, in their order, in an empty folder.

A yaml or python snippet whose first line is a comment with a path is the file of that path; other
python snippets are executed. Lines of sh snippets are commands; installing is left out.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import cli
import pccompiler as pcc
from pccompiler.diagnostics.render import render
from runtime.training.opened_run import load_run

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"# (\S+\.(?:yaml|py))\n")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def snippets(text: str) -> Iterator[tuple[str, str]]:
    """Language and content of every fenced block."""
    yield from re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(snippet: str) -> list[list[str]]:
    return [words for line in snippet.splitlines() if (words := shlex.split(line, comments=True))]


def run_pcc(words: list[str]) -> str:
    """Runs a command line in this process; returns what it printed."""
    result = CliRunner().invoke(cli.main, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, f"pcc {shlex.join(words)}: {result.output}"
    return result.output


def test_the_tour_leads_from_an_empty_folder_to_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for language, snippet in snippets(page("docs/tour.md")):
        named = NAMED.match(snippet)
        if named:
            Path(named[1]).write_text(snippet)
        elif language == "python":
            exec(snippet, {})
        elif language == "sh":
            for program, *words in commands(snippet):
                if program == "python":
                    runpy.run_path(words[0], run_name="__main__")
                else:
                    assert program == "pcc"
                    run_pcc(words)
    scores = load_run("runs/spirals-001").evaluate("test")
    assert scores.accuracy is not None
    assert scores.accuracy > 0.95
    assert len(Path("classes.csv").read_text().splitlines()) == 1 + 5
    assert Path("circuit.svg").exists()


def test_the_members_of_the_guide_are_written_checked_and_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for language, snippet in snippets(page("docs/members_from_outside.md")):
        named = NAMED.match(snippet)
        if named:
            Path(named[1]).write_text(snippet)
        elif language == "python":
            exec(snippet, {})
        elif language == "sh":
            for _, *words in commands(snippet):
                run_pcc(words)
    plugins = [f"my_{part}.py" for part in ("members", "data", "rule")]
    scores = load_run("runs/arcs-001", plugins=plugins).evaluate("test")
    assert scores.accuracy is not None
    assert scores.accuracy > 0.95


def test_the_message_of_the_tour_is_told_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [spec] = [text for language, text in snippets(page("docs/tour.md")) if language == "yaml"]
    [told] = [text for language, text in snippets(page("docs/tour.md")) if language == "text"]
    Path("spirals.yaml").write_text(spec.replace("tanh}", "tanhh}"))
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check("spirals.yaml")
    assert render(caught.value.diagnostics) == told.rstrip("\n")


def test_what_the_tour_says_of_data_is_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table: what is refused, and that the remedy is accepted."""
    monkeypatch.chdir(tmp_path)
    [spec] = [text for language, text in snippets(page("docs/tour.md")) if language == "yaml"]
    Path("spirals.yaml").write_text(spec)
    x, y = np.random.default_rng(0).normal(size=(120, 2)), np.arange(120) % 3
    words = np.array(["b", "a", "c"])[y]
    one_hot = np.eye(3, dtype=int)[y]

    def refused(target: np.ndarray) -> bool:
        np.savez("spirals.npz", x=x, y=target)
        command = ["train", "spirals.yaml", "--dry-run"]
        return CliRunner().invoke(cli.main, command).exit_code != 0

    for wrong, right in (
        (y + 1, (y + 1) - 1),
        (y.astype(float), y.astype(float).astype(int)),
    ):
        assert refused(wrong)
        assert not refused(right)
    for as_it_is in (words, one_hot, one_hot.astype(float)):
        assert not refused(as_it_is)
    np.savez("named.npz", data=x, labels=y)
    [example] = re.findall(r"`(\{npz: \{path: .*?\}\})`", page("docs/tour.md"))
    example = example.replace("spirals.npz", "named.npz")
    run_pcc(["train", "spirals.yaml", "--dry-run", "-s", f"data.source={example}"])


# -- the README --------------------------------------------------------------------------------


def test_the_first_command_of_the_readme_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the installation, and for one epoch."""
    monkeypatch.chdir(ROOT)
    [train, _] = [text for language, text in snippets(page("README.md")) if language == "sh"]
    prepare, install, command = train.rstrip("\n").split(" && ")
    assert prepare == "python3 -m venv .venv"
    assert install == ".venv/bin/pip install -q ."
    program, *words = shlex.split(command)
    assert program == ".venv/bin/pcc"
    run_pcc([*words, "-s", "training.epochs=1", "--run", str(tmp_path / "run")])


def test_the_second_command_of_the_readme_installs_what_there_is() -> None:
    """`.ci/run` runs it in a new environment; here would be no end to it."""
    [_, test] = [text for language, text in snippets(page("README.md")) if language == "sh"]
    extras = tomllib.loads(page("pyproject.toml"))["project"]["optional-dependencies"]
    named = re.findall(r"\.\[(\w+)\]", page("README.md") + page("docs/devices.md"))
    assert set(named) <= set(extras)
    assert test.endswith("-m pytest -n 2\n")


def test_the_commands_in_the_table_of_the_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network that classifies and imagines, for one epoch on few samples."""
    monkeypatch.chdir(tmp_path)
    run_pcc(["new", "both", "--template", "bipc"])
    few = ["-s", "training.epochs=1", "-s", "data.train_samples=256", "-s", "params.width=16"]
    run_pcc(["train", "both.yaml", *few])
    spec = Path("runs/both-001/spec.yaml").read_text()
    Path("both.yaml").write_text(spec)  # with what was cut, so that it need not be said again
    np.savez("x.npz", image=np.zeros((2, 64)))
    np.save("seen.npy", np.arange(64) < 32)
    meant = dict.fromkeys(("SPEC", "SPEC..."), "both.yaml")
    meant |= dict.fromkeys(("RUN", "RUN..."), "runs/both-001")
    meant |= {"NAME": "mine", "CODE": "PC203", "SHELL": "bash"}
    rows = re.findall(r"^\| (`pcc .*)$", page("README.md").split("## What is in it")[0], re.M)
    lines = re.findall(r"`(pcc [^`]*)`", "\n".join(rows))
    assert len(lines) >= 20
    lines.sort(key=lambda line: line.startswith("pcc runs delete"))  # last
    for line in lines:
        words = [meant.get(word, word) for word in shlex.split(line)[1:]]
        if words[0] == "compare":
            words += ["--seeds", "0..0"]
        if words[:2] == ["data", "check"]:
            words.append("digits")
        if words[0] != "doctor":  # which may find faults with this machine
            run_pcc(words)
    assert Path("dream.png").exists()


# -- devices, and a new operator: in processes of their own -------------------------------------


def run_elsewhere(folder: Path, words: list[str], **variables: str) -> subprocess.CompletedProcess:
    """A command where `folder` holds the project."""
    programs = {
        "pcc": [sys.executable, str(folder / "cli.py")],
        "python": [sys.executable],
    }
    environment = {**os.environ, "PYTHONPATH": str(folder), **variables}
    return subprocess.run(
        [*programs[words[0]], *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_xla_knows_the_flags_of_the_page_on_devices() -> None:
    """It aborts at flags that it does not know."""
    text = page("docs/devices.md")
    exported = dict(re.findall(r'^export (\w+)="?(.*?)"?$', text, re.MULTILINE))
    assert set(exported) == {"XLA_FLAGS", "JAX_DEFAULT_MATMUL_PRECISION"}
    flags = re.findall(r"--xla_\w+=\w+", text)
    assert set(exported["XLA_FLAGS"].split()) < set(flags)
    variables = exported | {"XLA_FLAGS": " ".join(flags)}
    script = "import jax; print(jax.numpy.ones(3) @ jax.numpy.ones(3))"
    done = run_elsewhere(ROOT, ["python", "-c", script], **variables)
    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_page_on_devices_run() -> None:
    """For two steps; a GPU is used where there is one, and refused where there is none."""
    spec = str(ROOT / "specs" / "digits_mlp.yaml")
    shell = [text for language, text in snippets(page("docs/devices.md")) if language == "sh"]
    trained = 0
    for words in commands("".join(shell)):
        if words[0] == "taskset":
            words = words[3:]
        if words[:2] != ["pcc", "train"]:
            assert words[0] in {"pip", "export"} or words == ["pcc", "doctor"]
            continue
        words = [spec if word == "SPEC" else word for word in words] + ["--smoke"]
        if "gpu" in words:
            done = run_elsewhere(ROOT, words)
            assert done.returncode == 0 or "PC560" in done.stderr, done.stderr
        else:
            run_pcc(words[1:])
        trained += 1
    assert trained == 3


def insert(path: Path, snippet: str) -> None:
    """Puts the lines of a snippet where it says: an import before the others of its package, and
    what follows a line of the file after it."""
    text = path.read_text(encoding="utf-8")
    _, *lines = [line for line in snippet.splitlines() if line]
    if lines[0].startswith("from "):
        first = re.search(r"^from pccompiler\.", text, re.MULTILINE)
        assert first
        text = text[: first.start()] + lines.pop(0) + "\n" + text[first.start() :]
    anchor = lines[0] + "\n"
    assert text.count(anchor) == 1, anchor
    path.write_text(text.replace(anchor, "\n".join(lines) + "\n"), encoding="utf-8")


def test_the_operator_of_the_guide_can_be_added(tmp_path: Path) -> None:
    """In a copy of the project, step by step; then it is checked, trained and tested there."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("pccompiler", "runtime", "specs", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("cli.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for language, snippet in snippets(page("docs/adding_an_operator.md")):
        named = NAMED.match(snippet)
        if named and (tmp_path / named[1]).exists():
            insert(tmp_path / named[1], snippet)
        elif named:
            (tmp_path / named[1]).write_text(snippet.partition("\n")[2], encoding="utf-8")
        else:
            assert language == "sh"
            for words in commands(snippet):
                if ">" in words:  # the output goes to a file
                    words, target = words[: words.index(">")], tmp_path / words[-1]
                else:
                    target = None
                done = run_elsewhere(tmp_path, words)
                assert done.returncode == 0, done.stdout + done.stderr
                if target:
                    assert '"low_rank"' in done.stdout
                    assert '"low_rank"' not in target.read_text(encoding="utf-8")
                if "pytest" in words:
                    assert re.search(r"\d{2} passed", done.stdout), done.stdout
