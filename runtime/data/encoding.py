"""Encodings: from the values of a data field to those of a node, and back.

features   x -> (x / full_scale - mean) / deviation, statistics of the training split
classes    k -> one-hot
one_hot, target, tokens   as they are

All in float64, and only then in float32, the precision of the program: an offset that is large
beside the deviation would else leave nothing of the differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pccompiler.components.sources import Field
from pccompiler.components.vocabulary import Shape
from pccompiler.spec.models import DataSpec
from runtime.data.layout import sample_shape

Kind = Literal["features", "classes", "one_hot", "target", "tokens"]

BLOCK = 2**19
"""Numbers that are computed with at once, so that they stay in the cache."""
SAFE = 1e100
"""Squares of numbers up to this, and down to its inverse, are finite and not zero in float64."""


@dataclass(frozen=True)
class Taken:
    """The way a node takes a field: the kind of its values, and for a sequence the length of its
    time axis, else None."""

    field: str
    kind: Kind
    classes: int = 0
    steps: int | None = None


@dataclass(frozen=True)
class Encoding:
    """The map from the values of a field to the values of a node.

    `mean` and `deviation` are float64, of the shape of one value (`value_shape`) or scalars,
    and act after the division by `full_scale`; (0, 1) where nothing is standardised.
    `field_shape` is the shape of one sample as the source gives it. `steps` is the length of
    its first axis where that is time, else None. `names` are those of the classes, if they have
    any.
    """

    node: str
    field: str
    kind: Kind
    shape: Shape
    field_shape: Shape
    classes: int
    full_scale: float
    mean: np.ndarray
    deviation: np.ndarray
    steps: int | None = None
    names: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls, node: str, shape: Shape, taken: Taken, field: Field, rows: Any, data: DataSpec
    ) -> Encoding:
        """The encoding of a field, with the statistics of these rows (the training split), over
        samples and times.

        A feature that is constant there is centred but not scaled.
        """
        field_shape = sample_shape(field.values)
        mean, deviation, full_scale = np.zeros(()), np.ones(()), 1.0
        if taken.kind == "features":
            full_scale = field.full_scale
        if taken.kind == "features" and data.standardize != "none":
            axis = 0 if data.standardize == "per_feature" else None
            values = np.asarray(field.values)[rows]
            if taken.steps:
                values = values.reshape(-1, *field_shape[1:])
            mean, spread = _moments(values, axis)
            mean, deviation = mean / full_scale, np.where(spread == 0, 1.0, spread / full_scale)
        return cls(
            node,
            taken.field,
            taken.kind,
            shape,
            field_shape,
            taken.classes,
            full_scale,
            mean,
            deviation,
            taken.steps,
            field.names if taken.kind == "classes" else (),
        )

    @property
    def value_shape(self) -> Shape:
        """The shape of one value of the field: of a sample, or of one time of a sequence."""
        return self.field_shape[1:] if self.steps else self.field_shape

    @property
    def are_classes(self) -> bool:
        """Whether the node's units are classes, of which one is true."""
        return self.kind in ("classes", "one_hot")

    def encode(self, values: Any) -> np.ndarray:
        """Values as the source gives them, (samples, *value_shape) or (samples, time,
        *value_shape), as the node takes them: float32, with `shape` in their place."""
        values = np.asarray(values)
        leading = values.shape[: values.ndim - len(self.value_shape)]
        if self.kind == "classes":
            encoded = np.zeros((*values.shape, self.classes), np.float32)
            np.put_along_axis(encoded, values[..., None].astype(np.int64), 1.0, axis=-1)
        else:
            encoded = np.empty(values.shape, np.float32)
            for rows in _blocks(values):
                encoded[rows] = _narrow(self._scaled(values[rows]))
        return np.ascontiguousarray(encoded.reshape(*leading, *self.shape))

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        if self.kind != "features":
            return values
        with np.errstate(over="ignore"):  # what overflows is refused once it is encoded
            return (values.astype(np.float64) / self.full_scale - self.mean) / self.deviation

    def decode(self, values: np.ndarray) -> np.ndarray:
        """A node's values, (..., *shape), in the units of the field: float64 where they were
        scaled; classes stay as they are."""
        if self.kind != "features":
            return values
        mean, deviation = (
            part.reshape(self.shape) if part.ndim else part for part in (self.mean, self.deviation)
        )
        return (values.astype(np.float64) * deviation + mean) * self.full_scale


def taken_labels(taken: Mapping[str, Taken], fields: Mapping[str, Field]) -> np.ndarray | None:
    """The class of each sample, as a number; that of all its classes where it has several, and
    None where no node takes a class, or true and false, for a whole sample."""
    found: list[np.ndarray] = []
    for way in taken.values():
        values = np.asarray(fields[way.field].values)
        if way.kind == "one_hot":
            values = values.argmax(-1)
        known = way.kind in ("classes", "one_hot") or values.dtype.kind == "b"
        if known and values.size == len(values):
            found.append(values.reshape(-1).astype(np.int64))
    if not found:
        return None
    return np.unique(np.stack(found, axis=1), axis=0, return_inverse=True)[1].reshape(-1)


def _moments(values: np.ndarray, axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation in float64, the latter 0 where all are equal; in stretches that
    stay in the cache: faster than NumPy's own for large data, and without copies of all of it."""
    low, high = (np.asarray(end, np.float64) for end in (values.min(axis), values.max(axis)))
    constant = values.min(axis) == values.max(axis)
    largest = np.maximum(np.abs(low), np.abs(high))
    extreme = (largest > SAFE) | ((largest < 1 / SAFE) & (largest > 0))
    scale = np.where(extreme, largest, 1.0)
    parts = np.array_split(values, max(1, values.size // BLOCK))
    if extreme.any():
        parts = [part / scale for part in parts]
    count = values.size if axis is None else len(values)
    mean = sum(part.sum(axis, dtype=np.float64) for part in parts) / count
    squares = sum(np.square(part - mean).sum(axis) for part in parts)
    spread = np.where(constant, 0.0, np.sqrt(squares / count))
    return np.asarray(mean * scale), np.asarray(spread * scale)


def _blocks(values: np.ndarray) -> list[slice]:
    """Stretches of samples."""
    size = max(1, BLOCK // max(1, values[:1].size))
    return [slice(start, start + size) for start in range(0, len(values), size)]


def _narrow(values: np.ndarray) -> np.ndarray:
    """In float32; what is beyond it becomes infinite, which is refused where data is read."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
