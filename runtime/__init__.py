"""Training and using compiled networks: runs, checkpoints, metrics, data.

What is listed here is the public interface; everything else may change.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.run import Run as Run
    from runtime.run import load_run as load_run
    from runtime.signals import Interrupted as Interrupted
    from runtime.training import fit as fit
    from runtime.training import resume as resume

_HOMES = {
    "fit": "runtime.training",
    "resume": "runtime.training",
    "Run": "runtime.run",
    "load_run": "runtime.run",
    "Interrupted": "runtime.signals",
}

__all__ = ["Interrupted", "Run", "fit", "load_run", "resume"]


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first asked for, so that importing costs nothing."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module `runtime` has no attribute `{name}`")
    return getattr(importlib.import_module(_HOMES[name]), name)
