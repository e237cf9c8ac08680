"""Predictive coding: every node is predicted by its forward edges alone.

    F = sum_n E_n(x_n, mu_n),     Gaussian: 1/2 ||x_n - mu_n||^2

Feedback edges mean nothing here: errors travel backwards through the gradient of F.
Sources: Rao & Ballard 1999, doi:10.1038/4580; Whittington & Bogacz 2017,
doi:10.1162/NECO_a_00949.
"""

from __future__ import annotations

from typing import ClassVar

from pccompiler.components.activations import Activation
from pccompiler.components.energies import Energy
from pccompiler.components.forms.base import EnergyForm, Predicted
from pccompiler.components.vocabulary import Array


class PredictiveCodingForm(EnergyForm):
    """The errors of the forward predictions; feedback edges are left out."""

    name: ClassVar[str] = "predictive_coding"
    aliases: ClassVar[tuple[str, ...]] = ("pc", "pcn", "discriminative", "generative")
    feedforward_is_minimum: ClassVar[bool] = True
    rests_at_minimum: ClassVar[bool] = True
    sums_energies: ClassVar[bool] = True

    def curvature(self, activation: Activation, forward: bool, feedback: bool) -> float:
        return 1.0 if forward else 0.0

    def term(
        self, energy: Energy, x: Array, forward: Predicted | None, feedback: Predicted | None
    ) -> Array:
        assert forward is not None
        return forward.only(energy.value(x, forward.values))
