"""Which field of the data goes to which node, and how its values become the node's.

features   x -> (x / full_scale - mean) / deviation, statistics of the training split
classes    k -> one-hot
target     as it is

In a network unrolled in time, a field whose samples are as long as its time is a sequence: its
arrays are (samples, time, *shape). Any other field is the same at all times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pccompiler.components.sources import Dataset, Field
from pccompiler.components.vocabulary import Role, Shape
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.source import Span
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.diagnostics.wording import plural
from pccompiler.ir.graph import Graph, Time
from pccompiler.planning.plan import UpdatePlan
from pccompiler.spec.models import DataSpec
from pccompiler.spec.tree import KeyPath, dotted

SpanOf = Callable[[KeyPath], Span | None]
"""Where a key path stands in the user's spec."""


@dataclass(frozen=True)
class Encoding:
    """How the values of a field become the values of a node.

    `mean` and `deviation` are float32, of the shape of one value (`value_shape`) or scalars,
    and act after the division by `full_scale`; (0, 1) where nothing is standardised.
    `field_shape` is the shape of one sample as the source gives it. `steps` is the length of
    its first axis where that is time, else None.
    """

    node: str
    field: str
    kind: Literal["features", "classes", "target"]
    shape: Shape
    field_shape: Shape
    classes: int
    full_scale: float
    mean: np.ndarray
    deviation: np.ndarray
    steps: int | None = None

    @classmethod
    def fit(
        cls,
        node: str,
        shape: Shape,
        name: str,
        field: Field,
        rows: Any,
        data: DataSpec,
        time: Time | None = None,
    ) -> Encoding:
        """The encoding of a field, with the statistics of these rows (the training split), over
        samples and times.

        A feature that is constant there is centred but not scaled.
        """
        field_shape = tuple(np.shape(field.values)[1:])
        steps = time.steps if time and _is_sequence(field, field_shape, shape) else None
        mean, deviation = np.zeros((), np.float32), np.ones((), np.float32)
        if field.kind == "features" and data.standardize != "none":
            axis = 0 if data.standardize == "per_feature" else None
            values = np.asarray(field.values)[rows]
            if steps:
                values = values.reshape(-1, *field_shape[1:])
            constant = values.max(axis) == values.min(axis)
            mean, spread = _moments(values, axis)
            mean, spread = mean / field.full_scale, spread / field.full_scale
            mean = np.asarray(mean, np.float32)
            deviation = np.asarray(np.where(constant, 1.0, spread), np.float32)
        return cls(
            node,
            name,
            field.kind,
            shape,
            field_shape,
            field.classes,
            field.full_scale,
            mean,
            deviation,
            steps,
        )

    @property
    def value_shape(self) -> Shape:
        """The shape of one value of the field: of a sample, or of one time of a sequence."""
        return self.field_shape[1:] if self.steps else self.field_shape

    def encode(self, values: Any) -> np.ndarray:
        """Values as the source gives them, (samples, *value_shape) or (samples, time,
        *value_shape), as the node takes them: float32, with `shape` in their place."""
        values = np.asarray(values)
        leading = values.shape[: values.ndim - len(self.value_shape)]
        if self.kind == "classes":
            encoded = np.zeros((*values.shape, self.classes), np.float32)
            np.put_along_axis(encoded, values[..., None].astype(np.int64), 1.0, axis=-1)
        elif self.kind == "features":
            encoded = values.astype(np.float32)
            encoded /= np.float32(self.full_scale)
            encoded -= self.mean
            encoded /= self.deviation
        else:
            encoded = values.astype(np.float32)
        return np.ascontiguousarray(encoded.reshape(*leading, *self.shape))

    def decode(self, values: np.ndarray) -> np.ndarray:
        """A node's values, (..., *shape), in the units of the field; classes stay as they are."""
        if self.kind != "features":
            return values
        mean, deviation = (
            part.reshape(self.shape) if part.ndim else part for part in (self.mean, self.deviation)
        )
        return (values * deviation + mean) * np.float32(self.full_scale)


def _moments(values: np.ndarray, axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation in float64, in stretches that stay in the cache: faster
    than NumPy's own for large data, and without copies of all of it."""
    parts = np.array_split(values, max(1, values.size // 2**19))
    count = values.size if axis is None else len(values)
    mean = sum(part.sum(axis, dtype=np.float64) for part in parts) / count
    squares = sum(np.square(part - mean).sum(axis) for part in parts)
    return np.asarray(mean), np.sqrt(squares / count)


def nodes_with_data(plan: UpdatePlan) -> tuple[str, ...]:
    """The nodes that take data: inputs, outputs, and hidden ones that some phase holds or
    nudges."""
    graph = plan.graph
    phases = [phase.phase for phase in (*plan.phases, plan.prediction)]
    held = {name for phase in phases for name in (*phase.clamped, *phase.nudged)}
    known = (*graph.with_role(Role.INPUT), *graph.with_role(Role.OUTPUT))
    return (*known, *(n.name for n in graph.nodes if n.name in held and n.name not in known))


def bind(
    data: DataSpec,
    dataset: Dataset,
    graph: Graph,
    nodes: Sequence[str],
    span_of: SpanOf,
) -> Mapping[str, str]:
    """The field of every node that takes data, as `data.bind` or the default says.

    Raises SpecError with everything that is wrong: PC510 for names and nodes left without
    data, PC511 for fields that do not fit their node.
    """
    problems: list[Diagnostic] = []

    def report(code: str, message: str, help: str, *path: str) -> None:
        whole = ("data", *path)
        problems.append(Diagnostic(code, message, span_of(whole), dotted(whole), help=help))

    fields = dataset.train
    chosen: dict[str, str] = {}
    for field, node in data.bind.items():
        if field not in fields:
            report("PC510", f"unknown field `{field}`", suggestion(field, fields), "bind", field)
        elif node not in graph.node:
            report("PC510", f"unknown node `{node}`", suggestion(node, nodes), "bind", field)
        elif node not in nodes:
            help = (
                f"give `{node}` the role input or output, hold it with `inference.clamp` or "
                f"`prediction.clamp`, or bind one of {_list(nodes)}"
            )
            report("PC510", f"node `{node}` is hidden and takes no data", help, "bind", field)
        elif node in chosen:
            help = "bind each node to one field"
            report("PC510", f"node `{node}` is bound twice", help, "bind", field)
        else:
            chosen[node] = field
    if not data.bind:
        chosen = _default(dataset, graph)
    left = [node for node in nodes if node not in chosen]
    if left and not problems:
        help = (
            f"write bind: {{FIELD: {left[0]}}} under `data`; `{data.source.name}` has the "
            f"fields {_list(fields)}"
        )
        report("PC510", f"nothing says which field goes to node {_list(left)}", help, "bind")
    for node, field in chosen.items():
        misfit = _misfit(fields[field], field, node, graph)
        if misfit:
            report("PC511", *misfit, *(("bind", field) if data.bind else ("source",)))
    if problems:
        raise SpecError(problems)
    return {node: chosen[node] for node in nodes}


def _default(dataset: Dataset, graph: Graph) -> dict[str, str]:
    """The single input gets the features, the single output the target."""
    inputs, outputs = graph.with_role(Role.INPUT), graph.with_role(Role.OUTPUT)
    features = [name for name, field in dataset.train.items() if field.kind == "features"]
    targets = [name for name, field in dataset.train.items() if field.kind != "features"]
    pairs = ((inputs, features), (outputs, targets))
    return {nodes[0]: names[0] for nodes, names in pairs if len(nodes) == 1 and len(names) == 1}


def _fits(field: Field, given: Shape, shape: Shape) -> bool:
    """Whether values of shape `given` are those of a node."""
    if field.kind == "classes":
        return math.prod(given) * field.classes == math.prod(shape) and shape[-1] == field.classes
    return math.prod(given) == math.prod(shape)


def _is_sequence(field: Field, given: Shape, shape: Shape) -> bool:
    """Whether samples of shape `given` are sequences of a node's values."""
    return not _fits(field, given, shape) and bool(given) and _fits(field, given[1:], shape)


def _misfit(field: Field, name: str, node: str, graph: Graph) -> tuple[str, str] | None:
    """Why the field does not fit the node, and what to do."""
    given, shape = tuple(np.shape(field.values)[1:]), graph.node[node].shape or ()
    if _fits(field, given, shape):
        return None
    in_time = graph.time is not None or len(given) > 1 or field.kind == "classes"
    if in_time and _is_sequence(field, given, shape):
        return _misfit_in_time(field, name, node, graph)
    if field.kind == "classes":
        return _class_misfit(field, name, node, shape)
    hint = ""
    if field.kind == "target" and given in ((), (1,)):
        if _are_labels(field.values, (shape or (1,))[-1]):
            return (
                f"field `{name}` holds whole numbers, 0 to {math.prod(shape) - 1}, as floats, but "
                f"node `{node}` has shape {list(shape)}",
                "if they are classes, store them as integers: `labels.astype(int)`",
            )
        hint = "; class labels must be whole numbers of an integer type, which are taken as classes"
    whole, steps = given, graph.time.steps if graph.time else None
    if len(given) > 1 and steps:
        whole = given[1:]
        hint = f" for each of the {steps} times"
        if given[0] != steps:
            hint = (
                f", and set time.steps to {given[0]}; or the shape {list(given)}, if its first "
                "axis is not time"
            )
    shapes = [list(whole), [math.prod(whole)]] if len(whole) > 1 else [[math.prod(whole)]]
    return (
        f"field `{name}` has shape {list(given)} ({math.prod(given)} numbers a sample), but "
        f"node `{node}` has shape {list(shape)} ({math.prod(shape)} units)",
        f"give `{node}` the shape {' or '.join(map(str, shapes))}{hint}",
    )


def _are_labels(values: Any, classes: int) -> bool:
    """Whether floats are the numbers of so many classes."""
    values = np.asarray(values)
    whole = values.size > 0 and (values == np.floor(values)).all()
    return bool(whole and classes > 1 and values.min() >= 0 and values.max() + 1 == classes)


def _class_misfit(field: Field, name: str, node: str, shape: Shape) -> tuple[str, str]:
    """Why numbers of classes do not fit the node's shape."""
    given, units = tuple(np.shape(field.values)[1:]), (shape or (1,))[-1]
    wanted = [size for size in given if size > 1] + [field.classes]
    if given == shape and np.isin(field.values, (0, 1)).all():
        return (
            f"field `{name}` has whole numbers of shape {list(given)} a sample, which are taken "
            "as numbers of classes",
            "if they are one-hot, store them as floats, or store the number of each class",
        )
    if field.classes == units + 1 and np.min(field.values) == 1:
        numbers = f"classes 1 to {units}" if units > 1 else "class 1 alone"
        return (
            f"field `{name}` has the {numbers}, which need {field.classes} units as "
            f"classes count from 0, but node `{node}` has shape {list(shape)}",
            f"store labels from 0 to {units - 1}, or give `{node}` the shape {wanted}",
        )
    classes = f"{field.classes} {plural(field.classes, 'class', 'classes')}"
    return (
        f"field `{name}` has {classes}, but node `{node}` has shape {list(shape)}",
        f"give `{node}` the shape {wanted}: classes are one-hot",
    )


def _misfit_in_time(field: Field, name: str, node: str, graph: Graph) -> tuple[str, str] | None:
    """Why a field of sequences does not fit the network's time."""
    given = tuple(np.shape(field.values)[1:])
    length, time = given[0], graph.time
    sequences = f"field `{name}` holds sequences of {length} steps"
    if time is None:
        whole = [*given, field.classes] if field.kind == "classes" else list(given)
        return (
            f"{sequences}, but the network has no time",
            f"add `time: {{steps: {length}}}` to the spec, or give `{node}` the shape {whole}",
        )
    if length != time.steps:
        return (
            f"{sequences}, but the network has {time.steps}",
            f"set time.steps to {length}, or give samples of {time.steps} steps",
        )
    if graph.node[node].role is Role.OUTPUT and not time.every:
        return (
            f"field `{name}` has a target for each of the {length} steps, but the network is "
            "read at the last one only",
            "set `time.targets: every`, or give one target a sample",
        )
    return None


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
