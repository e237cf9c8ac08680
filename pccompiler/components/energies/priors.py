"""Priors: the energy of a root, a node without a forward prediction.

    gaussian   E(x) = precision / 2  sum_units (x - mean)^2
    laplace    E(x) = precision      sum_units |x - mean|         (favours sparse states)

the same number for every unit. A root without a prior has no energy of its own.
Source of sparse states: Olshausen & Field 1996, doi:10.1038/381607a0.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from pydantic import Field

from pccompiler.components.energies.base import Energy
from pccompiler.components.energies.gaussian import Gaussian
from pccompiler.components.energies.robust import Laplace
from pccompiler.components.family import Family
from pccompiler.components.member import Member


class Prior(Member):
    """The prior distribution of a root's units."""

    mean: float = Field(default=0.0, description="the value that every unit is expected at")
    precision: float = Field(default=1.0, gt=0, description="factor on the energy")

    @property
    @abstractmethod
    def energy(self) -> Energy:
        """The energy of the root's state, `mean` being its prediction."""


class GaussianPrior(Prior):
    """Normal with the given mean and precision (one over the variance)."""

    name: ClassVar[str] = "gaussian"
    aliases: ClassVar[tuple[str, ...]] = ("normal", "l2")

    @property
    def energy(self) -> Energy:
        return Gaussian()


class LaplacePrior(Prior):
    """Laplace with the given mean; sparse where the data allow."""

    name: ClassVar[str] = "laplace"
    aliases: ClassVar[tuple[str, ...]] = ("l1", "sparse")

    @property
    def energy(self) -> Energy:
        return Laplace()


PRIORS = Family("prior", Prior, (GaussianPrior, LaplacePrior))
