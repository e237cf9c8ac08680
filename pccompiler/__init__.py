"""pcc: a declarative model-spec compiler for energy-based networks.

What is listed here is the public interface; everything else may change.
"""

from typing import TYPE_CHECKING, Any

from pccompiler.diagnostics.diagnostic import DataError as DataError
from pccompiler.diagnostics.diagnostic import Diagnostic as Diagnostic
from pccompiler.diagnostics.diagnostic import PccError as PccError
from pccompiler.diagnostics.diagnostic import RunError as RunError
from pccompiler.diagnostics.diagnostic import SpecError as SpecError
from pccompiler.driver import Checked as Checked
from pccompiler.driver import check as check
from pccompiler.driver import compile as compile

if TYPE_CHECKING:
    from pccompiler.lowering.learning import TrainState as TrainState
    from pccompiler.lowering.model import CompiledModel as CompiledModel

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`CompiledModel` and `TrainState` load JAX, so they are imported when first asked for."""
    if name == "CompiledModel":
        from pccompiler.lowering.model import CompiledModel

        return CompiledModel
    if name == "TrainState":
        from pccompiler.lowering.learning import TrainState

        return TrainState
    raise AttributeError(f"module `pccompiler` has no attribute `{name}`")
