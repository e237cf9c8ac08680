"""Energy forms: how the terms of F are made from predictions. A new one is a file and a line
here."""

from pccompiler.components.family import Family
from pccompiler.components.forms.base import EnergyForm, Predicted
from pccompiler.components.forms.bidirectional import BidirectionalForm
from pccompiler.components.forms.hopfield import HopfieldForm
from pccompiler.components.forms.predictive_coding import PredictiveCodingForm

FORMS = Family("energy form", EnergyForm, (PredictiveCodingForm, BidirectionalForm, HopfieldForm))

__all__ = [
    "FORMS",
    "BidirectionalForm",
    "EnergyForm",
    "HopfieldForm",
    "Predicted",
    "PredictiveCodingForm",
]
