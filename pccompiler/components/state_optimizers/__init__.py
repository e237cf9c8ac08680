"""The optimisers of the states. A new one is a class and a line here."""

from pccompiler.components.family import Family
from pccompiler.components.state_optimizers.adaptive import Adaptive
from pccompiler.components.state_optimizers.anderson import Anderson
from pccompiler.components.state_optimizers.base import Landscape, NodeOptimizer, StateOptimizer
from pccompiler.components.state_optimizers.fixed_point import FixedPoint
from pccompiler.components.state_optimizers.gradient import StateAdam, StateSGD

STATE_OPTIMIZERS = Family(
    "state optimizer", StateOptimizer, (StateSGD, StateAdam, FixedPoint, Adaptive, Anderson)
)

__all__ = [
    "STATE_OPTIMIZERS",
    "FixedPoint",
    "Landscape",
    "NodeOptimizer",
    "StateAdam",
    "StateOptimizer",
    "StateSGD",
]
