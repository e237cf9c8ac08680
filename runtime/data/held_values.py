"""Values that a node cannot be held at: not finite, no token, or no probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pccompiler.components.energies import Energy
from pccompiler.components.vocabulary import Role, Support
from pccompiler.ir.graph import Graph
from runtime.data.encoding import Encoding

TOLERANCE = 1e-3
"""Tolerance of a sum of probabilities; those stored in float16 are within half of it."""


@dataclass(frozen=True)
class Fault:
    """A fault in the values for a node, and what to do."""

    code: str
    message: str
    help: str


def energies_where_held(graph: Graph, node: str) -> tuple[Energy, ...]:
    """The energies of a node while it is clamped."""
    payload = graph.node[node]
    found: list[Energy] = []
    if payload.role is Role.OUTPUT:
        found.append(graph.target_energy(payload))
    elif graph.forward_edges(node) and not payload.passes_through:
        found.append(payload.energy)
    if graph.feedback_edges(node):
        found.append(graph.feedback_loss)
    return tuple(found)


def fault_in(
    code: Encoding, energies: Sequence[Energy], raw: Any, encoded: np.ndarray, rows: Any = None
) -> Fault | None:
    """The first fault in values, `raw` as the source gives them and `encoded` as the node takes
    them; `rows` are the numbers of the samples, where they are not 0, 1, ..."""
    raw = np.asarray(raw)
    rows = np.arange(len(raw)) if rows is None else np.asarray(rows)
    if code.kind == "classes":
        return None
    if code.kind == "tokens":
        return _no_token(code, raw, rows)
    return _not_finite(code, raw, encoded, rows) or next(
        (fault for e in energies if (fault := _no_probabilities(code, e, raw, encoded))), None
    )


def place(index: Sequence[int] | np.ndarray, rows: np.ndarray | None = None) -> str:
    """Sample and column of an index of an array: `sample 3, column 5`, both counted from 0;
    `rows` are the numbers of the samples, where they are not 0, 1, ..."""
    sample, *unit = (int(i) for i in index)
    column = ", ".join(map(str, unit))
    return f"sample {sample if rows is None else int(rows[sample])}" + (
        f", column {column}" if unit else ""
    )


def _not_finite(
    code: Encoding, raw: np.ndarray, encoded: np.ndarray, rows: np.ndarray
) -> Fault | None:
    finite = np.isfinite(encoded)
    if finite.all():
        return None
    where = np.argwhere(~finite.reshape(raw.shape))
    count = len(where)
    first = tuple(where[0])
    more = f", and {count - 1} more" if count > 1 else ""
    return Fault(
        "PC517",
        f"field `{code.field}` is {raw[first]:g} in {place(first, rows)}{more}, which is not "
        f"finite in float32, the precision of the program, as `{code.node}` takes it",
        "store smaller numbers, in other units; float32 ends at 3.4e38",
    )


def _no_token(code: Encoding, raw: np.ndarray, rows: np.ndarray) -> Fault | None:
    bad = np.argwhere((raw != np.floor(raw)) | (raw < 0) | (raw >= code.classes))
    if not len(bad):
        return None
    first = tuple(bad[0])
    return Fault(
        "PC519",
        f"field `{code.field}` is {raw[first]:g} in {place(first, rows)}, but an embedding reads "
        f"`{code.node}` as numbers of {code.classes} tokens",
        f"tokens are the whole numbers from 0 to {code.classes - 1}; correct the data, or the "
        "embedding's `vocabulary`",
    )


def _no_probabilities(
    code: Encoding, energy: Energy, raw: np.ndarray, encoded: np.ndarray
) -> Fault | None:
    wanted = energy.support()
    problem = _improbable(encoded, wanted)
    if not problem:
        return None
    unscaled = (raw.astype(np.float64) / code.full_scale).reshape(encoded.shape)
    standardised = bool((code.mean != 0).any() or (code.deviation != 1).any())
    told = {
        Support.PROBABILITIES: "values from 0 to 1",
        Support.DISTRIBUTIONS: "rows that are not negative and sum to 1, such as classes",
    }[wanted]
    help = f"store {told}"
    if standardised and not _improbable(unscaled, wanted):
        help = "set `data.standardize: none`, which leaves them as they are stored"
    elif standardised:
        help = f"set `data.standardize: none` and store {told}"
    return Fault(
        "PC518",
        f"field `{code.field}` is held at `{code.node}`, whose {energy.name} is a likelihood of "
        f"{wanted}, but {problem}" + (" once they are standardised" if standardised else ""),
        f"{help}; or choose an energy of numbers, such as squared_error for a loss or gaussian "
        "for a node",
    )


def _improbable(values: np.ndarray, wanted: Support) -> str:
    """The reason why values are not the probabilities wanted; empty where they are."""
    if wanted is Support.NUMBERS or not values.size:
        return ""
    low, high = float(values.min()), float(values.max())
    if low < 0 or (wanted is Support.PROBABILITIES and high > 1):
        return f"its values go from {low:.4g} to {high:.4g}"
    if wanted is Support.DISTRIBUTIONS:
        sums = values.sum(-1, dtype=np.float64)
        worst = float(sums.flat[np.abs(sums - 1).argmax()])
        if abs(worst - 1) > TOLERANCE:
            return f"its rows do not sum to 1: one has a sum of {worst:.4g}"
    return ""
