"""Energies of a node given its prediction. A new one is a file and a line here.

`LOSSES` are those that an output may have, where its value is a target. The energy of every
other node is `gaussian`.
"""

from pccompiler.components.energies.base import Energy
from pccompiler.components.energies.cross_entropy import CrossEntropy
from pccompiler.components.energies.gaussian import Gaussian, SquaredError

LOSSES: tuple[type[Energy], ...] = (SquaredError, CrossEntropy)

__all__ = ["LOSSES", "CrossEntropy", "Energy", "Gaussian", "SquaredError"]
