"""Positions in the user's text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

COMMAND_LINE = "command line"
"""The name of the source that is no file."""
LINE_BREAK = re.compile(r"\r\n|[\n\r]")
"""The line breaks of YAML 1.2, by which spans count lines."""


@dataclass(frozen=True)
class Source:
    """One text that the user wrote: a spec file, or an override on the command line.

    `name` is what a message shows (the path as the user gave it, or COMMAND_LINE);
    `text` is kept so that a message can quote the line.
    """

    name: str
    text: str = field(repr=False, compare=False)


@dataclass(frozen=True)
class Span:
    """A stretch of a source. Lines and columns count from 1; the end is exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"
