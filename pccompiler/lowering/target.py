"""What a program is compiled for, and the choices of form that follow from it.

Nothing is timed at run time: the choices stand in a table of what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from pccompiler.components.operators import Operator
from pccompiler.components.operators.base import Transposed
from pccompiler.ir.graph import Graph

SLOW_IN_LOOPS: dict[str, frozenset[str]] = {
    # XLA's fast convolutions for the CPU are not used inside a while loop: a step of a
    # convolutional network takes eight to ten times as long there.
    "cpu": frozenset({"conv", "conv_transpose"}),
}
"""By backend, the operators that keep inference and training steps out of loops."""

MOST_UNROLLED = 64
"""Inference steps written out at most: beyond that compilation outweighs what a loop costs."""


@dataclass(frozen=True)
class Target:
    """The kind of device that runs the program: `cpu`, `gpu` or `tpu`."""

    backend: str = "cpu"

    def avoids_loops(self, graph: Graph) -> bool:
        """Whether steps are better written out, and training steps called one by one."""
        slow = SLOW_IN_LOOPS.get(self.backend, frozenset())
        return any(_name(operator) in slow for edge in graph.edges for operator in edge.operators)


ANY_CPU = Target()
"""What a plan is for unless it is told."""


def _name(operator: Operator) -> str:
    return operator.inner.name if isinstance(operator, Transposed) else operator.name
