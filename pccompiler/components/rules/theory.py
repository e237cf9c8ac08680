"""The claims of theory about a rule on a network, which `pcc verify` measures.

Each claim is a value that says what is to be found. How it is measured, and within what
error, stands in `runtime.verification`, by the type of the claim and not by rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pccompiler.components.rules.base import Rule


@dataclass(frozen=True)
class EqualsBackprop:
    """The gradient is that of the loss to rounding, edge by edge.

    `at_rest`: once the states are at rest; otherwise in the steps that the rule lays out.
    """

    at_rest: bool = False


@dataclass(frozen=True)
class ApproachesBackprop:
    """The gradient differs from that of the loss by O(beta^order).

    `versions` are (what to call it, the rule with options that leave one error, its order); the
    option `beta` of each is varied. `increments`: the version whose nudged states gain, step by
    step, what backpropagation through time finds; None where there is none.
    """

    versions: tuple[tuple[str, Rule, int], ...]
    increments: Rule | None = None


@dataclass(frozen=True)
class Resembles:
    """The gradient may be compared with that of the loss, but theory promises nothing; `words` say
    what is known."""

    words: str


@dataclass(frozen=True)
class NeverBackprop:
    """However small beta is, the gradient stays away from that of the loss."""

    words: str


@dataclass(frozen=True)
class DiffersFromBackprop:
    """The direction of the gradient is not that of the loss while hidden states move; with no
    hidden node to move the two are equal."""

    words: str


@dataclass(frozen=True)
class EqualsRule:
    """The gradient is that of another rule, where every state is at rest."""

    rule: Rule
    words: str


@dataclass(frozen=True)
class Unbiased:
    """The gradient is random; its mean over draws is that of the loss."""


@dataclass(frozen=True)
class NoGradientOfTheLoss:
    """The rule descends something other than the loss of the outputs; `words` say what."""

    words: str


Claim = (
    EqualsBackprop
    | ApproachesBackprop
    | Resembles
    | NeverBackprop
    | DiffersFromBackprop
    | EqualsRule
    | Unbiased
    | NoGradientOfTheLoss
)
