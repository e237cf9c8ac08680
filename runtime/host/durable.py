"""Writing files so that a crash, a full disk or a kill leaves either the old or the new."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic

_HELP = {
    errno.ENOENT: "make the folder {folder} first",
    errno.ENOTDIR: "a part of that path is a file, not a folder; name another path",
    errno.EEXIST: "a file of that name is in the way; name another path, or move the file",
    errno.EISDIR: "that is a folder; name a file",
    errno.ENOSPC: "free some space; what was saved before is intact",
    errno.EACCES: "make the folder {folder} writable, or name another",
    errno.EPERM: "make the folder {folder} writable, or name another",
    errno.EROFS: "that disk is read-only; name a folder elsewhere",
    errno.ENAMETOOLONG: "name a shorter path",
}
_ANY_HELP = "free some space or make the folder writable; what was saved before is intact"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises DataError (PC522) for a failed write, naming the path and the system's reason."""
    try:
        yield
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        help = advice(error, path.parent)
        raise DataError(Diagnostic("PC522", message, help=help)) from None


def advice(error: OSError, folder: Path | None) -> str:
    """Advice for a file that could not be read or written, in `folder` if that is known."""
    if error.errno == errno.ENOENT and folder and folder.is_dir():
        return "no file can be made there; name a folder elsewhere"
    return _HELP.get(error.errno or 0, _ANY_HELP).format(folder=folder or "of it")


def first_free(paths: Iterable[Path]) -> Path:
    """The first path at which there is nothing, not even a link that leads nowhere."""
    return next(path for path in paths if not os.path.lexists(path))


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
        try:
            write_synced(temporary, content)
            temporary.replace(path)
        except OSError:
            with suppress(OSError):  # a half-written one gives its space back
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
