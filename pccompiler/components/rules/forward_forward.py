"""Forward-forward: two feedforward passes, and a loss of its own for every node.

The label is written into the input, as one-hot numbers times `label_value` in place of its
first entries: the true label in the positive pass, a wrong one, drawn anew for each sample and
step, in the negative pass. With the goodness of a hidden node, the sum or mean over its units

    G = sum x^2     or     G = mean x^2,

every hidden node n learns alone, from a loss whose gradient stops at the states that its edges
read:

    l_n = softplus(threshold - G_n[positive]) + softplus(G_n[negative] - threshold)
    g_e = mean_batch dl_n/dparams_e         for the edges e into n

The predicted label is the one that, written into the input, makes the goodness of all hidden
nodes together the largest; outputs read their logits from it, or its softmax where the loss
takes no logits. The edges into the outputs take no part and do not learn.

Without a normalisation the goodness of the first hidden node passes on to all others. Begin the
pipelines between hidden nodes with one: `op: [{rms_norm: {scale: false}}, dense]`.

Source: Hinton 2022, arXiv:2212.13345.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

from pydantic import Field

from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.rules.base import Rule
from pccompiler.components.rules.contract import Estimator, Evidence, Predictor
from pccompiler.components.rules.estimators import local_parts, mean_over_batch, summed
from pccompiler.components.rules.network import Network
from pccompiler.components.rules.theory import Claim, NoGradientOfTheLoss
from pccompiler.components.vocabulary import Array, Params, Refusal
from pccompiler.lazy import jax, jnp


class ForwardForward(Rule):
    """Every hidden node learns a large goodness for true labels and a small one for wrong ones."""

    name: ClassVar[str] = "forward_forward"
    phase_names: ClassVar[tuple[str, ...]] = ("positive", "negative")

    threshold: float = Field(
        default=2.0, gt=0, description="goodness above which a node takes the label for true"
    )
    goodness: Literal["mean", "sum"] = Field(
        default="mean", description="of the squares of a node's units"
    )
    label_value: float = Field(
        default=1.0, gt=0, description="what stands in the input at the place of the label"
    )

    def needs_output(self) -> bool:
        return True

    def unsuited(self, network: Network) -> Refusal | None:
        if not network.feedforward_is_equilibrium or network.times > 1:
            return Refusal(
                "it compares feedforward passes, which do not predict here",
                "use a network without time whose roots are its inputs",
            )
        if len(network.inputs) != 1 or len(network.outputs) != 1:
            return Refusal(
                f"it writes the label of one output into one input, and there are "
                f"{len(network.outputs)} outputs and {len(network.inputs)} inputs",
                "leave one node with role: input and one with role: output",
            )
        if not network.nodes:
            return None
        [source], [target] = network.inputs, network.outputs
        size, shape = prod(network.node[source].shape), network.node[target].shape
        if len(shape) != 1 or shape[0] < 2 or shape[0] >= size:
            return Refusal(
                f"it writes a label of shape {list(shape)} into the {size} entries of `{source}`",
                "use an output of at least two classes, and fewer than the input has entries",
            )
        if not network.hidden:
            return Refusal("there is no hidden node to learn", "add one between input and output")
        return None

    def phases(self, network: Network) -> tuple[Phase, ...]:
        return tuple(
            Phase(
                name,
                PhaseKind.FORWARD,
                clamped=network.inputs,
                transform=WriteLabel(network.inputs, network.outputs, self.label_value, wrong),
            )
            for name, wrong in (("positive", False), ("negative", True))
        )

    def estimator(self, network: Network) -> Estimator:
        return _LocalGoodness(network, self.threshold, self.goodness == "mean")

    def predicts(self, network: Network) -> Predictor | None:
        return _LargestGoodness(network, self.goodness == "mean", self.label_value)

    def theory(self, network: Network) -> tuple[Claim, ...]:
        return (NoGradientOfTheLoss("every node has a loss of its own"),)

    def reported_phase(self) -> str:
        return "positive"


@dataclass(frozen=True)
class WriteLabel:
    """Writes the label, or a wrong one, over the first entries of the input."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    value: float
    wrong: bool

    @property
    def reads(self) -> tuple[str, ...]:
        return (*self.inputs, *self.outputs)

    def describe(self) -> str:
        which = "a wrong label" if self.wrong else "the label"
        return f"{which} of {self.outputs[0]} written over the first entries of {self.inputs[0]}"

    def __call__(self, batch: Mapping[str, Array], key: Array) -> Mapping[str, Array]:
        [source], [target] = self.inputs, self.outputs
        label = batch[target]
        if self.wrong:
            label = wrong_labels(label, key)
        return {**batch, source: with_label(batch[source], self.value * label)}


def wrong_labels(label: Array, key: Array) -> Array:
    """One-hot labels (batch, classes), each of a class that is not the given one, all of these
    equally likely."""
    samples, classes = label.shape
    shift = jax.random.randint(key, (samples,), 1, classes)
    return jax.vmap(jnp.roll)(label, shift)


def with_label(x: Array, label: Array) -> Array:
    """x (batch, *shape) with the label (batch, classes) in place of its first entries."""
    flat = x.reshape(x.shape[0], -1)
    return jnp.concatenate([label, flat[:, label.shape[1] :]], axis=1).reshape(x.shape)


def goodness_of(x: Array, mean: bool) -> Array:
    """The mean or sum of squares over the units of a node, (batch, *shape) to (batch,)."""
    squares = (x * x).reshape(x.shape[0], -1)
    return squares.mean(axis=1) if mean else squares.sum(axis=1)


@dataclass(frozen=True)
class _LocalGoodness(Estimator):
    """The gradient of every hidden node's own loss for the edges into it."""

    network: Network
    threshold: float
    mean: bool

    reads_targets: ClassVar[bool] = True

    @property
    def pulled_phases(self) -> tuple[str, ...]:
        return ("positive", "negative")

    @property
    def leaves_alone(self) -> tuple[str, ...]:
        """The edges on no path to a hidden node."""
        learning, waiting = set[str](), [node.name for node in self.network.hidden]
        while waiting:
            for edge in self.network.forward_edges(waiting.pop()):
                learning.add(edge.name)
                if self.network.node[edge.source].passes_through:
                    waiting.append(edge.source)
        return tuple(edge.name for edge in self.network.edges if edge.name not in learning)

    def describe(self) -> str:
        kind = "mean" if self.mean else "sum"
        return (
            f"d/dparams of softplus({self.threshold:g} - G[positive]) + "
            f"softplus(G[negative] - {self.threshold:g}), G the {kind} of squares, node by node"
        )

    def gradient(self, evidence: Evidence) -> Params:
        parts: list[Params] = []
        for phase, sign in (("positive", -1.0), ("negative", 1.0)):
            states = evidence.states(phase)
            for node in self.network.hidden:
                slope = jax.grad(lambda x, sign=sign: self._loss(x, sign).sum())
                error = slope(states[node.name])
                parts += local_parts(evidence, self.network, phase, node.name, error)
        return mean_over_batch(summed(evidence.params, parts), evidence)

    def _loss(self, x: Array, sign: float) -> Array:
        return jax.nn.softplus(sign * (goodness_of(x, self.mean) - self.threshold))


@dataclass(frozen=True)
class _LargestGoodness(Predictor):
    """Predicts the label of the largest goodness, from one feedforward pass per label."""

    network: Network
    mean: bool
    value: float

    def describe(self) -> str:
        return "largest goodness"

    def predict(self, evidence: Evidence) -> Mapping[str, Array]:
        [source], [target] = self.network.inputs, self.network.outputs
        x, classes = evidence.batch[source], self.network.node[target].shape[0]

        def total(label: Array) -> Array:
            written = with_label(x, jnp.broadcast_to(self.value * label, (x.shape[0], classes)))
            states = evidence.forward({source: written})
            terms = [goodness_of(states[node.name], self.mean) for node in self.network.hidden]
            return sum(terms[1:], start=terms[0])

        goodness = jax.lax.map(total, jnp.eye(classes, dtype=x.dtype)).T
        loss = self.network.loss
        takes_logits = loss is not None and loss.takes_logits
        return {target: goodness if takes_logits else jax.nn.softmax(goodness)}
