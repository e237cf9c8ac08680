"""Feedback alignment: backpropagation with fixed random weights on the way back.

After a feedforward pass, with a_n what arrives at node n and f_n its activation,

    d_out = dL/dx_out                       at every output
    d_s   = sum_e (B_e)^T [f_t'(a_t) d_t]   over the edges e from s to t
    g_e   = mean_batch x_s^T [f_t'(a_t) d_t]

that is, backpropagation in which the weight W_e of every operator that is linear in the state
(dense, convolutions) is replaced, on the way to its source, by a fixed B_e of the same shape.
Values, slopes and other operators of an edge's pipeline are the real ones. With B = W it is
backpropagation. A prediction then falls into step with B, so that e^T W B e > 0 (Lillicrap et
al. 2016, doi:10.1038/ncomms13276).

The B_e are arrays of the rule's own, named like the weights that they stand in for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from pccompiler.components.initializers import INITIALIZERS, Initializer
from pccompiler.components.member import OneOf
from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.rules.backprop import Backprop
from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.contract import Estimator, Evidence, OwnArray, OwnArrays
from pccompiler.components.rules.estimators import mean_over_batch, summed
from pccompiler.components.rules.network import EdgeView, Network
from pccompiler.components.rules.theory import Claim, EqualsBackprop, Resembles
from pccompiler.components.vocabulary import Array, Params, Refusal


class FeedbackAlignment(Rule):
    """Backpropagation through fixed random feedback weights instead of the transposed ones."""

    name: ClassVar[str] = "feedback_alignment"
    phase_names: ClassVar[tuple[str, ...]] = ("free",)

    weight_init: Annotated[Initializer, OneOf(INITIALIZERS)] | None = Field(
        default=None,
        description="how the feedback weights are drawn; default: as the weights they stand for",
    )
    scale: float = Field(default=1.0, gt=0, description="factor on the feedback weights")

    def needs_output(self) -> bool:
        return True

    def unsuited(self, network: Network) -> Refusal | None:
        if not network.feedforward_is_equilibrium:
            return Refusal(
                "it goes back along the edges of a feedforward pass, which does not predict here",
                f"use a network whose roots are its inputs, or {Backprop.name}",
            )
        if network.cyclic:
            return Refusal(
                "it goes back from node to node once, and recurrent edges lead back to where it "
                "has been",
                f"remove the recurrent edges, or use {Backprop.name}",
            )
        return None

    def phases(self, network: Network) -> tuple[Phase, ...]:
        return (Phase("free", PhaseKind.FORWARD, clamped=network.inputs),)

    def own(self, network: Network) -> OwnArrays:
        return {
            edge.name: {
                name: OwnArray(weight.shape, self.weight_init or weight.initializer)
                for name, weight in _weights(edge, network).values()
            }
            for edge in network.edges
            if _weights(edge, network)
        }

    def estimator(self, network: Network) -> Estimator:
        return _Backwards("free", network, self.scale)

    def theory(self, network: Network) -> tuple[Claim, ...]:
        if not self.own(network):  # all errors arise at the outputs and none travels on
            return (EqualsBackprop(),)
        return (Resembles("alike once the weights have come into line with the feedback"),)

    def reported_phase(self) -> str:
        return "free"


def _weights(edge: EdgeView, network: Network) -> dict[int, tuple[str, Any]]:
    """The weights that errors travel back through, as (name, parameter) by position; none from
    a node that is clamped to data."""
    if edge.is_feedback or edge.source in network.inputs:
        return {}
    found = {p: one.weight for p, one in enumerate(edge.pipeline) if one.weight is not None}
    single = len(found) == 1
    return {p: ("weight" if single else f"weight{p}", weight) for p, weight in found.items()}


@dataclass(frozen=True)
class _Backwards(Estimator):
    """One pass back from the outputs, through the rule's own weights."""

    phase: str
    network: Network
    scale: float

    reads_targets: ClassVar[bool] = True

    @property
    def pulled_phases(self) -> tuple[str, ...]:
        return (self.phase,)

    def describe(self) -> str:
        return f"dL/dparams[{self.phase}] with errors going back through fixed weights"

    def gradient(self, evidence: Evidence) -> Params:
        network, phase = self.network, self.phase
        errors: dict[str, Array] = dict(evidence.loss_pullback(phase))
        parts: list[Params] = []
        for node in reversed(network.nodes):
            if node.name not in errors:
                continue
            arriving = evidence.node_pullback(node.name, phase, errors[node.name])
            for edge in network.forward_edges(node.name):
                weights = self._feedback(edge, evidence)
                back, part = evidence.pullback(edge.name, phase, arriving[edge.name], weights)
                parts.append(part)
                if edge.source not in network.inputs:
                    before = errors.get(edge.source)
                    errors[edge.source] = back if before is None else before + back
        return mean_over_batch(summed(evidence.params, parts), evidence)

    def _feedback(self, edge: EdgeView, evidence: Evidence) -> Mapping[int, Array]:
        own = evidence.own.get(edge.name, {})
        return {
            position: self.scale * own[name]
            for position, (name, _) in _weights(edge, self.network).items()
        }
