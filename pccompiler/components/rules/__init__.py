"""The learning rules. A new one is a file and a line here."""

from pccompiler.components.family import Family
from pccompiler.components.rules.backprop import Backprop
from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.contrastive import ContrastiveHebbian, CoupledLearning
from pccompiler.components.rules.equilibrium_propagation import EquilibriumPropagation
from pccompiler.components.rules.exact import ZIL, FixedPrediction
from pccompiler.components.rules.predictive_coding import PredictiveCoding

RULES = Family(
    "rule",
    Rule,
    (
        PredictiveCoding,
        EquilibriumPropagation,
        ContrastiveHebbian,
        CoupledLearning,
        ZIL,
        FixedPrediction,
        Backprop,
    ),
)

__all__ = ["RULES", "Backprop", "PredictiveCoding", "Rule"]
