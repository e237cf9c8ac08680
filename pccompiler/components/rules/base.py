"""What a learning rule is: phases, an estimator, and which phase it reports."""

from __future__ import annotations

from typing import ClassVar

from pccompiler.components.member import Member
from pccompiler.components.vocabulary import Estimator, Network, Nudging, Phase


class Rule(Member):
    """How a network learns: what is computed in a training step, and what is made of it.

    `phase_names` are those of all its variants: `inference.steps` may name any phase of any
    rule, so that one spec can be trained under several.
    """

    phase_names: ClassVar[tuple[str, ...]] = ()

    def needs_output(self) -> bool:
        """Whether the rule makes sense only with a loss on some output."""
        return False

    def unused_options(self) -> tuple[str, ...]:
        """Options that were chosen but mean nothing beside the others."""
        return ()

    def unsuited(self, network: Network) -> str | None:
        """Why the rule has no theory on this network, and what has; None where it has one."""
        return None

    def phases(self, network: Network) -> tuple[Phase, ...]:
        """The phases of a training step, each after the one it starts from."""
        raise NotImplementedError

    def estimator(self, network: Network) -> Estimator:
        """What turns the phases' final states into a gradient."""
        raise NotImplementedError

    def nudging(self) -> Nudging | None:
        """How beta changes from batch to batch; None for a rule without one."""
        return None

    def reported_phase(self) -> str:
        """The phase whose states `infer` and `energy` give unless another is asked for."""
        raise NotImplementedError
