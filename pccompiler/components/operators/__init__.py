"""The operators that an edge's pipeline may name. A new one is a file and a line here."""

from pccompiler.components.operators.base import Operator, Parameter, ShapeError
from pccompiler.components.operators.dense import Dense
from pccompiler.components.operators.elementwise import ELEMENTWISE
from pccompiler.components.operators.flatten import Flatten

OPERATORS: tuple[type[Operator], ...] = (
    Dense,
    Flatten,
    *ELEMENTWISE,
)

__all__ = ["OPERATORS", "Dense", "Flatten", "Operator", "Parameter", "ShapeError"]
