"""`pcc new`: every template is a good spec that trains, and no file is ever overwritten."""

from __future__ import annotations

import errno
import io
import json
import re
import tomllib
from pathlib import Path

import pytest

from runtime.commands.new import DEFAULT, template_names, template_text
from tests.cli.conftest import Pcc

ROOT = Path(__file__).parents[2]
TEMPLATES = template_names()
WANTED = {"mlp", "cnn", "skip", "recurrent", "bipc", "hopfield", "generative", "associative_memory"}


def test_there_is_a_template_for_each_kind_of_network() -> None:
    assert set(TEMPLATES) >= WANTED
    assert DEFAULT in TEMPLATES


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_checked_and_trained_for_two_steps(pcc: Pcc, template: str) -> None:
    written = pcc("new", "mine", "--template", template)
    assert (written.exit_code, written.stdout) == (0, "")
    assert "wrote mine.yaml" in written.stderr
    checked = pcc("check", "mine.yaml")
    assert (checked.exit_code, checked.stdout) == (0, ""), checked.stdout
    trained = pcc("train", "mine.yaml", "--smoke", "--json")
    assert trained.exit_code == 0, trained.output
    told = json.loads(trained.stdout)
    assert (told["name"], told["steps"]) == ("mine", 2)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_explains_itself(template: str) -> None:
    lines = template_text(template).splitlines()
    assert lines[0].startswith("# ")
    assert "name: NAME" in lines
    assert sum("#" in line for line in lines) >= 5
    assert all(len(line) <= 100 for line in lines)
    assert "NAME" not in template_text(template, "mine")


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_editor_finds_the_schema_that_the_first_line_names(
    pcc: Pcc, folder: Path, template: str
) -> None:
    told = pcc("new", "mine", "--template", template).stderr
    first = (folder / "mine.yaml").read_text().splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert f"`pcc schema > {schema}`" in told
    assert f"`pcc schema > {schema}`" in (folder / "mine.yaml").read_text()
    (folder / schema).write_text("{}")
    assert "pcc schema" not in pcc("new", "other", "--template", template).stderr


def test_templates_are_listed(pcc: Pcc) -> None:
    told = json.loads(pcc("new", "--list", "--json").stdout)
    assert list(told) == list(TEMPLATES)
    assert all(text.endswith(".") for text in told.values())
    assert told["mlp"] in pcc("new", "--list").stdout


def test_a_file_is_never_overwritten(pcc: Pcc, folder: Path) -> None:
    (folder / "mine.yaml").write_text("mine")
    result = pcc("new", "mine")
    assert result.exit_code == 2
    assert "PC562" in result.stderr
    assert (folder / "mine.yaml").read_text() == "mine"
    (folder / "link.yaml").symlink_to("nowhere")
    assert pcc("new", "mine", "-o", "link.yaml").exit_code == 2
    assert not (folder / "nowhere").exists()
    assert pcc("new", "mine", "-o", "other.yaml").exit_code == 0
    assert "name: mine" in (folder / "other.yaml").read_text()


@pytest.mark.parametrize("name", ["mine.yaml", "mine.yml"])
def test_a_name_may_end_like_the_file(pcc: Pcc, folder: Path, name: str) -> None:
    assert "wrote mine.yaml" in pcc("new", name).stderr
    assert "name: mine" in (folder / "mine.yaml").read_text().splitlines()


def test_a_disk_that_is_full_leaves_no_file_in_the_way_of_the_next_try(
    pcc: Pcc, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(path: Path, *_: object, **__: object) -> Full:
        path.touch()
        return Full()

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", opened)
        result = pcc("new", "mine")
    assert (result.exit_code, "PC522" in result.stderr) == (3, True)
    assert not (folder / "mine.yaml").exists()
    assert pcc("new", "mine").exit_code == 0


@pytest.mark.parametrize("template", TEMPLATES)
def test_comments_stay_in_their_columns_whatever_the_name(template: str) -> None:
    def columns(name: str) -> set[int]:
        lines = template_text(template, name).splitlines()
        found = (re.match(r"#   pcc (?:check|diagram|train) .*?(?=  +\w)  +", x) for x in lines)
        return {match.end() for match in found if match}

    assert len(columns("x")) == len(columns("a_network_of_mine")) == 1


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["new"], 2, "NAME"),
        (["new", "two words"], 2, "PC212"),
        (["new", "../mine"], 2, "PC212"),
        (["new", "x" * 200], 2, "PC2"),
        (["new", "mine", "--template", "transformer"], 2, "'mlp'"),
        (["new", "mine", "-o", "no/mine.yaml"], 3, "PC522"),
        (["new", "mine", "-o", "."], 2, "PC562"),
    ],
)
def test_mistakes_write_nothing(
    pcc: Pcc, folder: Path, words: list[str], status: int, told: str
) -> None:
    before = set(folder.rglob("*"))
    result = pcc(*words)
    assert told in result.stderr
    assert result.exit_code == status
    assert set(folder.rglob("*")) == before


def test_templates_are_shipped() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["pccompiler"]
    package = ROOT / "pccompiler"
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    assert {path.stem for path in shipped if path.parent.name == "templates"} == set(TEMPLATES)
