"""What a format of diagrams is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pccompiler.diagrams.layout import Layout


@dataclass(frozen=True)
class Format:
    """A way to write a layout as text; `endings` are the file names' endings that ask for it."""

    name: str
    endings: tuple[str, ...]
    render: Callable[[Layout], str]
