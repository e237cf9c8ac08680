"""pcc: a declarative model-spec compiler and runtime for energy-based networks.

What is listed here is the public interface; everything else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pccompiler.diagnostics.diagnostic import DataError as DataError
from pccompiler.diagnostics.diagnostic import Diagnostic as Diagnostic
from pccompiler.diagnostics.diagnostic import PccError as PccError
from pccompiler.diagnostics.diagnostic import RunError as RunError
from pccompiler.diagnostics.diagnostic import SpecError as SpecError

if TYPE_CHECKING:
    from pccompiler.driver import Checked as Checked
    from pccompiler.driver import check as check
    from pccompiler.driver import compile as compile
    from pccompiler.lowering.learning import TrainState as TrainState
    from pccompiler.lowering.model import CompiledModel as CompiledModel
    from runtime import Interrupted as Interrupted
    from runtime import Run as Run
    from runtime import fit as fit
    from runtime import load_run as load_run
    from runtime import resume as resume

__version__ = "0.1.0"

_HOMES = {
    "Checked": "pccompiler.driver",
    "check": "pccompiler.driver",
    "compile": "pccompiler.driver",
    "CompiledModel": "pccompiler.lowering.model",
    "TrainState": "pccompiler.lowering.learning",
}
_RUNTIME = {"Interrupted", "Run", "fit", "load_run", "resume"}


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first asked for, so that importing costs nothing."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _RUNTIME:
        from pccompiler.front import ours

        return getattr(ours("runtime"), name)
    raise AttributeError(f"module `pccompiler` has no attribute `{name}`")
