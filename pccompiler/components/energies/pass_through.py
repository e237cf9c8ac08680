"""No energy: the node has no state; its prediction is substituted wherever it is read.

    x = mu,   with gradients passing through

so that a function around a sum, f(sum_e g_e(x_e)), can be written with a node for the sum.
"""

from __future__ import annotations

from typing import ClassVar

from pccompiler.components.energies.base import Energy
from pccompiler.components.vocabulary import Array


class PassThrough(Energy):
    """The node stands for its prediction; it has no state and no error."""

    name: ClassVar[str] = "none"
    passes_through: ClassVar[bool] = True
    aliases: ClassVar[tuple[str, ...]] = ("pass_through", "passthrough", "zero", "null")

    def value(self, x: Array, mu: Array) -> Array:
        raise AssertionError("a pass-through node has no energy")
