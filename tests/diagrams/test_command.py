"""`pcc diagram`: what is drawn, by whom, and what does not go together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli
from pccompiler.diagrams import FORMATS, THEMES, VIEWS, Layout, draw, graphviz, mermaid
from pccompiler.diagrams.network import picture
from pccompiler.driver import check
from tests.diagrams.networks import bipc, text_of

SEQUENCE = bipc(4)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(json.dumps(SEQUENCE))  # YAML contains JSON
    return path


def run(spec: Path, *options: str, ending: str = ".svg") -> tuple[Result, Path]:
    output = spec.with_suffix(ending)
    words = ["diagram", str(spec), "-o", str(output), *options]
    return CliRunner().invoke(cli.main, words), output


@pytest.mark.parametrize(
    ("options", "view"),
    [
        ([], "network"),
        (["--unroll"], "unrolled"),
        *((["--view", view], view) for view in VIEWS),
    ],
)
def test_an_option_chooses_the_view(spec: Path, options: list[str], view: str) -> None:
    result, output = run(spec, "--engine", "own", *options)
    assert result.exit_code == 0
    assert result.stderr.endswith(f"wrote {output}, placed by pcc's own layout\n")
    assert output.read_text() == text_of(check(SEQUENCE).graph, "svg", view=view)


def test_a_network_without_time_is_not_unrolled(spec: Path) -> None:
    still = {key: value for key, value in SEQUENCE.items() if key != "time"}
    still["edges"] = [{"path": "image -> label", "op": ["flatten", "dense"]}]
    still["nodes"] = {name: SEQUENCE["nodes"][name] for name in ("image", "label")}
    spec.write_text(json.dumps(still))
    result, output = run(spec, "--unroll")
    assert result.exit_code == 2
    assert "PC552" in result.stderr
    assert "nothing to unroll" in result.stderr
    assert not output.exists()


DEEP = {
    "pcc": 1,
    "name": "deep",
    "nodes": {
        "image": {"shape": [64], "role": "input"},
        "h[1..128]": {"shape": [64], "activation": "tanh"},
        "label": {"shape": [10], "role": "output"},
    },
    "edges": [{"path": "image -> h[1..128] -> label"}],
}


@pytest.mark.parametrize(("ending", "format"), [
    (ending, member.name) for member in FORMATS.values() for ending in member.endings
])  # fmt: skip
def test_every_ending_is_written(spec: Path, ending: str, format: str) -> None:
    result, output = run(spec, ending=ending)  # a network with loops: auto is the own layout
    assert result.exit_code == 0
    assert output.read_bytes() == draw(check(SEQUENCE).graph, format)


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        (["--theme", "dark"], {"theme": "dark"}),
        (["--theme", "auto"], {"theme": "auto"}),
        (["--style", "paper"], {"theme": "paper"}),
        (["--collapse", "--view", "circuit"], {"collapse": True, "view": "circuit"}),
    ],
)
def test_options_choose_theme_style_and_stacks(
    spec: Path, options: list[str], drawn: dict[str, Any]
) -> None:
    spec.write_text(json.dumps(DEEP))
    result, output = run(spec, "--engine", "own", *options)
    assert result.exit_code == 0
    assert output.read_text() == text_of(check(DEEP).graph, "svg", **drawn)


def test_a_network_in_which_nothing_repeats_is_drawn_whole_and_that_is_said(spec: Path) -> None:
    text = json.dumps(DEEP).replace("1..128", "1..2")
    spec.write_text(text)
    result, output = run(spec, "--engine", "own", "--collapse")
    assert result.exit_code == 0
    assert result.stderr.startswith("nothing repeats three times or more, so all is drawn\n")
    assert output.read_text() == text_of(check(json.loads(text)).graph, "svg")


@pytest.mark.parametrize(
    ("options", "ending", "told"),
    [
        (["--unroll", "--view", "circuit"], ".svg", "--unroll does not go with --view circuit"),
        (["--unroll", "--collapse"], ".svg", "--collapse does not go with the unrolled view"),
        (["--style", "paper", "--theme", "dark"], ".svg", "so --theme dark has no part"),
        (["--theme", "auto"], ".png", "--theme auto is for .svg and .html; a png file is fixed"),
        (["--theme", "auto"], ".dot", "--theme auto is for .svg and .html"),
        (["--engine", "graphviz"], ".mmd", "a mermaid file has no places in it"),
        (["--engine", "own"], ".dot", "a dot file has no places in it"),
        (["--engine", "graphviz", "--unroll"], ".svg", "does not go with the unrolled view"),
        (["--theme", "blue"], ".svg", "'blue' is not one of"),
        ([], ".jpg", "unknown diagram format `.jpg`"),
    ],
)
def test_what_does_not_go_together_is_one_message(
    spec: Path, options: list[str], ending: str, told: str
) -> None:
    result, output = run(spec, *options, ending=ending)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())
    assert result.stderr.lower().count("error") == 1
    assert not output.exists()


@pytest.mark.parametrize("ending", [".svg", ".png", ".html"])
def test_a_path_that_cannot_be_written_is_one_message(spec: Path, ending: str) -> None:
    spec.with_suffix(ending).mkdir()
    result, output = run(spec, ending=ending)
    assert result.exit_code == 3
    assert f"cannot write {output}" in result.stderr


def dot(folder: Path, text: str) -> Path:
    """A folder with a program `dot` of our own."""
    bin = folder / "bin"
    bin.mkdir()
    (bin / "dot").write_text(f"#!/bin/sh\n{text}\n")
    (bin / "dot").chmod(0o755)
    return bin


def test_without_graphviz_our_own_layout_is_used(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(spec.parent))
    result, output = run(spec)
    assert result.exit_code == 0
    assert result.stderr == f"wrote {output}, placed by pcc's own layout\n"
    assert output.read_text() == text_of(check(SEQUENCE).graph, "svg")
    result, _ = run(spec, "--engine", "graphviz")
    assert result.exit_code == 2
    told = " ".join(result.stderr.split())
    assert "cannot start `dot`" in told
    assert "Install Graphviz, or use --engine own." in told


def test_a_graphviz_that_fails_is_told_and_our_own_layout_is_used(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(dot(spec.parent, "echo broken >&2; exit 1")), prepend=":")
    spec.write_text(json.dumps(DEEP | {"inference": {"steps": 200}}))
    result, output = run(spec, "--collapse")
    assert result.exit_code == 0
    assert result.stderr == (
        "`dot` failed: broken, so pcc's own layout is used\n"
        f"wrote {output}, placed by pcc's own layout\n"
    )


def test_formats_without_places_and_the_unrolled_view_do_not_ask_graphviz(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(dot(spec.parent, "exit 1")), prepend=":")
    result, output = run(spec, ending=".dot")
    assert result.stderr == f"wrote {output}\n"
    result, output = run(spec, "--unroll")
    assert result.stderr == f"wrote {output}, placed by pcc's own layout\n"


def test_a_link_is_written_through(spec: Path) -> None:
    (spec.parent / "net.svg").symlink_to("true.svg")
    result, output = run(spec)
    assert result.exit_code == 0
    assert output.is_symlink()
    assert (spec.parent / "true.svg").read_text().startswith("<svg")


def test_too_large_a_drawing_is_told_with_what_to_do(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mermaid, "MOST_EDGES", 20)
    result, _ = run(spec, ending=".mmd")
    assert "35 edges, and viewers of Mermaid draw at most 20" in result.stderr
    assert result.stderr.endswith("write a .svg, or add --collapse\n")
    layout = Layout(picture(check(SEQUENCE).graph), "down", (), (), 400.0, 2e5)
    assert "drawn at 9% of its size" in FORMATS["pdf"].remark(layout, THEMES["light"])
    assert "drawn at 30% of its size" in FORMATS["png"].remark(layout, THEMES["light"])


@pytest.mark.skipif(not graphviz.installed(), reason="Graphviz is not installed: no `dot`")
def test_graphviz_is_used_where_it_is_asked_for_or_does_better(spec: Path) -> None:
    straight = json.loads(json.dumps(DEEP).replace("1..128", "1..3"))
    for network, options in ((straight, []), (SEQUENCE, ["--engine", "graphviz"])):
        spec.write_text(json.dumps(network))
        result, output = run(spec, *options)
        assert result.stderr == f"wrote {output}, placed by Graphviz\n"
        graph = check(network).graph
        assert output.read_text() == text_of(graph, "svg", engine="graphviz")
    spec.write_text(json.dumps(straight))
    result, output = run(spec, "--view", "circuit")
    assert result.stderr == f"wrote {output}, placed by pcc's own layout\n"
