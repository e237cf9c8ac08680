"""What is worth a warning in data that fits the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pccompiler.components.sources import Dataset, Field
from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.spec.tree import dotted
from runtime.data.binding import SpanOf

FAR = 10.0
"""Means and deviations of targets beyond this are told."""
NARROW = 0.01
"""Deviations of targets below this are told."""


def data_warnings(
    dataset: Dataset, fields: Mapping[str, str], train: Any, span_of: SpanOf
) -> tuple[Diagnostic, ...]:
    """PC514 for classes that seem to count from one, PC515 for targets that are far from standard
    units; `fields` by node, `train` the rows of the training split."""
    found: list[Diagnostic] = []
    for node, name in fields.items():
        field, others = dataset.train[name], (dataset.test or {}).get(name)
        if field.kind == "classes":
            told = _class_without_samples(field, others, name, node)
        elif field.kind == "target":
            told = _not_standard(np.asarray(field.values)[train], name)
        else:
            continue
        if told:
            path = ("data", "source")
            code, message, help = told
            span = span_of(path)
            found.append(Diagnostic(code, message, span, dotted(path), "", help, "warning"))
    return tuple(found)


def _class_without_samples(
    field: Field, others: Field | None, name: str, node: str
) -> tuple[str, str, str] | None:
    parts = [np.asarray(part.values) for part in (field, others) if part is not None]
    if any((part == 0).any() for part in parts):
        return None
    return (
        "PC514",
        f"no sample of field `{name}` is of class 0, so the first unit of `{node}` has no target",
        "classes count from 0: if yours count from 1, store `labels - 1`, and give "
        f"`{node}` a unit less",
    )


def _not_standard(values: np.ndarray, name: str) -> tuple[str, str, str] | None:
    columns = values.reshape(len(values), -1).astype(np.float64)
    means, deviations = columns.mean(0), columns.std(0)
    worst = int(np.maximum(np.abs(means), deviations).argmax())
    mean, deviation = means[worst], deviations[worst]
    wide = max(abs(mean), deviation) > FAR
    # of many columns some may hardly change, such as the pixels at the border of a picture
    if not wide and not 0 < deviations.max() < NARROW:
        return None
    column, each = ("", "") if len(means) == 1 else (f" in column {worst}", ", for each column")
    return (
        "PC515",
        f"the targets `{name}` have a mean of {mean:.3g} and a deviation of {deviation:.3g}"
        f"{column}, far from 0 and 1, in which networks learn well",
        f"store `(target - mean) / deviation`{each}, and turn predictions back with "
        "`prediction * deviation + mean`",
    )
