"""The learning rules. A new one is a file and a line here."""

from pccompiler.components.family import Family
from pccompiler.components.rules.backprop import Backprop
from pccompiler.components.rules.base import Moment, Rule
from pccompiler.components.rules.contrastive import ContrastiveHebbian, CoupledLearning
from pccompiler.components.rules.equilibrium_propagation import EquilibriumPropagation
from pccompiler.components.rules.exact import ZIL, FixedPrediction
from pccompiler.components.rules.feedback_alignment import FeedbackAlignment
from pccompiler.components.rules.forward_forward import ForwardForward
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
        FeedbackAlignment,
        ForwardForward,
        Backprop,
    ),
)

DEFAULT: type[Rule] = PredictiveCoding
"""The rule of a spec that names none."""

BASELINE: type[Rule] = Backprop
"""The rule that others are compared with: the gradient of the loss itself."""

__all__ = ["BASELINE", "DEFAULT", "RULES", "Moment", "Rule"]
