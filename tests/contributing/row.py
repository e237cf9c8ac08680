"""What someone adds who follows a row of CONTRIBUTING, and how it gets into the files."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """What is added. All names end in `_here`, so that they can be found again.

    `files` are the new ones, by path; `inserted` is code that goes before what a name stands
    for (a table, a function, an option), by path and name; `entries` go into a table of that
    name, or a `match` in a function of that name; `imports` are lines of a file. `proof` is run
    in the copy, and raises where the addition has no effect.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    inserted: Mapping[tuple[str, str], str] = field(default_factory=dict)
    entries: Mapping[tuple[str, str], str] = field(default_factory=dict)
    imports: Mapping[str, str] = field(default_factory=dict)
    proof: str = ""

    @property
    def paths(self) -> set[str]:
        """The files that are new or changed."""
        changed = {path for path, _ in (*self.inserted, *self.entries)}
        return {*self.files, *self.imports, *changed}

    def follow(self, copy: Path) -> None:
        """Changes the files of a copy of the project."""
        for path, text in self.files.items():
            assert not (copy / path).exists()
            (copy / path).write_text(text, encoding="utf-8")
        for path in self.paths - {*self.files}:
            text = (copy / path).read_text(encoding="utf-8")
            for (where, name), entry in self.entries.items():
                text = _with_entry(text, name, entry) if where == path else text
            for (where, name), code in self.inserted.items():
                text = _before(text, name, code) if where == path else text
            if path in self.imports:
                text = re.sub("(?m)^(?=from p)", f"{self.imports[path]}\n", text, count=1)
            (copy / path).write_text(text, encoding="utf-8")


def _statement(text: str, name: str) -> ast.stmt:
    """The assignment to a name, or the function of that name."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign):
            names = [ast.unparse(target) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            names = [ast.unparse(node.target)]
        else:
            names = [node.name] if isinstance(node, ast.FunctionDef) else []
        if name in names:
            assert isinstance(node, ast.stmt)
            return node
    raise AssertionError(f"there is no {name}")


def _put(text: str, line: int, column: int, new: str) -> str:
    lines = text.splitlines(keepends=True)
    lines[line - 1] = lines[line - 1][:column] + new + lines[line - 1][column:]
    return "".join(lines)


def _before(text: str, name: str, code: str) -> str:
    node = _statement(text, name)
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    line = min(part.lineno for part in (node, *decorators))
    return _put(text, line, 0, code if code.startswith(" ") else f"{code}\n\n")


def _with_entry(text: str, name: str, entry: str) -> str:
    """With a new first entry of a table: a tuple, a dictionary, a union, or a `match`."""
    node = _statement(text, name)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Match):
            first = inner.cases[0].pattern
            return _put(text, first.lineno, first.col_offset - len("case "), f"{entry}\n        ")
    assert isinstance(node, ast.Assign | ast.AnnAssign)
    option = isinstance(node, ast.AnnAssign) and name.islower()
    whole = node.annotation if isinstance(node, ast.AnnAssign) and option else node.value
    assert whole is not None
    for inner in ast.walk(whole):
        if isinstance(inner, ast.Dict):
            first = inner.keys[0]
        elif isinstance(inner, ast.Tuple) and not (option and _is_of_types(inner)):
            first = inner.elts[0]
        else:
            continue
        assert first is not None
        return _put(text, first.lineno, first.col_offset, f"{entry}, ")
    return _put(text, whole.lineno, whole.col_offset, f"{entry} | ")


def _is_of_types(found: ast.Tuple) -> bool:
    """Whether it is part of an annotation rather than a table of names."""
    return not all(isinstance(part, ast.Constant) and part.value is not ... for part in found.elts)
