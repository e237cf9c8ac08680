"""What `pcc explain CODE` knows about one code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A kind of message: why it matters, and how it goes wrong and right.

    `wrong` and `right` are YAML or commands (lines that start with `pcc`).
    """

    code: str
    title: str
    meaning: str
    wrong: str
    right: str
