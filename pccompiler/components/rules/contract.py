"""The interface between rule and training step: own arrays, evidence, estimator, predictor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pccompiler.components.initializers import Initializer
from pccompiler.components.optimizers import Optimizer
from pccompiler.components.vocabulary import Array, Params, Shape

Weights = Mapping[int, Array]
"""Weights that stand in for those of an edge's operators, by position in its pipeline."""


@dataclass(frozen=True)
class OwnArray:
    """An array that a rule owns: shape, initialiser, and optimiser if it is learned.

    Without an `optimizer` it is fixed; with one it learns from the estimator's `own_gradient`,
    at that optimiser's rate.
    """

    shape: Shape
    initializer: Initializer
    optimizer: Optimizer | None = None


OwnArrays = Mapping[str, Mapping[str, OwnArray]]
"""By the name of the edge or node that they belong to, and by a name of their own."""


class Evidence(Protocol):
    """The quantities of a training step that an estimator may ask for, inside the jitted program.

    Nothing is computed that no one asks for, and what is asked for twice is computed once.
    States, predictions and cotangents are (batch, *shape), or (batch, time, *shape) in a
    network unrolled in time; cotangents of edges have the shape of what the edge makes.
    """

    @property
    def params(self) -> Params: ...

    @property
    def batch(self) -> Mapping[str, Array]:
        """The batch before any phase transforms it."""
        ...

    @property
    def own(self) -> Mapping[str, Mapping[str, Array]]:
        """The arrays that the rule owns, as `Rule.own` names them."""
        ...

    def key(self, *names: str) -> Array:
        """A random key of this training step, by name."""
        ...

    # -- states and energies ---------------------------------------------------------------

    def states(self, phase: str) -> Mapping[str, Array]:
        """Final states of a phase by node name."""
        ...

    def values(self, phase: str) -> Mapping[str, Array]:
        """The final states of a phase, and the predictions of nodes without a state."""
        ...

    def prediction(self, node: str, phase: str) -> Array:
        """The forward prediction of a node at the final states of a phase."""
        ...

    def forward(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """The states of a feedforward pass with these nodes clamped, of any number of samples,
        and the predictions of nodes without a state."""
        ...

    def energies(self, phase: str) -> Mapping[str, Array]:
        """Energy by node at the end of a phase, shape (batch,)."""
        ...

    def beta(self, phase: str) -> Array | float:
        """The nudge of a phase in this batch."""
        ...

    # -- derivatives of energies and of the prediction's loss ------------------------------

    def energy_gradient(self, phase: str) -> Params:
        """d/dparams of the batch mean of F in that phase, its final states held fixed."""
        ...

    def energy_contrast(self, second: str, first: str) -> Params:
        """The energy gradient of one phase minus that of another."""
        ...

    def field_gradient(self, phase: str, along: Mapping[str, Array]) -> Params:
        """d/dparams of the batch mean of sum_n <along_n, dF/dx_n>, at the final states of an
        unnudged phase, plus that of dF/dbeta: the parameter gradient of -<along, field>."""
        ...

    def arrival_gradient(self, phase: str) -> Params:
        """d/dparams of the batch mean of the energies, each at the step at which its error
        first arrives, with the predictions of the feedforward pass."""
        ...

    def loss_gradient(self) -> Params:
        """d/dparams of the batch mean of the loss of the network's prediction."""
        ...

    # -- derivatives one edge or node at a time --------------------------------------------

    def loss_pullback(self, phase: str) -> Mapping[str, Array]:
        """dL/dx of each output at the final states of a phase, of the sum over the batch."""
        ...

    def slopes(self, node: str, phase: str) -> Array:
        """The derivative of a node's activation at its prediction."""
        ...

    def node_pullback(self, node: str, phase: str, cotangent: Array) -> Mapping[str, Array]:
        """Pulls a cotangent of a node's prediction back through activation and sum (or
        concatenation): the cotangent of each of its forward edges, by name."""
        ...

    def pullback(
        self, edge: str, phase: str, cotangent: Array, weights: Weights | None = None
    ) -> tuple[Array, Params]:
        """Pulls a cotangent of an edge's output back: to the state of its source, and to
        parameters, summed over the batch, by the edge that owns them.

        `weights` replace those of operators wherever the cotangent is passed on to an operator's
        input; the forward values stay those of the network.
        """
        ...

    # -- perturbations ---------------------------------------------------------------------

    def loss(
        self, params: Params | None = None, shifts: Mapping[str, Array] | None = None
    ) -> Array:
        """The loss of the feedforward prediction, shape (batch,), with other parameters, and
        with `shifts` added to what arrives at nodes, before their activation."""
        ...

    def loss_along(
        self, params: Params | None = None, shifts: Mapping[str, Array] | None = None
    ) -> Array:
        """The derivative of that loss, shape (batch,), along a direction of the parameters, of
        what arrives at nodes, or of both, in forward mode."""
        ...


class Estimator(ABC):
    """Turns the evidence of a training step into the gradient handed to the optimiser.

    `energy_phases` are those whose energy gradient it takes, `pulled_phases` those at whose
    states it goes back through the edges; both count in the cost. `reads_targets`: it asks for
    the loss, and so for the targets of all outputs, whatever the phases clamp.
    `through_prediction`: it differentiates the computation of the prediction, relaxation
    included, which must then have a fixed number of steps.
    """

    reads_targets: ClassVar[bool] = False
    through_prediction: ClassVar[bool] = False

    @property
    def energy_phases(self) -> tuple[str, ...]:
        return ()

    @property
    def leaves_alone(self) -> tuple[str, ...]:
        return ()

    @property
    def pulled_phases(self) -> tuple[str, ...]:
        return ()

    @abstractmethod
    def describe(self) -> str:
        """The formula, as the printed plan shows it."""

    @abstractmethod
    def gradient(self, evidence: Evidence) -> Params:
        """Returns a tree like the parameters, which need not derive from an energy. The optimiser
        descends it, so a plain update is written with a minus."""

    def own_gradient(self, evidence: Evidence) -> Mapping[str, Mapping[str, Array]]:
        """The same for the rule's own arrays that learn, by owner and name."""
        return {}


class Predictor(ABC):
    """A prediction of the rule's own, in place of the network's."""

    @abstractmethod
    def describe(self) -> str:
        """The method, as metrics and the printed plan name it."""

    @abstractmethod
    def predict(self, evidence: Evidence) -> Mapping[str, Array]:
        """Returns the outputs, (batch, *shape) by node name: logits under a loss that takes them.
        The batch holds the inputs; it may lack targets."""
