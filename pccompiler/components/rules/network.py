"""The view of a network that a rule gets: nodes, edges, and their order and distances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pccompiler.components.activations import Activation
from pccompiler.components.energies import Energy
from pccompiler.components.forms import EnergyForm, PredictiveCodingForm
from pccompiler.components.operators import Operator, Parameter
from pccompiler.components.vocabulary import EdgeKind, Role, Shape


@dataclass(frozen=True)
class NodeView:
    """A node. `distance` counts the edges on the shortest forward path to an output (0 for an
    output), None where no path leads to one. `bounded`: its free state is kept in a range."""

    name: str
    shape: Shape
    role: Role
    activation: Activation
    energy: Energy
    precision: float
    bounded: bool
    passes_through: bool
    concatenates: bool
    distance: int | None


@dataclass(frozen=True)
class OperatorView:
    """One operator of an edge's pipeline: what it maps, and the parameters that it reads.

    `owner` names the edge that owns these parameters: the edge itself, or the one that it is
    tied to or transposes, whose parameters hold them, under `key` where the owner has several
    parametric operators.
    """

    operator: Operator
    shape: Shape
    output: Shape
    parameters: Mapping[str, Parameter]
    owner: str
    key: str | None

    @property
    def weight(self) -> Parameter | None:
        """The parameter that multiplies the state, of an operator that is linear in it."""
        return self.parameters.get("weight") if self.operator.linear else None


@dataclass(frozen=True)
class EdgeView:
    """An edge, with its pipeline operator by operator. `delay` counts time steps."""

    name: str
    source: str
    target: str
    kind: EdgeKind
    delay: int
    trainable: bool
    pipeline: tuple[OperatorView, ...] = ()

    @property
    def is_feedback(self) -> bool:
        """Whether it makes the feedback prediction of its target."""
        return self.kind is EdgeKind.FEEDBACK


@dataclass(frozen=True)
class Network:
    """The graph as a rule sees it. Nodes stand in the order of a feedforward pass.

    `feedforward_is_equilibrium`: with only the inputs clamped, the feedforward pass is the
    minimum of the energy (no cycles, no free roots), so no relaxation is needed to find it.
    `has_energy`: the states descend an energy (no feedback with weights of its own in a
    Hopfield network); where there is, `answers` are the pairs (forward edge, feedback edge).
    `loss` is that of the outputs, None where they have several. `cyclic`: forward edges, delayed
    ones included, form a cycle. `times`: copies in time, 1 without time.
    `levels`: the number of levels that have a prediction, where all paths from a node to an
    output are equally long, else None.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    feedforward_is_equilibrium: bool
    nodes: tuple[NodeView, ...] = ()
    edges: tuple[EdgeView, ...] = ()
    form: EnergyForm = field(default_factory=PredictiveCodingForm)
    loss: Energy | None = None
    has_energy: bool = True
    answers: tuple[tuple[str, str], ...] = ()
    cyclic: bool = False
    times: int = 1
    levels: int | None = None

    @cached_property
    def node(self) -> dict[str, NodeView]:
        """The nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def edge(self) -> dict[str, EdgeView]:
        """The edges by name."""
        return {edge.name: edge for edge in self.edges}

    def forward_edges(self, node: str) -> tuple[EdgeView, ...]:
        """The edges that make the forward prediction of a node."""
        return tuple(e for e in self.edges if e.target == node and not e.is_feedback)

    @property
    def hidden(self) -> tuple[NodeView, ...]:
        """The hidden nodes that have a state."""
        return tuple(n for n in self.nodes if n.role is Role.HIDDEN and not n.passes_through)

    @property
    def plain(self) -> bool:
        """Whether every state between input and output is Gaussian of precision one and
        unbounded, and outputs lead nowhere."""
        variables = [node for node in self.nodes if not node.passes_through]
        return (
            not any(edge.source in self.outputs for edge in self.edges)
            and all(node.precision == 1 for node in variables)
            and all(n.energy.curvature == 1 and not n.bounded for n in self.hidden)
        )
