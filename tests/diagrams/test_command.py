"""`pcc diagram`: which view is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cli
from pccompiler.diagrams import VIEWS
from pccompiler.driver import check
from tests.diagrams.networks import bipc, text_of

SEQUENCE = bipc(3)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(json.dumps(SEQUENCE))  # YAML contains JSON
    return path


def run(spec: Path, *options: str) -> tuple[Result, Path]:
    output = spec.with_suffix(".svg")
    return CliRunner().invoke(
        cli.main, ["diagram", str(spec), "-o", str(output), "--engine", "own", *options]
    ), output


@pytest.mark.parametrize(
    ("options", "view"),
    [
        ([], "network"),
        (["--unroll"], "unrolled"),
        *((["--view", view], view) for view in VIEWS),
    ],
)
def test_an_option_chooses_the_view(spec: Path, options: list[str], view: str) -> None:
    result, output = run(spec, *options)
    assert result.exit_code == 0
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
