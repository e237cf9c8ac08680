"""What README and guides show is what the program does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jax
import jax.numpy as jnp
import pytest

import pccompiler as pcc
from cli import main
from pccompiler.diagnostics.render import render
from pccompiler.ir.graph import Graph

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")}
DOCUMENTS = {"README": README, **PAGES}

WITH_NEW_PARTS = {"adding_an_operator", "members_from_outside"}
"""Pages whose specs need what they add; `test_snippets.py` adds it."""

SPECS = sorted((ROOT / "specs").glob("*.yaml"))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def sections(spec: str) -> dict[str, str]:
    """The text of each section, by its key."""
    parts = re.split(r"^(?=[a-z_]+:)", spec, flags=re.MULTILINE)
    return {part.split(":")[0]: part for part in parts if part.strip()}


def examples() -> Iterator[Any]:
    """The specs of the guides, as their pages say: an example with nodes and edges lacks only the
    first two lines, any other replaces sections of the page's first one."""
    for page, text in sorted(PAGES.items()):
        if not blocks(text, "yaml") or page in WITH_NEW_PARTS:
            continue
        first, *others = blocks(text, "yaml")
        whole = sections(first)
        heading = {key: whole[key] for key in ("pcc", "name")}
        yield pytest.param(first, id=f"{page}-1")
        for number, other in enumerate(others, start=2):
            given = sections(other)
            base = heading if {"nodes", "edges"} <= given.keys() else whole
            yield pytest.param("".join((base | given).values()), id=f"{page}-{number}")


def held_arrays(spec: pcc.Checked, graph: Graph) -> dict[str, Any]:
    """A batch of two samples for every node that takes data."""
    named = {name for names in spec.spec.inference.clamp.values() for name in names}
    bound = [node for node in graph.nodes if node.role != "hidden" or node.name in named]
    times = (graph.time.steps,) if graph.time else ()
    return {node.name: jnp.ones((2, *times, *(node.shape or ()))) for node in bound}


def test_the_spec_of_the_readme_is_the_shipped_one_in_short(tmp_path: Path) -> None:
    [text] = blocks(README, "yaml")
    path = tmp_path / "digits_mlp.yaml"
    path.write_text(text, encoding="utf-8")
    shown, shipped = pcc.check(path), pcc.check(ROOT / "specs" / "digits_mlp.yaml")
    for section in ("nodes", "edges", "energy", "inference", "learning", "data", "training"):
        assert getattr(shown.spec, section) == getattr(shipped.spec, section)


def test_the_mistake_of_the_readme_is_told_as_shown(tmp_path: Path) -> None:
    [text] = blocks(README, "yaml")
    path = tmp_path / "digits_mlp.yaml"
    path.write_text(text.replace("rule: predictive_coding", "rule: backprp"), encoding="utf-8")
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(path)
    told = render(caught.value.diagnostics).replace(str(path), path.name)
    assert f"```\n{told}\n```" in README


def test_the_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    [code] = blocks(README, "python")
    names: dict[str, Any] = {}
    exec(code, names)
    assert set(names["grads"]) == {"image->h1", "h1->h2", "h2->label"}


def test_the_python_of_the_guide_keeps_what_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    [code] = blocks(PAGES["language"], "python")
    names: dict[str, Any] = {}
    exec(code, names)
    whole, cause = names["whole"]["image"], names["cause"]
    assert (whole[:, :32] == 1).all()
    assert (whole[:, 32:] != 1).all()
    assert cause.shape == (1, 20)


@pytest.mark.parametrize("text", list(examples()))
def test_the_specs_of_the_guides_are_good_and_can_be_trained(text: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(text, encoding="utf-8")
    checked = pcc.check(path)
    assert checked.warnings == ()
    model = pcc.compile(path, disable=("wavefront",))  # traced faster, and the same
    state = model.init_training(jax.random.key(0), horizon=1)
    batch = held_arrays(checked, model.graph)
    after, _ = jax.eval_shape(model.step, state, batch)
    assert jax.tree.structure(after.params) == jax.tree.structure(state.params)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_commands_of_the_documents_exist_and_take_their_options(document: str) -> None:
    text = DOCUMENTS[document]
    shown = re.findall(r"`(pcc [^`\n]+)`", text) + re.findall(
        r"^(?:.*/)?(pcc .+?)(?:  +#.*)?$", "".join(blocks(text, "sh")), re.MULTILINE
    )
    for line in shown:
        _, command, *words = line.split()
        found = main.get_command(click.Context(main), command)
        assert found is not None, line
        known = {option for parameter in found.params for option in parameter.opts} | {"--plugin"}
        given = {word for word in words if re.match(r"--?[a-z]", word)}
        assert given <= known, line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_links_of_the_documents_lead_somewhere(document: str) -> None:
    folder = ROOT if document == "README" else ROOT / "docs"
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", DOCUMENTS[document]):
        path = folder / target if target else folder / f"{document}.md"
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {h.lower().replace(" ", "-") for h in headings}, anchor


def test_the_readme_lists_every_spec() -> None:
    listed = set(re.findall(r"^\| `(\w+)`", README.partition("## Specs")[2], re.MULTILINE))
    assert {path.stem for path in SPECS} == listed


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_shipped_spec_is_good_and_can_be_trained(path: Path) -> None:
    checked = pcc.check(path)
    assert {warning.code for warning in checked.warnings} <= {"PC326"}  # feedback left out
    model = pcc.compile(path, disable=("wavefront",))
    state = jax.eval_shape(lambda: model.init_training(jax.random.key(0), horizon=1))
    after, metrics = jax.eval_shape(model.step, state, held_arrays(checked, model.graph))
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert "energy" in metrics
