"""The way to `runtime` and `cli`, which lie beside `pccompiler` under names that others use too.

A `runtime/` or `cli.py` of the user's that is on the path would be imported in their place. So
the command `pcc` and the names that `pccompiler` offers of `runtime` come here: the modules are
loaded from the folder of `pccompiler`, wherever the path leads.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

HOME = Path(__file__).resolve().parents[1]


def ours(name: str) -> ModuleType:
    """Our `cli` or `runtime`.

    Raises ImportError, which names the file, where another module of that name is loaded already.
    """
    loaded = sys.modules.get(name)
    if loaded is None:
        return _loaded(name)
    if not any(place.parent == HOME for place in _places(loaded)):
        where = ", ".join(map(str, _places(loaded))) or "a module without a file"
        raise ImportError(
            f"another module called `{name}` is loaded already, {where}, and hides the one of "
            f"pcc, in {HOME}: rename yours, or use pcc in a process that does not import it"
        )
    return loaded


def run() -> None:
    """The process that `pcc` starts."""
    ours("runtime")
    ours("cli").run()


def _loaded(name: str) -> ModuleType:
    spec = PathFinder.find_spec(name, [str(HOME)])
    if spec is None or spec.loader is None:
        raise ImportError(f"the module `{name}` of pcc is missing in {HOME}: install pcc again")
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _places(module: ModuleType) -> list[Path]:
    """The folders of a package, or the file of a module."""
    folders = [Path(folder).resolve() for folder in getattr(module, "__path__", ())]
    file = getattr(module, "__file__", None)
    return folders or ([Path(file).resolve()] if file else [])
