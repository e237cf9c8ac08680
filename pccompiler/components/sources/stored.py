"""Arrays in .npz and .npy files: first what their headers say of them, then their numbers.

A small archive may inflate to more than the memory holds. So shape and type are read from the
first bytes of each array, and compared with what is wanted, before the rest is unpacked.
"""

from __future__ import annotations

import math
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

from pccompiler.components.sources.base import damaged_file, unreadable_file, wrong_format
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic

NUMBERED = "`numpy.unique({}.astype(str), return_inverse=True)[1]`"
"""Advice for turning names of classes into numbers."""

_DRIVE = re.compile("[A-Za-z]:/")
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    SyntaxError,  # this and the next four: in the text of a header, a Python expression
    TokenError,
    TypeError,
    KeyError,
    OverflowError,
    RecursionError,
    RuntimeError,  # of an archive with a password, or packed in a way that is not known
)
_AGAIN = "write it again with numpy.savez"
_NPY_AGAIN = "write it again with numpy.save"


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, of which only the header has been read; `numpy.asarray` reads the rest.

    `member` is its name in an archive, None for a file that is one array.
    """

    path: Path
    name: str
    member: str | None
    shape: tuple[int, ...]
    dtype: Any

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def bytes(self) -> int:
        """The memory of its numbers, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        values = self.read()
        return values if dtype is None else values.astype(dtype)

    def read(self) -> Any:
        """The numbers. Raises DataError: PC502 for a damaged file, PC505 for numbers that are not
        finite, PC507 for a file that cannot be read, or is too large for the memory."""
        import numpy as np

        with _told(self.path, _AGAIN if self.member else _NPY_AGAIN):
            _refuse_too_large(self.path, [self])
            if self.member is None:
                with self.path.open("rb") as stream:
                    values = np.lib.format.read_array(stream, allow_pickle=False)
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    values = np.lib.format.read_array(stream, allow_pickle=False)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            problem = _not_finite(self.name, values)
            raise unusable_array(self.path, problem, "replace or drop these samples")
        return values


def read_npz(
    path: Path, wanted: Sequence[str] | None = None, text: Sequence[str] | None = ()
) -> Mapping[str, Any]:
    """The numbers of `stored_arrays`. Raises what it and `StoredArray.read` raise."""
    return numbers_of(stored_arrays(path, wanted, text))


def numbers_of(stored: Mapping[str, StoredArray]) -> Mapping[str, Any]:
    """The numbers of these arrays. Raises what `StoredArray.read` raises, for all of them."""
    return _each(stored, lambda name: stored[name].read())


def read_npy(path: Path) -> Any:
    """The numeric array of an .npy file. Raises DataError as `read_npz` does."""
    return stored_array(path).read()


def stored_arrays(
    path: Path, wanted: Sequence[str] | None = None, text: Sequence[str] | None = ()
) -> Mapping[str, StoredArray]:
    """Arrays of an .npz file by name; all of them where none is named. They are numbers, or, for
    the names in `text` (None: for any), may be texts. The first axis counts samples.

    Pickled objects are refused, never loaded. Raises DataError: PC502 for a file that is
    damaged, PC507 for one that cannot be read, or whose arrays are too large for the memory;
    PC505 for every array that is missing, empty or not numeric.
    """
    stored = npz_headers(path, wanted)
    with _told(path, _AGAIN):
        _each(stored, lambda name: _refuse_unusable(stored[name], text is None or name in text))
        _refuse_too_large(path, stored.values())
    return stored


def npz_headers(path: Path, wanted: Sequence[str] | None = None) -> Mapping[str, StoredArray]:
    """The headers of the arrays in an .npz file, of any type but Python objects."""
    with _told(path, _AGAIN), path.open("rb") as stream:
        if stream.read(6) == b"\x93NUMPY":
            raise wrong_format(path, "it is a single array (.npy), not an .npz file", _AGAIN)
        if not zipfile.is_zipfile(stream):
            raise damaged_file(path, "it is not an .npz file", _AGAIN)
        with zipfile.ZipFile(stream) as archive:
            _refuse_ways_out(path, archive)
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            names = list(members) if wanted is None else wanted
            absent = [name for name in names if name not in members]
            if absent:
                raise unusable_array(
                    path,
                    f"has no array `{absent[0]}`; it holds {', '.join(members) or 'none'}",
                    "name the arrays: {npz: {path: ..., features: ..., target: ...}}",
                )
            return _each(names, lambda name: _member(path, archive, name, members[name]))


def stored_array(path: Path) -> StoredArray:
    """The numeric array of an .npy file. Raises DataError as `stored_arrays` does."""
    with _told(path, _NPY_AGAIN), path.open("rb") as stream:
        start = stream.read(6)
        if start[:2] == b"PK":
            problem = "it is an .npz file, not a single array"
            raise wrong_format(path, problem, _NPY_AGAIN)
        if start != b"\x93NUMPY":
            raise damaged_file(path, "it is not an .npy file of numbers", _NPY_AGAIN)
        stream.seek(0)
        size = os.fstat(stream.fileno()).st_size
        array = _header(path, path.stem, None, stream, size)
        _refuse_unusable(array, text=False)
        _refuse_too_large(path, [array])
        return array


def unusable_array(path: Path, problem: str, help: str) -> DataError:
    """PC505: an array is missing, or not one of finite numbers."""
    return DataError(Diagnostic("PC505", f"data file {path} {problem}", help=help))


@contextmanager
def _told(path: Path, again: str) -> Iterator[None]:
    """Tells what goes wrong in reading as DataError (PC502, PC507)."""
    try:
        yield
    except (OSError, MemoryError) as error:
        raise unreadable_file(path, error, again) from None
    except _DAMAGE as error:
        problem = f"{type(error).__name__}: {error}"
        raise damaged_file(path, problem.splitlines()[0], again) from None


def _each(names: Iterable[str], get: Callable[[str], Any]) -> dict[str, Any]:
    """The result of `get` for each name. Raises one DataError with what is wrong with any."""
    found: dict[str, Any] = {}
    problems: list[Diagnostic] = []
    for name in names:
        try:
            found[name] = get(name)
        except DataError as error:
            problems += error.diagnostics
    if problems:
        raise DataError(problems)
    return found


def _refuse_ways_out(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises DataError (PC503) for members that would leave a folder if they were unpacked, or
    are links. Nothing is ever unpacked here, but such an archive is not one of arrays."""
    for member in archive.infolist():
        name = member.filename.replace("\\", "/")
        kind = "link" if stat.S_ISLNK(member.external_attr >> 16) else "path"
        outside = name.startswith("/") or ".." in name.split("/") or _DRIVE.match(name)
        if kind == "link" or outside:
            raise wrong_format(
                path,
                f"its member `{member.filename}` is a {kind} that leads out of it",
                "do not use this file; write arrays with numpy.savez",
            )


def _member(
    path: Path, archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo
) -> StoredArray:
    with archive.open(member) as stream:
        start = stream.read(6)
    if start != b"\x93NUMPY":
        raise damaged_file(path, f"its member `{member.filename}` is no array", _AGAIN)
    with archive.open(member) as stream:
        return _header(path, name, member.filename, stream, member.file_size)


def _header(path: Path, name: str, member: str | None, stream: IO[bytes], size: int) -> StoredArray:
    """The header of an array that takes `size` bytes with it."""
    from numpy.lib import format

    readers = {(1, 0): format.read_array_header_1_0, (2, 0): format.read_array_header_2_0}
    version = format.read_magic(stream)
    if version == (3, 0):  # for names of columns beyond ASCII
        problem = f"array `{name}` is a table of named columns"
        raise unusable_array(path, problem, "store each column as an array of its own")
    if version not in readers:
        raise ValueError(f"there is no version {version[0]}.{version[1]} of the format")
    shape, _, dtype = readers[version](stream)
    array = StoredArray(path, name, member, tuple(shape), dtype)
    if dtype.hasobject:
        raise unusable_array(
            path,
            f"array `{name}` holds Python objects",
            "store plain arrays of numbers; text as `array.astype(str)`, of which "
            f"{NUMBERED.format(name)} are the numbers of classes",
        )
    held = size - stream.tell()
    if min(shape, default=0) < 0 or array.bytes != held:
        raise damaged_file(
            path,
            f"array `{name}` has {held:,} bytes of numbers, but its header promises "
            f"{list(shape)} of {dtype.itemsize} bytes each",
            _AGAIN if member else _NPY_AGAIN,
        )
    return array


def _refuse_unusable(array: StoredArray, text: bool) -> None:
    """Raises DataError (PC505) for what is not numbers, or perhaps text, along samples."""
    name, kind = array.name, array.dtype.kind
    if kind in "SU" and not text:
        raise unusable_array(
            array.path,
            f"array `{name}` is text",
            f"store numbers; {NUMBERED.format(name)} numbers names of classes",
        )
    if kind not in "biufSU" or array.ndim == 0:
        raise unusable_array(
            array.path,
            f"array `{name}` is {array.dtype} of shape {array.shape}",
            "store arrays of numbers, the first axis counting the samples",
        )
    if len(array) and not math.prod(array.shape):
        raise unusable_array(
            array.path,
            f"array `{name}` has {len(array)} samples without numbers: its shape is {array.shape}",
            "store at least one number for each sample",
        )


def _refuse_too_large(path: Path, arrays: Iterable[StoredArray]) -> None:
    """Raises MemoryError for arrays that take more memory than the machine has."""
    wanted, memory = sum(array.bytes for array in arrays), memory_of_machine()
    if wanted > memory:
        raise MemoryError(
            f"its arrays take {wanted / 2**30:,.1f} GiB, and this machine has "
            f"{memory / 2**30:,.1f} GiB of memory"
        )


def memory_of_machine() -> int:
    """Bytes of memory of this machine; without end where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 2**63


def _not_finite(name: str, values: Any) -> str:
    """The first entry of an array that is not finite, and how many there are."""
    import numpy as np

    where: Any = np.argwhere(~np.isfinite(values))
    samples, first = len(np.unique(where[:, 0])), [int(i) for i in where[0]]
    column = f", column {', '.join(map(str, first[1:]))}" if len(first) > 1 else ""
    told = "NaN" if np.isnan(values[tuple(first)]) else "infinity"
    return (
        f"array `{name}` holds {told} in sample {first[0]}{column}; {len(where)} of "
        f"{values.size} numbers, in {samples} of {len(values)} samples, are NaN or infinity"
    )
