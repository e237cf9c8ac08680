"""Training and using compiled networks: runs, checkpoints, metrics, data.

What is listed here is the public interface; everything else may change.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.host.signals import Interrupted as Interrupted
    from runtime.training.fit import fit as fit
    from runtime.training.fit import resume as resume
    from runtime.training.opened_run import Run as Run
    from runtime.training.opened_run import load_run as load_run

_HOMES = {
    "fit": "runtime.training.fit",
    "resume": "runtime.training.fit",
    "Run": "runtime.training.opened_run",
    "load_run": "runtime.training.opened_run",
    "Interrupted": "runtime.host.signals",
}

__all__ = ["Interrupted", "Run", "fit", "load_run", "resume"]


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first asked for, so that importing costs nothing."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(
            f"module `runtime` has no attribute `{name}`; it is the one of pcc, in {__path__[0]}"
        )
    return getattr(importlib.import_module(_HOMES[name]), name)
