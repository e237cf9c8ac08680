"""Warnings about data that fits the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pccompiler.components.sources import Dataset, Field
from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.spec.tree import dotted
from runtime.data.encoding import Encoding
from runtime.data.partition import Parts
from runtime.data.span import SpanOf

FAR = 10.0
"""Means and deviations of targets beyond this are told."""
NARROW = 0.01
"""Deviations of targets below this are told."""
STEPS = 100
"""Features that differ by fewer steps of float32 are told."""
MOST_LISTED = 8
"""Classes in a message."""

Told = tuple[str, str, str]
"""Code, message, and what to do."""


def data_warnings(
    dataset: Dataset, encodings: Sequence[Encoding], parts: Parts, span_of: SpanOf
) -> tuple[Diagnostic, ...]:
    """PC514 for classes that seem to count from one, PC515 for targets that are far from standard
    units, PC516 for features that lose their differences, PC535 for classes that a split lacks."""
    found: list[Told] = []
    for code in encodings:
        field, other = dataset.train[code.field], (dataset.test or {}).get(code.field)
        if code.are_classes:
            from_one = _class_without_samples(field, other, code) if not code.names else None
            found += [from_one] if from_one else []
            found += _lacking(field, other, parts, code, counts_from_one=bool(from_one))
        elif code.kind == "target":
            found += _not_standard(np.asarray(field.values)[parts.train], code.field)
        elif code.kind == "features":
            found += _lost_in_float32(np.asarray(field.values)[parts.train], code)
    path = ("data", "source")
    return tuple(
        Diagnostic(code, message, span_of(path), dotted(path), "", help, "warning")
        for code, message, help in found
    )


def _class_without_samples(field: Field, other: Field | None, code: Encoding) -> Told | None:
    for part in (field, other):
        if part is not None and (_labels(part, code) == 0).any():
            return None
    return (
        "PC514",
        f"no sample of field `{code.field}` is of class 0, so the first unit of `{code.node}` has "
        "no target",
        "classes count from 0: if yours count from 1, store `labels - 1`, and give "
        f"`{code.node}` a unit less",
    )


def _labels(field: Field, code: Encoding) -> np.ndarray:
    values = np.asarray(field.values)
    return values.argmax(-1) if code.kind == "one_hot" else values


def _lacking(
    field: Field, other: Field | None, parts: Parts, code: Encoding, counts_from_one: bool
) -> list[Told]:
    """The splits in which a class has no sample."""
    labels, found = _labels(field, code), list[str]()
    tested = labels if other is None else _labels(other, code)
    ignored = {0} if counts_from_one else set[int]()
    for name, rows, values in (
        ("training", parts.train, labels),
        ("validation", parts.validation, labels),
        ("test", parts.test, tested),
    ):
        seen = np.bincount(values[rows].reshape(-1).astype(np.int64), minlength=code.classes)
        missing = [int(k) for k in np.flatnonzero(seen == 0) if int(k) not in ignored]
        if missing and len(rows):
            found.append(f"the {name} split has no sample of class {_listed(missing, code)}")
    if not found:
        return []
    return [
        (
            "PC535",
            f"of field `{code.field}`, {', '.join(found)}",
            "a class that does not train is never predicted, and one that is not tested does not "
            "count in the scores: add samples, or split otherwise (`data.split`, "
            "`data.validation`, `data.test`)",
        )
    ]


def _listed(classes: Sequence[int], code: Encoding) -> str:
    told = [code.names[k] if code.names else str(k) for k in classes[:MOST_LISTED]]
    more = len(classes) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _not_standard(values: np.ndarray, name: str) -> list[Told]:
    columns = values.reshape(len(values), -1).astype(np.float64)
    means, deviations = columns.mean(0), columns.std(0)
    worst = int(np.maximum(np.abs(means), deviations).argmax())
    mean, deviation = means[worst], deviations[worst]
    wide = max(abs(mean), deviation) > FAR
    # of many columns some may hardly change, such as the pixels at the border of a picture
    if not wide and not 0 < deviations.max() < NARROW:
        return []
    column, each = ("", "") if len(means) == 1 else (f" in column {worst}", ", for each column")
    return [
        (
            "PC515",
            f"the targets `{name}` have a mean of {mean:.3g} and a deviation of {deviation:.3g}"
            f"{column}, far from 0 and 1, in which networks learn well",
            f"store `(target - mean) / deviation`{each}, and turn predictions back with "
            "`prediction * deviation + mean`",
        )
    ]


def _lost_in_float32(values: np.ndarray, code: Encoding) -> list[Told]:
    """Columns of features that differ, but not as float32 numbers once they are scaled."""
    columns = values.reshape(len(values), -1)
    low, high = columns.min(0), columns.max(0)
    ends = np.stack([low, high]).astype(values.dtype).reshape(2, *values.shape[1:])
    bottom, top = code.encode(ends).reshape(2, -1).astype(np.float64)
    size = np.maximum(np.abs(bottom), np.abs(top))
    differ = high != low
    lost = differ & (np.abs(top - bottom) <= STEPS * np.finfo(np.float32).eps * size)
    if not lost.any():
        return []
    column = int(np.flatnonzero(lost)[0])
    remedy = (
        "set `data.standardize: per_feature`, which subtracts the mean in float64"
        if code.deviation.ndim == 0
        else "store them in other units"
    )
    return [
        (
            "PC516",
            f"field `{code.field}` goes from {low[column]:.10g} to {high[column]:.10g} in column "
            f"{column}, differences of which float32 keeps little as `{code.node}` takes them",
            remedy,
        )
    ]
