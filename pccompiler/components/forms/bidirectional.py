"""Bidirectional predictive coding: a node is predicted from below and from above.

With the forward error ef = x - mu and the feedback error eb = x - nu of a node,

    separate   a_f E(x, mu) + a_b E(x, nu)        Gaussian: a_f/2 ||ef||^2 + a_b/2 ||eb||^2
    summed     1/2 ||ef + eb||^2                  = 2 ||x - (mu + nu)/2||^2

A node with one prediction contributes the energy of that one error. So separate minus summed
is - ef.eb for a node with both, at weights of one. The summed form keeps gradients bounded in
deep networks, the separate one does not. In both, an output that is clamped to a target
contributes its forward loss on mu alone (times a_f), and a clamped root its loss on nu alone
(times a_b).

Sources: Chen et al. 2025, equations 5 to 10 (there without the factor 1/2),
doi:10.3389/frai.2025.1605706; the weights a_f, a_b and untied feedback, Oliviers et al. 2025,
arXiv:2505.23415.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pccompiler.components.activations import Activation
from pccompiler.components.energies import Energy
from pccompiler.components.forms.base import EnergyForm, Predicted
from pccompiler.components.vocabulary import Array
from pccompiler.lazy import jnp


class BidirectionalForm(EnergyForm):
    """The errors of forward and feedback predictions, summed or separate."""

    name: ClassVar[str] = "bidirectional"
    aliases: ClassVar[tuple[str, ...]] = ("bipc", "bi_pc", "bpc", "hybrid")
    shorthand: ClassVar[str | None] = "errors"
    uses_feedback: ClassVar[bool] = True
    rests_at_minimum: ClassVar[bool] = True

    errors: Literal["summed", "separate"] = Field(
        default="summed", description="1/2 ||ef + eb||^2, or 1/2 ||ef||^2 + 1/2 ||eb||^2"
    )
    forward_weight: float = Field(
        default=1.0, ge=0, description="a_f: factor on the forward errors; separate only"
    )
    feedback_weight: float = Field(
        default=1.0, ge=0, description="a_b: factor on the feedback errors; separate only"
    )

    @model_validator(mode="after")
    def _weights_of_separate_errors(self) -> BidirectionalForm:
        if self.errors == "summed" and (self.forward_weight, self.feedback_weight) != (1.0, 1.0):
            raise PydanticCustomError(
                "form_weights", "weights of the two errors need `errors: separate`"
            )
        return self

    def adds_errors(self) -> bool:
        return self.errors == "summed"

    def wants_quadratic(self) -> bool:
        return self.errors == "summed"

    def curvature(self, activation: Activation, forward: bool, feedback: bool) -> float:
        if self.errors == "summed":
            return 4.0 if forward and feedback else 1.0 if forward or feedback else 0.0
        return self.forward_weight * forward + self.feedback_weight * feedback

    def term(
        self, energy: Energy, x: Array, forward: Predicted | None, feedback: Predicted | None
    ) -> Array:
        if self.errors == "summed":
            if forward is None or feedback is None:
                only = forward or feedback
                assert only is not None
                return only.only(energy.value(x, only.values))
            total = forward.error(x) + feedback.error(x)
            return energy.value(total, jnp.zeros_like(total))
        weighted = ((self.forward_weight, forward), (self.feedback_weight, feedback))
        terms = [a * p.only(energy.value(x, p.values)) for a, p in weighted if p is not None]
        return sum(terms[1:], start=terms[0])
