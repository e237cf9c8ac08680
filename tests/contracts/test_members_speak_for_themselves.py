"""Nothing outside a member's own file asks which member it is: what a member does, it says.

Looked for in the text of the program: `isinstance`, `issubclass`, `type(...) is`, patterns of
`match` that name a member's class, and comparisons of a `name` or an `activation` with the
name of a member. Rules have a test of their own.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.member import Member
from pccompiler.components.operators.base import Transposed
from pccompiler.components.operators.lateral import Lateral
from pccompiler.components.operators.transpose_of import TransposeOf
from pccompiler.components.rules import RULES
from tests.contracts.test_members import FAMILIES

ROOT = Path(__file__).parents[2]

MEMBERS: tuple[type[Member], ...] = (
    *(member for members in FAMILIES.values() for member in members if member not in RULES),
    *(Transposed, Lateral, TransposeOf),
)
FILES: dict[str, Path] = {}
"""The file of each member's class."""
for _member in MEMBERS:
    FILES[_member.__name__] = Path(inspect.getfile(_member))
NAMES = {member.name for member in MEMBERS if isinstance(member.name, str)} | set(ACTIVATIONS)
TOLD_BY = ("name", "activation")
"""The attributes that hold the name of a member."""

SOURCES = [
    path for room in ("pccompiler", "runtime") for path in sorted((ROOT / room).rglob("*.py"))
]


def questions(tree: ast.AST, path: Path) -> Iterator[str]:
    """The places at which a file asks which member something is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("isinstance", "issubclass"):
                yield from foreign(node.args[1], path)
        elif isinstance(node, ast.MatchClass):
            yield from foreign(node.cls, path)
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Call) and called(side) == "type" for side in sides):
                yield from (found for side in sides for found in foreign(side, path))
            if any(isinstance(s, ast.Attribute) and s.attr in TOLD_BY for s in sides):
                yield from (f"line {node.lineno}: {text}" for s in sides for text in literals(s))


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def foreign(node: ast.AST, path: Path) -> Iterator[str]:
    """The classes of members of other files that stand in an expression."""
    for inner in ast.walk(node):
        name = inner.id if isinstance(inner, ast.Name) else getattr(inner, "attr", "")
        if name in FILES and FILES[name] != path:
            yield f"line {getattr(inner, 'lineno', '?')}: {name}"


def literals(node: ast.AST) -> Iterator[str]:
    """The names of members that stand in an expression as texts."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and inner.value in NAMES:
            yield str(inner.value)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_asks_which_member_something_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert list(questions(ast.parse(text), path)) == []


@pytest.mark.parametrize(
    "text",
    [
        "isinstance(node.energy, Gaussian)",
        "isinstance(node.energy, Gaussian | PassThrough)",
        "isinstance(x, energies.Huber)",
        "type(form) is HopfieldForm",
        "spec.optimizer.name == 'adam'",
        "node.activation != 'identity'",
        "form.name in ('hopfield', 'bidirectional')",
        "match start:\n    case AtRandom(): pass",
    ],
)
def test_the_search_finds_every_way_of_asking(text: str) -> None:
    assert list(questions(ast.parse(text), ROOT / "elsewhere.py"))
