"""The words that components speak: shapes, arrays, roles, kinds of edges, refusals.

Members (operators, energies, rules) and the compiler meet only in such types, so a new
member never has to know how the compiler works. What rules speak beside them is in
`components.phases` and `components.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Shape = tuple[int, ...]
"""The shape of one sample; the batch axis is never part of it."""

Array = Any
"""A JAX array (or tracer). Spelled `Any` so that describing a network never imports JAX."""

Params = Mapping[str, Any]
"""Parameters by edge name, each a mapping such as `{"weight": ..., "bias": ...}`."""


class Role(StrEnum):
    """The role of a node in the data: `input` and `output` nodes are bound to fields of a batch."""

    INPUT = "input"
    OUTPUT = "output"
    HIDDEN = "hidden"


class Support(StrEnum):
    """The data to which a node with an energy may be clamped."""

    NUMBERS = "numbers"
    PROBABILITIES = "probabilities"
    """Each from 0 to 1."""
    DISTRIBUTIONS = "distributions"
    """Probabilities that sum to one along the last axis, such as one-hot classes."""


class EdgeKind(StrEnum):
    """The part of an edge in its target's prediction.

    Feedforward, skip and recurrent edges add up to the forward prediction; a skip computes
    what a feedforward edge does, and a recurrent edge leads to the same node or backwards.
    Feedback edges make the feedback prediction.
    """

    FEEDFORWARD = "feedforward"
    SKIP = "skip"
    RECURRENT = "recurrent"
    FEEDBACK = "feedback"


@dataclass(frozen=True)
class Refusal:
    """A reason why something does not fit, and what to do instead; both without a full stop."""

    message: str
    help: str
