"""A rule is known by its own file: nothing else in compiler or runtime says its name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pccompiler.components.forms import FORMS
from pccompiler.components.rules import RULES

ROOT = Path(__file__).parents[2]
RULE_FILES = ROOT / "pccompiler" / "components" / "rules"
ASIDE = (ROOT / "pccompiler" / "diagnostics" / "codes", ROOT / "pccompiler" / "testing")
"""Documentation, wrong and right examples, and tests, for the authors of members."""

FILES = [
    path
    for folder in ("pccompiler", "runtime")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not any(path.is_relative_to(folder) for folder in ASIDE)
]
NAMES = {rule.name: rule.__name__ for rule in RULES}
SHARED = {name for form in FORMS for name in (form.name, *form.aliases)} & NAMES.keys()
"""What the field calls a form as well as a rule: the files of forms say it of themselves."""


def _documentation(tree: ast.Module) -> set[ast.AST]:
    """Docstrings, and the examples that end a command's help."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(node.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ending":
            found |= set(ast.walk(node))
    return found


def _said(path: Path) -> Iterator[tuple[int, str]]:
    """(line, rule) wherever code names a rule: in a string, an import, or a variable."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = _documentation(tree)
    for node in ast.walk(tree):
        if node in documentation:
            continue
        for name, title in NAMES.items():
            line = getattr(node, "lineno", 0)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.search(rf"\b{name}\b", node.value):
                    yield line, name
            elif (
                (isinstance(node, ast.Name) and node.id in (name, title))
                or (isinstance(node, ast.Attribute) and node.attr in (name, title))
                or (isinstance(node, ast.alias) and node.name in (name, title))
            ):
                yield line, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_but_its_own_names_a_rule(path: Path) -> None:
    if path.parent == RULE_FILES:
        return  # rules may name each other, by class; the tuple lists them
    forms = ROOT / "pccompiler" / "components" / "forms"
    allowed = SHARED if path.parent == forms else set()
    found = [(line, rule) for line, rule in _said(path) if rule not in allowed]
    assert found == []


def test_the_search_sees_names_in_strings_imports_and_variables(tmp_path: Path) -> None:
    path = tmp_path / "guilty.py"
    path.write_text(
        '"""Of backprop."""\nfrom pccompiler.components.rules import Backprop\n'
        'x = "use z_il"\ny = rule.name == "feedback_alignment"\n'
    )
    assert sorted(_said(path)) == [(2, "backprop"), (3, "z_il"), (4, "feedback_alignment")]
