"""Positions in the spec for messages about data."""

from collections.abc import Callable

from pccompiler.diagnostics.source import Span
from pccompiler.spec.tree import KeyPath

SpanOf = Callable[[KeyPath], Span | None]
"""The position of a key path in the user's spec."""
