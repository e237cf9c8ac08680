"""The contract of learning rules: one file says everything about a rule.

A rule says what is computed in a training step (`phases`), what is made of it (`estimator`),
and when (`moment`); which arrays it owns (`own`); how its network predicts (`predicts`); on
which networks it has no theory (`unsuited`), and what theory promises on others (`theory`). No
other file knows a rule by name, and none of these need derive from an energy.
"""

from __future__ import annotations

from abc import abstractmethod
from enum import StrEnum
from typing import ClassVar

from pccompiler.components.member import Member
from pccompiler.components.phases import Nudging, Phase
from pccompiler.components.rules.contract import Estimator, OwnArrays, Predictor
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.theory import Claim
from pccompiler.components.vocabulary import Refusal


class Moment(StrEnum):
    """When parameters learn."""

    AFTER = "after the relaxation"
    """Once, from the final states of the phases."""
    EACH_STEP = "at every inference step"
    """From the states of each step of the one phase, which all move at once with them."""


class Rule(Member):
    """A learning rule: the phases of a training step, and the gradient estimated from them.

    `phase_names` are those of all its variants: `inference.steps` may name any phase of any
    rule, so that one spec can be trained under several.
    """

    phase_names: ClassVar[tuple[str, ...]] = ()

    def needs_output(self) -> bool:
        """Whether the rule needs an output with a loss."""
        return False

    def unused_options(self) -> tuple[str, ...]:
        """Options that are set but have no effect beside the others."""
        return ()

    def unsuited(self, network: Network) -> Refusal | None:
        """The refusal of a network on which the rule has no theory, naming rules that have; None
        where it has one."""
        return None

    @abstractmethod
    def phases(self, network: Network) -> tuple[Phase, ...]:
        """The phases of a training step, each after the one it starts from."""

    @abstractmethod
    def estimator(self, network: Network) -> Estimator:
        """The estimator that turns the phases' final states into a gradient."""

    @abstractmethod
    def reported_phase(self) -> str:
        """The phase whose states `infer` and `energy` give unless another is asked for."""

    @abstractmethod
    def theory(self, network: Network) -> tuple[Claim, ...]:
        """The claims of theory about the rule's gradient on a network that suits it."""

    def own(self, network: Network) -> OwnArrays:
        """The arrays that the rule keeps beside the parameters."""
        return {}

    def moment(self) -> Moment:
        """When the parameters learn."""
        return Moment.AFTER

    def predicts(self, network: Network) -> Predictor | None:
        """The rule's predictor, where it is not the network's own prediction."""
        return None

    def at_rest(self) -> Rule:
        """A version of the rule whose phases may relax to rest in any number of steps: one that
        needs no fixed number."""
        return self

    def nudging(self) -> Nudging | None:
        """The change of beta from batch to batch; None for a rule without one."""
        return None
