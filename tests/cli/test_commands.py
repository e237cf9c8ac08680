"""What each command prints, where, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from pccompiler.diagnostics.codes import CODES
from pccompiler.passes import OPTIONAL, STAGES
from tests.cli.conftest import TINY, Pcc

BAD = TINY.replace("activation: tanh", "activation: tan").replace("x -> h", "x -> g -> h")


def test_a_good_spec_is_checked_in_silence_on_stdout(pcc: Pcc) -> None:
    result = pcc("check", "tiny.yaml")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "1 spec checked: ok\n"


@pytest.mark.parametrize("style", ["full", "concise", "json", "github"])
def test_a_good_spec_is_good_in_every_format(pcc: Pcc, style: str) -> None:
    result = pcc("check", "tiny.yaml", "--format", style)
    assert (result.exit_code, result.stdout.strip()) == (0, "[]" if style == "json" else "")


@pytest.mark.parametrize("style", ["full", "concise", "json", "github"])
def test_mistakes_are_told_in_every_format_with_their_place(
    pcc: Pcc, folder: Path, style: str
) -> None:
    (folder / "bad.yaml").write_text(BAD.replace("tan}", "tanh}"))
    result = pcc("check", "bad.yaml", "--format", style)
    assert result.exit_code == 2
    if style == "json":
        [problem] = json.loads(result.stdout)
        place = (problem["code"], problem["file"], problem["line"], problem["column"])
        assert place == ("PC301", "bad.yaml", 8, 12)
    else:
        assert "PC301" in result.stdout
        places = {"github": "file=bad.yaml,line=8,col=12"}
        assert places.get(style, "bad.yaml:8:12") in result.stdout


def test_every_file_is_checked_and_one_mistake_is_enough_to_fail(pcc: Pcc, folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    result = pcc("check", "tiny.yaml", "bad.yaml", "missing.yaml")
    assert result.exit_code == 2
    assert "bad.yaml:5" in result.stdout
    assert "missing.yaml" in result.stdout
    assert result.stderr.startswith("3 specs checked: 2 errors")


@pytest.mark.parametrize("style", ["full", "concise", "json", "github"])
def test_the_mistake_of_an_override_is_told_once_for_all_files(
    pcc: Pcc, folder: Path, style: str
) -> None:
    (folder / "other.yaml").write_text(TINY.replace("name: tiny", "name: other"))
    words = ["check", "tiny.yaml", "other.yaml", "-s", "epochs=1", "--format", style]
    result = pcc(*words)
    assert result.exit_code == 2
    assert result.stdout.count("unknown key `epochs`") == 1


def test_a_warning_is_told_and_does_not_fail(pcc: Pcc, folder: Path) -> None:
    warned = TINY.replace("edges:", "  g: {shape: [3]}\nedges:\n  - {path: h -> g}")
    (folder / "warned.yaml").write_text(warned)
    result = pcc("check", "warned.yaml")
    assert result.exit_code == 0
    assert "warning[PC316]" in result.stdout
    assert "0 errors, 1 warning" in result.stderr


@pytest.mark.parametrize("code", CODES)
def test_every_code_can_be_explained(code: str) -> None:
    result = CliRunner().invoke(cli.main, ["explain", code])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{code}: ")


def test_all_codes_are_listed_without_one() -> None:
    result = CliRunner().invoke(cli.main, ["explain"])
    assert result.exit_code == 0
    assert [code for code in CODES if f"  {code}  {CODES[code].title}\n" not in result.stdout] == []


def test_explanations_in_json(pcc: Pcc) -> None:
    told = json.loads(pcc("explain", "pc303", "--json").stdout)
    assert told["code"] == "PC303"
    assert told.keys() == {"code", "title", "meaning", "why", "wrong", "right"}
    every = json.loads(pcc("explain", "--json").stdout)
    assert [entry["code"] for entry in every] == list(CODES)
    assert told in every


def test_an_unknown_code_is_a_mistake_with_a_suggestion(pcc: Pcc) -> None:
    result = pcc("explain", "303")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "unknown code `303`" in result.stderr
    assert "did you mean `PC303`?" in result.stderr


def test_the_schema_is_json(pcc: Pcc) -> None:
    assert json.loads(pcc("schema").stdout)["$schema"]


def test_show_prints_a_table_of_nodes_edges_and_totals(pcc: Pcc) -> None:
    result = pcc("show", "tiny.yaml")
    assert result.exit_code == 0
    for part in ("x->h", "h->y", "tanh", "parameters", "FLOPs", "23"):
        assert part in result.stdout


def test_a_table_in_a_file_is_as_wide_as_it_needs(pcc: Pcc) -> None:
    operators = ["tanh"] * 20 + ["dense"]
    edge = f"edges=[{{path: x -> h -> y, op: [{', '.join(operators)}]}}]"
    assert " |> ".join(operators) in pcc("show", "tiny.yaml", "-s", edge).stdout


def test_show_json_counts_by_hand(pcc: Pcc) -> None:
    """x (4) -> h (3) -> y (2): 4*3 + 3 and 3*2 + 2 parameters."""
    shown = json.loads(pcc("show", "tiny.yaml", "--json").stdout)
    assert [node["name"] for node in shown["nodes"]] == ["x", "h", "y"]
    assert {edge["name"]: edge["parameters"] for edge in shown["edges"]} == {"x->h": 15, "h->y": 8}
    assert (shown["totals"]["parameters"], shown["totals"]["forward_flops"]) == (23, 41)
    assert shown["totals"]["batch_size"] == 8
    assert [node["energy"] for node in shown["nodes"]] == [None, "gaussian", "squared_error"]


def test_an_override_changes_what_is_shown(pcc: Pcc) -> None:
    shown = json.loads(pcc("show", "tiny.yaml", "-s", "nodes.h.shape=[30]", "--json").stdout)
    assert shown["totals"]["parameters"] == 4 * 30 + 30 + 30 * 2 + 2


@pytest.mark.parametrize(("ending", "start"), [("svg", "<svg"), ("dot", "digraph"), ("mmd", "")])
def test_a_diagram_is_written_by_its_ending(
    pcc: Pcc, folder: Path, ending: str, start: str
) -> None:
    result = pcc("diagram", "tiny.yaml", "-o", f"net.{ending}")
    assert (result.exit_code, result.stdout) == (0, "")
    text = (folder / f"net.{ending}").read_text()
    assert start in text[:300]
    assert "h" in text


@pytest.mark.parametrize("emit", ["graph", "plan", "jaxpr", "hlo", "cost"])
def test_compile_emits_every_stage(pcc: Pcc, emit: str) -> None:
    result = pcc("compile", "tiny.yaml", "--emit", emit)
    assert result.exit_code == 0
    signs = {"graph": "[typed]", "plan": "phase clamped", "jaxpr": "lambda", "hlo": "HloModule"}
    if emit == "cost":
        assert json.loads(result.stdout)["flops"] > 0
    else:
        assert signs[emit] in result.stdout


def test_compile_alone_says_that_it_compiles(pcc: Pcc) -> None:
    result = pcc("compile", "tiny.yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("tiny compiles")


@pytest.mark.parametrize("stage", STAGES)
def test_the_result_of_every_pass_can_be_printed(pcc: Pcc, stage: str) -> None:
    result = pcc("compile", "tiny.yaml", "--print-after", stage)
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line[:1] == "#"] == [f"# after {stage}"]


def test_all_passes_are_printed_in_their_order(pcc: Pcc) -> None:
    lines = pcc("compile", "tiny.yaml", "--print-after", "all").stdout.splitlines()
    assert [line for line in lines if line[:1] == "#"] == [f"# after {stage}" for stage in STAGES]


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_disabled_pass_does_not_run(pcc: Pcc, name: str) -> None:
    result = pcc("compile", "tiny.yaml", "--disable", name, "--print-after", "all")
    assert f"# after {name}" not in result.stdout
    assert result.exit_code == 0


def test_the_time_of_every_pass_is_told_on_stderr_in_order(pcc: Pcc) -> None:
    words = ["compile", "tiny.yaml", "--emit", "plan"]
    timed = pcc(*words, "--time-passes")
    lines = [line.split() for line in timed.stderr.splitlines()]
    assert [name for name, _, unit in lines if unit == "ms"] == list(STAGES)
    assert all(float(took) >= 0 for _, took, _ in lines)
    assert timed.stdout == pcc(*words).stdout
