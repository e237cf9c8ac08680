"""PC3xx: the graph and its shapes."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code

GRAPH_CODES: tuple[Code, ...] = ()
