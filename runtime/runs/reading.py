"""Reading the files of a run folder, which may come from elsewhere, or from another editor.

Nothing is waited for, and nothing is walked before its size is known: every text goes through
the reader of the language, with its limits, and every JSON file through a strict model.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.source import Source
from pccompiler.spec.read import MAX_BYTES, read_document
from pccompiler.spec.tree import plain

LARGEST = 2**26
"""Bytes of a file that holds no arrays."""


def content(path: Path, most: int | None = LARGEST) -> bytes:
    """The bytes of a file. Raises OSError if it cannot be read: also for a pipe, which would be
    waited for without end, and for a file of more than `most` bytes."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    if most is not None and found.st_size > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes")
    return path.read_bytes()


def spec_values(text: str) -> dict[str, Any]:
    """The values of a saved spec. Raises ValueError, which says where, for a text that is none."""
    if len(text) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES:,} bytes")
    problems: list[Diagnostic] = []
    try:
        tree = read_document(Source("spec.yaml", text), problems)
    except SpecError as error:
        problems += error.diagnostics
    else:
        if not problems:
            return cast("dict[str, Any]", plain(tree))
    first = problems[0]
    place = f"line {first.span.line}, column {first.span.column}: " if first.span else ""
    raise ValueError(f"{place}{first.message}")


def first_fault(error: ValidationError) -> str:
    """The first wrong value of a JSON file, and the reason."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
