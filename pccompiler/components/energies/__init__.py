"""Energies of a node given its prediction. A new one is a file and a line here.

`NODE_ENERGIES` are those that a node may name, `LOSSES` those of an output whose value is a
target, `PRIORS` what a root may be expected to be.
"""

from pccompiler.components.energies.base import Energy
from pccompiler.components.energies.cross_entropy import CrossEntropy
from pccompiler.components.energies.discrete import Bernoulli, Categorical
from pccompiler.components.energies.gaussian import Gaussian, SquaredError
from pccompiler.components.energies.pass_through import PassThrough
from pccompiler.components.energies.priors import PRIORS, Prior
from pccompiler.components.energies.robust import Huber, Laplace
from pccompiler.components.family import Family

NODE_ENERGIES = Family(
    "energy",
    Energy,
    (Gaussian, Laplace, Huber, Bernoulli, Categorical, PassThrough),
    accepts=lambda member: "node" in member.used_for,
)

LOSSES = Family(
    "loss", Energy, (SquaredError, CrossEntropy), accepts=lambda member: "loss" in member.used_for
)

__all__ = [
    "LOSSES",
    "NODE_ENERGIES",
    "PRIORS",
    "Bernoulli",
    "Categorical",
    "CrossEntropy",
    "Energy",
    "Gaussian",
    "Huber",
    "Laplace",
    "PassThrough",
    "Prior",
    "SquaredError",
]
