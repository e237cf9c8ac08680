"""Writing files so that a crash, a full disk or a kill leaves either the old or the new."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tells a failed write as DataError (PC522), naming the path and the system's reason."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            Diagnostic(
                "PC522",
                f"cannot write {path}: {reason}",
                help="free some space or make the folder writable; what was saved before is intact",
            )
        ) from None


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable, as fsync makes a file's content durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, content: bytes) -> None:
    """Writes a file and waits until it is on the disk."""
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Puts `content` in the place of a file in one step: readers see the old or the new."""
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path):
        write_synced(temporary, content)
        temporary.replace(path)
        sync_folder(path.parent)
