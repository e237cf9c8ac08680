"""The shape of the house: who imports whom, what stays light, how long files are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ROOMS: tuple[str, ...] = (
    "cli",
    "runtime",
    "runtime.commands",
    "runtime.verification",
    "runtime.prediction",
    "runtime.training",
    "runtime.runs",
    "runtime.data",
    "runtime.host",
    "pccompiler",
    "pccompiler.diagrams",
    "pccompiler.passes",
    "pccompiler.lowering",
    "pccompiler.planning",
    "pccompiler.ir",
    "pccompiler.spec",
    "pccompiler.components",
    "pccompiler.diagnostics",
    "pccompiler.lazy",
)
"""From the top of the house to the bottom. A module imports from its own room and from those
below; the room of a module is its longest prefix here, so `driver` stands in `pccompiler`."""

FACE = "pccompiler"
"""The public interface of the whole house: it tells type checkers of names of `runtime`, which
`front` loads when they are asked for. Importing it imports nothing from above."""

HEAVY = frozenset(
    {"jax", "jaxlib", "optax", "numpy", "scipy", "matplotlib", "sklearn", "rich"}
    | {"mlxtend", "pandas", "tensorboard"}
)


RELATIVE = frozenset(
    ["What", "How", "Why", "Where", "Which", "Who", "Whose", "Whom", "Whoever", "Whatever", "Of"]
)


def _modules() -> dict[str, Path]:
    """Every module of the program by its dotted name."""
    paths = [ROOT / "cli.py"]
    for package in ("pccompiler", "runtime"):
        paths += (ROOT / package).rglob("*.py")
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(paths)
    }


MODULES = _modules()
every_module = pytest.mark.parametrize("name", MODULES)


def _tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def _imported(node: ast.AST) -> Iterator[str]:
    """The dotted names that an import statement may load."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        assert node.module is not None
        for alias in node.names:
            longer = f"{node.module}.{alias.name}"
            yield longer if longer in MODULES else node.module


def _room(name: str) -> int:
    """The room of a module, counted from the top."""
    fitting = [room for room in ROOMS if name == room or name.startswith(f"{room}.")]
    return ROOMS.index(max(fitting, key=len))


def _loads_at_import(tree: ast.Module) -> Iterator[str]:
    """What importing the module imports: not what stands in functions or for type checkers."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        yield from _imported(node)
        waiting += ast.iter_child_nodes(node)


@every_module
def test_imports_point_down_the_house(name: str) -> None:
    tree = _tree(name)
    every = (other for node in ast.walk(tree) for other in _imported(node))
    imported = _loads_at_import(tree) if name == FACE else every
    ours = [o for o in imported if o.partition(".")[0] in ("cli", "runtime", "pccompiler")]
    upwards = [other for other in ours if _room(other) < _room(name)]
    assert not upwards, f"{name} imports {upwards}, which stand above it"


@every_module
def test_docstrings_begin_with_a_verb_or_a_noun_phrase(name: str) -> None:
    """A relative clause (`What the plan holds`) makes the reader look for its noun."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(_tree(name)) if isinstance(node, documented)]
    openings = [(ast.get_docstring(node) or "").split(" ")[0] for node in nodes]
    assert not RELATIVE & set(openings)


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("pccompiler")])
def test_only_the_lowering_loads_numerical_libraries(name: str) -> None:
    heavy = {other.partition(".")[0] for other in _loads_at_import(_tree(name))} & HEAVY
    assert not heavy or name.startswith("pccompiler.lowering.")


@every_module
def test_a_module_says_what_it_is_for(name: str) -> None:
    assert ast.get_docstring(_tree(name))


@every_module
def test_no_module_is_longer_than_400_lines(name: str) -> None:
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 400


@every_module
def test_the_plan_of_a_phase_is_the_phase_and_holds_no_other(name: str) -> None:
    """A planned phase answers for itself: nobody asks a phase for its phase."""
    asked = [node for node in ast.walk(_tree(name)) if isinstance(node, ast.Attribute)]
    twice = [ast.unparse(node) for node in asked if ast.unparse(node).endswith("phase.phase")]
    assert not twice


def test_every_module_but_the_openings_of_the_packages_stands_in_a_room() -> None:
    """Only `__init__` of runtime, and the story that `driver` tells, stand outside of rooms."""
    assert [n for n in MODULES if n.count(".") == 1 and n.startswith("runtime.")] == [
        room for room in sorted(ROOMS) if room.startswith("runtime.")
    ]


def test_every_folder_of_the_program_is_a_package() -> None:
    folders = {path.parent for path in MODULES.values()} - {ROOT}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_checking_a_spec_loads_no_heavy_library() -> None:
    """Each of them costs up to three seconds, and an editor checks at every keystroke."""
    heavy = sorted(HEAVY - {"numpy"})
    program = (
        "import sys, cli\n"
        "try: cli.main(['check', 'specs/digits_mlp.yaml'], standalone_mode=False)\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print([name for name in {heavy} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
