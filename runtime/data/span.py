"""Where messages about data point."""

from collections.abc import Callable

from pccompiler.diagnostics.source import Span
from pccompiler.spec.tree import KeyPath

SpanOf = Callable[[KeyPath], Span | None]
"""Where a key path stands in the user's spec."""
