"""Every row of the table of CONTRIBUTING is followed, in a copy of the project.

What a row says is added where it says, and nothing else is changed; then the new member takes
effect, and the contract tests take it in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.contributing.members import MEMBERS
from tests.contributing.program import PROGRAM
from tests.contributing.row import Row

ROOT = Path(__file__).parents[2]
ROWS: dict[str, Row] = {**MEMBERS, **PROGRAM}
ELSEWHERE = {"pass": "passes/pipeline.py", "command": "cli.py"}
"""Files that CONTRIBUTING names above the table, or in another column."""

SPEC = """
pcc: 1
name: all_here
nodes:
  x: {shape: [4], role: input}
  h: {shape: [3], activation: bent_here, energy: quartic_here}
  r: {shape: [3], prior: steep_here}
  y: {shape: [2], role: output}
edges:
  - {from: x, to: h, op: [{dense: {weight_init: sevenths_here}}, shifted_here]}
  - {from: r, to: h}
  - {from: h, to: y}
energy: {form: halved_here, loss: quartic_loss_here}
inference: {init: halves_here, update: last_first_here, optimizer: signs_here, steps: 3}
learning: {rule: eager_here, optimizer: descent_here, schedule: third_here}
data: {source: ramp_here, batch_size: 4, validation: 0.25, standardize: none}
training: {epochs: 1, loggers: [lines_here], mood_here: glad}
"""
"""A spec that uses everything that is added to the language."""

CONTRACTS = ("members", "rules", "forms", "optimizers", "schedules", "state_optimizers")
"""Contract tests that take in new members. Those that ask for their formula are left out: they
say where to add it."""

SCRIPT = """
import json, sys, traceback
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from pccompiler.components.registry import FAMILIES
from pccompiler.testing.effect import observed

hooks, proofs, contracts = json.loads(Path("rows.json").read_text())
asked = set()


def pcc(*words):
    result = CliRunner().invoke(cli.main, words)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def assert_asked(name, hook):
    assert (name, hook) in asked, f"{hook} of {name} is never asked for"


def noting(name, hook):
    def around(original, *arguments):
        asked.add((name, hook))
        return original(*arguments)

    return around


def outcome(act):
    try:
        act()
    except BaseException:
        return traceback.format_exc()
    return ""


def train():
    found = {member.name: member for family in FAMILIES for member in family}
    with ExitStack() as stack:
        for name, hook in hooks:
            stack.enter_context(observed(found[name], hook, noting(name, hook)))
        pcc("train", "all.yaml", "--run", "run")


told = {"training": outcome(train)}
for row, proof in proofs.items():
    told[row] = outcome(lambda: exec(proof, dict(globals())))
Path("told.json").write_text(json.dumps(told))
sys.exit(pytest.main([*contracts, "-vv", "-p", "no:cacheprovider", "-k", "_here and not cases"]))
"""


def table() -> dict[str, list[str]]:
    """The rows of the table, by the first cell."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [rows] = re.findall(r"^\| a new \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in rows.splitlines()]
    return {first: rest for first, *rest in cells}


def quoted(row: str) -> list[str]:
    """What stands between backticks in a row, without its first cell."""
    return [word for cell in table()[row] for word in re.findall(r"`([^`]+)`", cell)]


def test_the_table_has_the_rows_that_are_tried_here() -> None:
    assert list(table()) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_only_the_files_and_tables_that_a_row_names_are_changed(row: str) -> None:
    """And the family of a folder, where a member has a file of its own there."""
    files = [f"*{word.replace('NAME', '*')}" for word in (*quoted(row), ELSEWHERE.get(row, "/"))]
    files += [f"{file}*" for file in files if file.endswith("/")]
    families = {str(Path(path).parent / "__init__.py") for path in ROWS[row].files}
    for path in ROWS[row].paths - families:
        assert any(fnmatch(f"/{path}", file) for file in files), (path, files)
    tables = {word for word in quoted(row) if word.isupper()}
    grown = {name for _, name in ROWS[row].entries if name.isupper()}
    assert tables == grown or row in ("message", "look of an edge kind")


@dataclass(frozen=True)
class Followed:
    """`wrong`: what was wrong with each row; `members`: the names of the new ones; `contracts`:
    what the contract tests of the copy printed, and their exit code."""

    wrong: dict[str, str]
    members: set[str]
    contracts: tuple[str, int]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """Every row at once, so that the copy is made, and JAX imported, once."""
    copy = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("pccompiler", "runtime", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("cli.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    for row in ROWS.values():
        row.follow(copy)
    (copy / "all.yaml").write_text(SPEC)
    proofs = {name: row.proof for name, row in ROWS.items()}
    hooks = [
        pair for proof in proofs.values() for pair in re.findall(r"asked\('(\w+)', '(\w+)'", proof)
    ]
    contracts = [f"tests/contracts/test_{name}.py" for name in CONTRACTS]
    (copy / "rows.json").write_text(json.dumps([hooks, proofs, contracts]))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=copy,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    told = copy / "told.json"
    assert told.exists(), done.stderr
    members = {name for name, _ in hooks}
    return Followed(json.loads(told.read_text()), members, (done.stdout, done.returncode))


def test_a_network_of_all_that_was_added_is_trained(followed: Followed) -> None:
    assert followed.wrong["training"] == ""


@pytest.mark.parametrize("row", ROWS)
def test_what_a_row_says_is_enough(row: str, followed: Followed) -> None:
    assert followed.wrong[row] == ""


def test_the_contract_tests_take_in_what_was_added(followed: Followed) -> None:
    printed, code = followed.contracts
    assert code == 0, printed
    assert all(f"{name}] PASSED" in printed for name in followed.members)
