"""The catalogue of `pcc data`: the sources, their folders, and the state of their files."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pccompiler.components.sources import SOURCES, DataSource
from pccompiler.components.sources.base import MAKE_READABLE, is_refusal
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic
from runtime.data.splits import folders_of

BLOCK = 2**20
LARGEST = 2**30
"""Bytes of a file that are compared, unpacked; published ones are far smaller."""

Verdict = Literal["as published", "readable", "another file", "damaged", "unreadable", "missing"]


@dataclass(frozen=True)
class Listing:
    """A source. `found` is None where the spec names the file; `folders` are where it looks, in
    this order; `problem` says what is missing, `how_to_get` how to get it."""

    name: str
    content: str
    found: bool | None
    folders: tuple[str, ...]
    files: Mapping[str, str]
    problem: str
    how_to_get: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class FileCheck:
    """A file of a source: the SHA-256 of its content, unpacked, and what to think of it."""

    source: str
    content: str
    file: str | None
    sha256: str | None
    published: str | None
    verdict: Verdict
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def source_named(name: str) -> type[DataSource]:
    """The source of this name."""
    return next(source for source in SOURCES if source.name == name)


def listing(source: type[DataSource], root: str | None = None) -> Listing:
    """The listing of a source on this machine; `root` as `data.root` in a spec."""
    folders = folders_of(source, root)
    found: bool | None = None
    files: Mapping[str, Path] = {}
    problem = ""
    if not source.has_required_options():
        try:
            files, found = source().files(folders), True
        except DataError as error:
            problem, found = error.diagnostics[0].message, False
    return Listing(
        source.name,
        source.summary().rstrip("."),
        found,
        tuple(str(folder) for folder in folders),
        {content: str(path) for content, path in files.items()},
        problem,
        source.how_to_get,
    )


def folder_states(source: type[DataSource], root: str | None = None) -> Iterator[tuple[str, str]]:
    """The folders in which a source is looked for, in order, each `used`, `there` or `missing`."""
    told = listing(source, root)
    used = {str(Path(path).parent) for path in told.files.values()}
    for folder in told.folders:
        there = "there" if Path(folder).is_dir() else "missing"
        yield folder, "used" if folder in used else there


def check_sources(
    sources: Sequence[type[DataSource]], root: str | None = None
) -> Iterator[FileCheck]:
    """Compares the files of sources with the published checksums, or else reads the source."""
    for source in sources:
        told = listing(source, root)
        if told.found is False:
            yield FileCheck(source.name, "all", None, None, None, "missing", told.problem)
        elif source.checksums:
            for content, path in told.files.items():
                yield _compared(source, content, Path(path))
        elif told.found:
            yield _read(source, root)


def problems(checks: Iterable[FileCheck], asked: Sequence[str]) -> list[Diagnostic]:
    """The problems as messages. A missing source is one only where it was asked for."""
    codes = {
        "missing": "PC501",
        "damaged": "PC502",
        "another file": "PC503",
        "unreadable": "PC507",
    }
    return [
        Diagnostic(
            codes[check.verdict],
            check.problem if check.file is None else f"data file {check.file} {check.problem}",
            help=MAKE_READABLE
            if check.verdict == "unreadable"
            else source_named(check.source).how_to_get,
        )
        for check in checks
        if check.verdict in codes and (check.verdict != "missing" or check.source in asked)
    ]


def _compared(source: type[DataSource], content: str, path: Path) -> FileCheck:
    published = source.checksums[content]
    try:
        digest = content_digest(path)
    except (EOFError, zlib.error, OSError) as error:
        verdict: Verdict = "damaged"
        problem = f"is damaged: {error}"
        if isinstance(error, OSError) and is_refusal(error):
            verdict, problem = "unreadable", f"cannot be read: {error.strerror}"
        return FileCheck(source.name, content, str(path), None, published, verdict, problem)
    same = digest == published
    return FileCheck(
        source.name,
        content,
        str(path),
        digest,
        published,
        "as published" if same else "another file",
        "" if same else f"is not the one that {source.name} was published with",
    )


def _read(source: type[DataSource], root: str | None) -> FileCheck:
    try:
        source().load(folders_of(source, root))
    except DataError as error:
        problem = error.diagnostics[0].message
        return FileCheck(source.name, "all", None, None, None, "damaged", problem)
    return FileCheck(source.name, "all", None, None, None, "readable")


def content_digest(path: Path) -> str:
    """SHA-256 of a file's content, unpacked if its name ends with .gz; of at most LARGEST bytes.

    Raises EOFError, zlib.error or OSError for a file that cannot be read to its end.
    """
    total = hashlib.sha256()
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        for _ in range(LARGEST // BLOCK):
            block = stream.read(BLOCK)
            if not block:
                break
            total.update(block)
    return total.hexdigest()
