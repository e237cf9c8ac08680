"""Which field of the data goes to which node, and how its values become the node's.

features   x -> (x / full_scale - mean) / deviation, statistics of the training split
classes    k -> one-hot
target     as it is
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pccompiler.components.sources import Dataset, Field
from pccompiler.components.vocabulary import Role, Shape
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.source import Span
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.ir.graph import Graph
from pccompiler.spec.models import DataSpec
from pccompiler.spec.tree import KeyPath, dotted

SpanOf = Callable[[KeyPath], Span | None]
"""Where a key path stands in the user's spec."""


@dataclass(frozen=True)
class Encoding:
    """How the values of a field become the values of a node.

    `mean` and `deviation` are float32, of the field's shape or scalars, and act after the
    division by `full_scale`; (0, 1) where nothing is standardised. `field_shape` is the shape
    of one sample as the source gives it.
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

    @classmethod
    def fit(
        cls, node: str, shape: Shape, name: str, field: Field, rows: Any, data: DataSpec
    ) -> Encoding:
        """The encoding of a field, with the statistics of these rows (the training split).

        A feature that is constant there is centred but not scaled.
        """
        mean, deviation = np.zeros((), np.float32), np.ones((), np.float32)
        if field.kind == "features" and data.standardize != "none":
            axis = 0 if data.standardize == "per_feature" else None
            values = np.asarray(field.values)[rows]
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
            tuple(np.shape(field.values)[1:]),
            field.classes,
            field.full_scale,
            mean,
            deviation,
        )

    def encode(self, values: Any) -> np.ndarray:
        """Values as the source gives them, (samples, *field_shape), as the node takes them:
        float32, (samples, *shape)."""
        values = np.asarray(values)
        if self.kind == "classes":
            flat = values.reshape(len(values), -1)
            encoded = np.zeros((*flat.shape, self.classes), np.float32)
            np.put_along_axis(encoded, flat[..., None].astype(np.int64), 1.0, axis=-1)
        elif self.kind == "features":
            encoded = values.astype(np.float32)
            encoded /= np.float32(self.full_scale)
            encoded -= self.mean
            encoded /= self.deviation
        else:
            encoded = values.astype(np.float32)
        return np.ascontiguousarray(encoded.reshape(len(values), *self.shape))


def _moments(values: np.ndarray, axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation in float64, in stretches that stay in the cache: faster
    than NumPy's own for large data, and without copies of all of it."""
    parts = np.array_split(values, max(1, values.size // 2**19))
    count = values.size if axis is None else len(values)
    mean = sum(part.sum(axis, dtype=np.float64) for part in parts) / count
    squares = sum(np.square(part - mean).sum(axis) for part in parts)
    return np.asarray(mean), np.sqrt(squares / count)


def bind(
    data: DataSpec,
    dataset: Dataset,
    graph: Graph,
    span_of: SpanOf,
) -> Mapping[str, str]:
    """The field of every input and output node, as `data.bind` or the default says.

    Raises SpecError with everything that is wrong: PC510 for names and nodes left without
    data, PC511 for fields that do not fit their node.
    """
    problems: list[Diagnostic] = []

    def report(code: str, message: str, help: str, *path: str) -> None:
        whole = ("data", *path)
        problems.append(Diagnostic(code, message, span_of(whole), dotted(whole), help=help))

    bound = [*graph.with_role(Role.INPUT), *graph.with_role(Role.OUTPUT)]
    fields = dataset.train
    chosen: dict[str, str] = {}
    for field, node in data.bind.items():
        if field not in fields:
            report("PC510", f"unknown field `{field}`", suggestion(field, fields), "bind", field)
        elif node not in graph.node:
            report("PC510", f"unknown node `{node}`", suggestion(node, bound), "bind", field)
        elif node not in bound:
            help = f"give `{node}` the role input or output, or bind one of {_list(bound)}"
            report("PC510", f"node `{node}` is hidden and takes no data", help, "bind", field)
        elif node in chosen:
            help = "bind each node to one field"
            report("PC510", f"node `{node}` is bound twice", help, "bind", field)
        else:
            chosen[node] = field
    if not data.bind:
        chosen = _default(dataset, graph)
    left = [node for node in bound if node not in chosen]
    if left and not problems:
        help = (
            f"write bind: {{FIELD: {left[0]}}} under `data`; `{data.source.name}` has the "
            f"fields {_list(fields)}"
        )
        report("PC510", f"nothing says which field goes to node {_list(left)}", help, "bind")
    for node, field in chosen.items():
        misfit = _misfit(fields[field], field, node, graph.node[node].shape or ())
        if misfit:
            report("PC511", *misfit, "bind", field)
    if problems:
        raise SpecError(problems)
    return {node: chosen[node] for node in bound}


def _default(dataset: Dataset, graph: Graph) -> dict[str, str]:
    """The single input gets the features, the single output the target."""
    inputs, outputs = graph.with_role(Role.INPUT), graph.with_role(Role.OUTPUT)
    features = [name for name, field in dataset.train.items() if field.kind == "features"]
    targets = [name for name, field in dataset.train.items() if field.kind != "features"]
    pairs = ((inputs, features), (outputs, targets))
    return {nodes[0]: names[0] for nodes, names in pairs if len(nodes) == 1 and len(names) == 1}


def _misfit(field: Field, name: str, node: str, shape: Shape) -> tuple[str, str] | None:
    """Why the field does not fit the node, and what to do."""
    given = tuple(np.shape(field.values)[1:])
    if field.kind == "classes":
        if math.prod(given) * field.classes == math.prod(shape) and shape[-1] == field.classes:
            return None
        wanted = [size for size in given if size > 1] + [field.classes]
        return (
            f"field `{name}` has {field.classes} classes, but node `{node}` has shape "
            f"{list(shape)}",
            f"give `{node}` the shape {wanted}: classes are one-hot",
        )
    if math.prod(given) == math.prod(shape):
        return None
    labels = "; class labels must be whole numbers of an integer type, which are taken as classes"
    hint = labels if field.kind == "target" and given in ((), (1,)) else ""
    shapes = [list(given), [math.prod(given)]] if len(given) > 1 else [[math.prod(given)]]
    return (
        f"field `{name}` has shape {list(given)} ({math.prod(given)} numbers a sample), but "
        f"node `{node}` has shape {list(shape)} ({math.prod(shape)} units)",
        f"give `{node}` the shape {' or '.join(map(str, shapes))}{hint}",
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
