"""The shape of the house: who imports whom, what stays light, how long files are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LEVELS: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("runtime",),
    ("pccompiler", "pccompiler.driver", "pccompiler.summary"),
    ("pccompiler.diagrams", "pccompiler.lowering", "pccompiler.passes"),
    ("pccompiler.ir",),
    ("pccompiler.spec",),
    ("pccompiler.components",),
    ("pccompiler.diagnostics",),
    ("pccompiler.lazy",),
)
"""From the top to the bottom; a module imports from its own level and from those below."""

HEAVY = frozenset(
    {"jax", "jaxlib", "optax", "numpy", "scipy", "matplotlib", "sklearn", "rich"}
    | {"mlxtend", "pandas", "tensorboard"}
)

EMISSION = frozenset(
    f"pccompiler.lowering.{name}"
    for name in (
        "arguments",
        "evidence",
        "program_text",
        "model",
        "network",
        "parameters",
        "questions",
        "randomness",
        "running",
        "states",
        "derivatives",
        "equilibrium",
        "relaxation",
        "sweep",
        "training",
    )
)
"""The modules that write JAX, and are only loaded once something is compiled."""


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


def _level(name: str) -> int:
    """The level of a module; that of its longest listed prefix."""
    fitting = [
        (len(prefix), level)
        for level, prefixes in enumerate(LEVELS)
        for prefix in prefixes
        if name == prefix or (name.startswith(f"{prefix}.") and prefix != "pccompiler")
    ]
    assert fitting, f"{name} stands in no level of the house"
    return max(fitting)[1]


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
    ours = [
        other
        for node in ast.walk(_tree(name))
        for other in _imported(node)
        if other.partition(".")[0] in ("cli", "runtime", "pccompiler")
    ]
    upwards = [other for other in ours if _level(other) < _level(name)]
    assert not upwards, f"{name} imports {upwards}, which stand above it"


@pytest.mark.parametrize("name", [name for name in MODULES if ".lowering" in name])
def test_lowering_knows_neither_passes_nor_diagrams(name: str) -> None:
    others = [other for node in ast.walk(_tree(name)) for other in _imported(node)]
    assert not [o for o in others if o.startswith(("pccompiler.passes", "pccompiler.diagrams"))]


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("pccompiler")])
def test_only_the_emission_loads_numerical_libraries(name: str) -> None:
    heavy = {other.partition(".")[0] for other in _loads_at_import(_tree(name))} & HEAVY
    assert not heavy or name in EMISSION


@every_module
def test_a_module_says_what_it_is_for(name: str) -> None:
    assert ast.get_docstring(_tree(name))


@every_module
def test_no_module_is_longer_than_400_lines(name: str) -> None:
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 400


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
