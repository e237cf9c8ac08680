"""The language, version 1, section by section.

`RunSpec` is the whole file after `extends`, `${...}` and overrides have been applied. It is
frozen; names of nodes may still hold ranges (`h[1..3]`), which the compiler expands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from pccompiler.components.activations import ACTIVATION_ALIASES, ACTIVATIONS
from pccompiler.components.energies import (
    LOSSES,
    NODE_ENERGIES,
    PRIORS,
    Energy,
    Prior,
    SquaredError,
)
from pccompiler.components.forms import FORMS, EnergyForm, PredictiveCodingForm
from pccompiler.components.member import NameOf, OneOf, Section
from pccompiler.components.operators import OPERATORS, Dense, Operator
from pccompiler.components.operators.transpose_of import TransposeOf
from pccompiler.components.optimizers import OPTIMIZERS, AdamW, Optimizer
from pccompiler.components.rules import DEFAULT, RULES, Rule
from pccompiler.components.schedules import SCHEDULES, ConstantRate, Schedule
from pccompiler.components.sources import SOURCES, DataSource
from pccompiler.components.state_inits import STATE_INITS, Feedforward, StateInit
from pccompiler.components.state_optimizers import STATE_OPTIMIZERS, StateOptimizer, StateSGD
from pccompiler.components.updates import UPDATE_ORDERS, Synchronous, UpdateOrder

ActivationName = Annotated[
    str,
    NameOf("activation", ACTIVATIONS, ACTIVATION_ALIASES, lambda name: ACTIVATIONS[name].formula),
]
Size = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=1, lt=10**9)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def _as_pipeline(value: Any) -> Any:
    """A single operator is a pipeline of one."""
    return tuple(cast(Sequence[Any], value)) if isinstance(value, list | tuple) else (value,)


_AnyOperator = Annotated[Operator, OneOf(OPERATORS, TransposeOf)]
Pipeline = Annotated[
    tuple[_AnyOperator, ...],
    BeforeValidator(_as_pipeline, json_schema_input_type=_AnyOperator | tuple[_AnyOperator, ...]),
]


class NodeSpec(Section):
    """A population of units."""

    shape: tuple[Size, ...] | None = Field(
        default=None,
        min_length=1,
        description="shape of one sample; may be left out where an incoming edge determines it",
    )
    role: Literal["input", "output", "hidden"] = Field(
        default="hidden", description="input and output nodes are bound to fields of the data"
    )
    activation: ActivationName = Field(
        default="identity", description="applied to the sum of the incoming predictions"
    )
    energy: Annotated[Energy, OneOf(NODE_ENERGIES)] | None = Field(
        default=None,
        description="energy of the state given its prediction, also where the node is clamped; "
        "default: gaussian, and the loss for a clamped output; `none`: the prediction itself",
    )
    prior: Annotated[Prior, OneOf(PRIORS)] | None = Field(
        default=None, description="what a root, which nothing predicts, is expected to be"
    )
    range: tuple[float | None, float | None] | None = Field(
        default=None,
        description="[low, high]: the free state is kept within; null: no bound on that side",
    )
    combine: Literal["add", "concat"] = Field(
        default="add", description="how the values of several incoming edges make a prediction"
    )
    merge: Literal["mean", "sum"] = Field(
        default="mean", description="how the values of several feedback edges are merged"
    )

    @model_validator(mode="after")
    def _range_is_one(self) -> NodeSpec:
        low, high = self.range or (None, None)
        if low is not None and high is not None and low >= high:
            raise PydanticCustomError("node_range", "a range is [low, high] with low < high")
        return self


class EdgeSpec(Section):
    """A map from one node to the prediction of another: a `path`, or `from` and `to`."""

    model_config = ConfigDict(
        json_schema_extra={  # what `_path_or_ends` checks
            "if": {"required": ["path"]},
            "then": {"properties": {"from": False, "to": False, "name": False}},
            "else": {"required": ["from", "to"]},
        }
    )

    path: str | None = Field(
        default=None, description="a chain of edges, such as `image -> h[1..3] -> label`"
    )
    source: str | None = Field(default=None, alias="from", description="the node that predicts")
    target: str | None = Field(default=None, alias="to", description="the node that is predicted")
    name: str | None = Field(
        default=None, description="needed where two edges have the same ends; default `from->to`"
    )
    kind: Literal["feedforward", "skip", "recurrent", "feedback"] = Field(
        default="feedforward",
        description="skip: a feedforward edge drawn as a skip; recurrent: to the same node or "
        "backwards, one time step later; feedback: into the feedback prediction of its target",
    )
    op: Pipeline = Field(
        default=(Dense(),), description="an operator, or a list of them: a pipeline"
    )
    delay: Annotated[int, Field(ge=0, lt=10**6)] | None = Field(
        default=None,
        description="time steps that it reads back (feedback: ahead); default 0, recurrent 1, "
        "and that of the transposed edge",
    )
    gain: float = Field(default=1.0, description="factor on what the edge contributes")
    trainable: bool = Field(default=True, description="whether its parameters learn")
    learning_rate_scale: float = Field(
        default=1.0, ge=0, description="factor on the updates of its parameters"
    )
    tied_to: str | None = Field(
        default=None, description="the edge whose parameters it uses, of equal shapes"
    )

    @model_validator(mode="after")
    def _path_or_ends(self) -> EdgeSpec:
        ends = [end for end in (self.source, self.target) if end is not None]
        if self.path is not None and (ends or self.name is not None):
            raise PydanticCustomError(
                "edge_ends", "an edge has either a `path`, or `from` and `to` (and a `name`)"
            )
        if self.path is None and len(ends) < 2:
            raise PydanticCustomError("edge_ends", "an edge needs a `path`, or `from` and `to`")
        return self


class PerNode(Section):
    """A number for some nodes; the others have 1."""

    per_node: dict[str, Annotated[float, Field(gt=0)]] = Field(
        description="a number for each node named: {h1: 2.0}"
    )


class EnergySpec(Section):
    """The energy that inference and learning descend."""

    form: Annotated[EnergyForm, OneOf(FORMS)] = Field(
        default=PredictiveCodingForm(), description="how predictions make an energy"
    )
    loss: Annotated[Energy, OneOf(LOSSES)] = Field(
        default=SquaredError(), description="the energy of an output given its target"
    )
    feedback_loss: Annotated[Energy, OneOf(LOSSES)] = Field(
        default=SquaredError(),
        description="the energy of a clamped root given its feedback prediction; bidirectional",
    )
    precision: Annotated[float, Field(gt=0)] | PerNode = Field(
        default=1.0, description="factor on the energy of a node: a number, or {per_node: {...}}"
    )


class TimeSpec(Section):
    """Unrolls the network: every node has a copy for each time step."""

    steps: Annotated[int, Field(ge=1, le=1000)] = Field(description="number of time steps")
    targets: Literal["last", "every"] = Field(
        default="last", description="the time steps at which targets hold and outputs are read"
    )


class StopSpec(Section):
    """A sample stops when ||dF/dx|| <= residual * (its value at the start) + floor."""

    residual: float = Field(gt=0, description="part of the first step's gradient norm")
    floor: float = Field(default=0.0, ge=0, description="absolute gradient norm added to that")


class InferenceSpec(Section):
    """Inference: the relaxation of the free states, with the parameters fixed."""

    init: Annotated[StateInit, OneOf(STATE_INITS)] = Field(
        default=Feedforward(), description="where the free states start"
    )
    update: Annotated[UpdateOrder, OneOf(UPDATE_ORDERS)] = Field(
        default=Synchronous(), description="whether all free nodes move at once, or by colours"
    )
    optimizer: Annotated[StateOptimizer, OneOf(STATE_OPTIMIZERS)] = Field(
        default=StateSGD(), description="how a step moves the states down the energy"
    )
    steps: Count | Annotated[dict[str, Count], Field(min_length=1)] = Field(
        default=20,
        description="inference steps, or steps per phase: {nudged: 20, nudged_negative: 20}",
    )
    stop: StopSpec | None = Field(
        default=None, description="end early; without it all steps are taken"
    )
    clamp: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="the nodes clamped to data in a phase, instead of the rule's choice: "
        "{clamped: [image, label]}",
    )


class PredictionSpec(Section):
    """Prediction: the nodes clamped, the relaxation of the others, and the nodes read."""

    clamp: tuple[str, ...] | None = Field(
        default=None, description="the nodes clamped to data; default: the inputs"
    )
    read: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="the nodes read; default: the outputs"
    )
    method: Literal["auto", "feedforward", "relax"] = Field(
        default="auto",
        description="auto: feedforward where that is the free equilibrium, else relax",
    )
    steps: Count | None = Field(default=None, description="inference steps of `relax`")


class ClipSpec(Section):
    """Bounds on the gradient before the optimiser sees it."""

    global_norm: float | None = Field(
        default=None, gt=0, description="scale the whole gradient down to this norm"
    )
    value: float | None = Field(
        default=None, gt=0, description="clip every entry to [-value, value]"
    )


class LearningSpec(Section):
    """Learning: the change of the parameters after the states have relaxed."""

    rule: Annotated[Rule, OneOf(RULES)] = Field(
        default=DEFAULT(), description="where the gradient of the parameters comes from"
    )
    optimizer: Annotated[Optimizer, OneOf(OPTIMIZERS)] = Field(
        default=AdamW(), description="what makes an update of the parameters from it"
    )
    schedule: Annotated[Schedule, OneOf(SCHEDULES)] = Field(
        default=ConstantRate(), description="how the rate of the optimiser changes with the steps"
    )
    gradient_clip: ClipSpec = Field(
        default=ClipSpec(), description="bounds on that gradient; default: none"
    )
    rate_scales: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict,
        description="factor on the updates of single edges, beside their own "
        "learning_rate_scale: {image->h1: 0.5}",
    )


class DataSpec(Section):
    """Data: the source of samples, their splits and their scaling."""

    source: Annotated[DataSource, OneOf(SOURCES)] = Field(
        description="the samples; `pcc data list` names what is there"
    )
    root: str | None = Field(
        default=None, description="folder with the source's files; default: the PCC_DATA variable"
    )
    bind: dict[str, str | None] = Field(
        default_factory=dict,
        description="source field to node, or to null to leave it out; default: the input gets the "
        "features, the output the target",
    )
    batch_size: Count = Field(default=64, description="samples in a training step")
    standardize: Literal["per_feature", "global", "none"] = Field(
        default="per_feature",
        description="subtract the mean and divide by the standard deviation of the training split",
    )
    validation: Fraction = Field(
        default=0.1, description="part of the training data kept for validation"
    )
    test: Fraction = Field(
        default=0.2, description="part kept for testing, where the source has no test"
    )
    split: Literal["stratified", "random", "in_order"] | None = Field(
        default=None,
        description="how samples are chosen for training, validation and test: with the same share "
        "of each class, at random, or the first, the next and the last ones; default: stratified "
        "where there are classes, else random",
    )
    split_seed: int = Field(default=0, ge=0, description="seed of the split")
    train_samples: Count | None = Field(
        default=None, description="use only so many training samples"
    )


class EarlyStopSpec(Section):
    """End the run when the monitored metric stops improving."""

    patience: Count = Field(default=10, description="epochs without improvement before stopping")
    min_delta: float = Field(
        default=0.0, ge=0, description="smallest change that counts as improvement"
    )


class CheckpointSpec(Section):
    """The interval between checkpoints; whichever comes first."""

    epochs: Count | None = Field(default=None, description="epochs between two checkpoints")
    steps: Count | None = Field(default=None, description="training steps between two")
    minutes: float | None = Field(default=None, gt=0, description="minutes between two")


class TrainingSpec(Section):
    """Training: its length, the metric to watch, and the results to keep."""

    epochs: Count = Field(default=10, description="passes through the training data")
    seed: int = Field(default=0, ge=0, lt=2**31, description="seed of parameters, order and noise")
    monitor: Literal["accuracy", "loss", "energy"] | None = Field(
        default=None,
        description="default: accuracy for classes, loss for real targets, else energy",
    )
    early_stop: EarlyStopSpec | None = Field(
        default=None, description="end when the monitored metric stops improving; default: never"
    )
    checkpoint_every: CheckpointSpec = Field(
        default=CheckpointSpec(epochs=1), description="how often the run is saved"
    )
    keep_checkpoints: Count = Field(
        default=2, description="how many of the newest checkpoints to keep"
    )
    log_every: Count = Field(default=1, description="steps between two lines of metrics.jsonl")
    loggers: tuple[Annotated[str, NameOf("logger", ("csv", "tensorboard"))], ...] = Field(
        default=(), description="other forms of the metrics, beside metrics.jsonl"
    )


class RunSpec(Section):
    """A network, its energy, how it infers and learns, and on what."""

    pcc: Literal[1] = Field(description="version of the language")
    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$",
        max_length=100,
        description="letters, digits, _ . -, a letter first",
    )
    description: str = Field(default="", description="what the network is, in a sentence or two")
    params: dict[str, int | float] = Field(
        default_factory=dict, description="named numbers, used as ${name}"
    )
    nodes: dict[str, NodeSpec] = Field(
        min_length=1, description="populations of units by name; h[1..3] makes h1, h2 and h3"
    )
    edges: tuple[EdgeSpec, ...] = Field(
        default=(), description="maps from nodes to the predictions of others"
    )
    time: TimeSpec | None = Field(default=None, description="unroll the network in time")
    energy: EnergySpec = Field(
        default=EnergySpec(), description="what inference and learning descend"
    )
    inference: InferenceSpec = Field(
        default=InferenceSpec(), description="how the free states relax"
    )
    learning: LearningSpec = Field(default=LearningSpec(), description="how the parameters change")
    prediction: PredictionSpec = Field(
        default=PredictionSpec(), description="what is clamped, how the rest relaxes, what is read"
    )
    data: DataSpec | None = Field(
        default=None, description="where samples come from, how they are split and scaled"
    )
    training: TrainingSpec = Field(
        default=TrainingSpec(), description="how long to train, what to watch, what to keep"
    )
