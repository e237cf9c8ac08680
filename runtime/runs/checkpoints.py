"""Checkpoints that are whole or not there, and that say so when they are damaged.

    checkpoints/000123/state.safetensors    the training state, an array per leaf
                       meta.json            `Position`: where training stands
                       spec.yaml            the resolved spec that made it
                       manifest.json        size and SHA-256 of each of these files

A checkpoint is written to a temporary folder beside its place, synced, and renamed; only then
are older ones removed. Loading verifies the manifest, since safetensors notices truncation
but not a flipped bit.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic
from runtime.host.durable import sync_folder, write_synced, writing
from runtime.runs.position import Count, Position
from runtime.runs.reading import LARGEST, content, spec_values

State = TypeVar("State")

STATE, META, SPEC, MANIFEST = "state.safetensors", "meta.json", "spec.yaml", "manifest.json"
TEMPORARY = ".tmp-"
NAME = re.compile(r"\d{6,}", re.ASCII)
PARTS = frozenset({STATE, META, SPEC, MANIFEST})
"""The files of a checkpoint."""
READS = 10
"""How often checkpoints are looked for again that a training process is replacing."""


class _Promise(BaseModel):
    """The entry of one file in a manifest."""

    model_config = ConfigDict(frozen=True, strict=True)

    sha256: str
    size: Count


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    files: dict[str, _Promise]


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint in memory."""

    folder: Path
    position: Position
    arrays: Mapping[str, np.ndarray]
    spec_text: str

    def restore(self, like: State) -> State:
        """The saved training state, on the device, in the tree of `like`, a pytree of arrays
        or of `jax.ShapeDtypeStruct`.

        Raises DataError (PC531), naming the first leaf that is missing, left over, or of
        another shape or dtype than in `like`.
        """
        import jax

        leaves, tree = _leaves(like)
        problem = self._misfit(leaves)
        if problem:
            raise DataError(
                Diagnostic(
                    "PC531",
                    f"checkpoint {self.folder} does not fit the network: {problem}",
                    help="it was saved with another spec; use that one, or begin a new run",
                )
            )
        return jax.tree.unflatten(tree, [jax.device_put(self.arrays[name]) for name in leaves])

    def _misfit(self, leaves: Mapping[str, Any]) -> str:
        for name, leaf in leaves.items():
            saved = self.arrays.get(name)
            if saved is None:
                return f"it has no array {name}"
            if saved.shape != leaf.shape:
                return f"{name} has shape {saved.shape}, expected {leaf.shape}"
            if saved.dtype != leaf.dtype:
                return f"{name} is {saved.dtype}, expected {leaf.dtype}"
        extra = sorted(name for name in self.arrays if name not in leaves)
        return f"it has an array {extra[0]} that the network lacks" if extra else ""


def _leaves(state: Any) -> tuple[dict[str, Any], Any]:
    """Leaves of a pytree by their key path, such as `.params['image->h1']['weight']`."""
    import jax

    flat, tree = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path): leaf for path, leaf in flat}, tree


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run; the `keep` newest ones and the best stay."""

    folder: Path
    keep: int = 2

    def names(self) -> tuple[str, ...]:
        """Names of the checkpoints, newest first. Other folders are ignored, empty ones too.

        Raises DataError (PC533) for a folder that cannot be read, or is none.
        """
        return tuple(name for name, _ in self._listing())

    def _listing(self) -> tuple[tuple[str, int], ...]:
        """The names, each with the number of its folder: one that is replaced has another."""
        try:
            entries = [entry for entry in self.folder.iterdir() if NAME.fullmatch(entry.name)]
            found: list[tuple[str, int]] = []
            for entry in entries:
                with suppress(FileNotFoundError, NotADirectoryError):  # gone by now, or no folder
                    if any(entry.iterdir()):
                        found.append((entry.name, entry.stat().st_ino))
        except FileNotFoundError:
            return ()
        except OSError as error:
            message = f"cannot read {self.folder}: {error.strerror or error}"
            raise DataError(Diagnostic("PC533", message, help=_MAKE_READABLE)) from None
        return tuple(sorted(found, key=lambda entry: int(entry[0]), reverse=True))

    def save(self, state: Any, position: Position, spec_text: str, prune: bool = True) -> Path:
        """Saves a training state; returns its folder once it is durable.

        Raises DataError (PC522) where it cannot be written; older checkpoints are then intact.
        """
        from safetensors.numpy import save

        leaves, _ = _leaves(state)
        arrays = {name: np.asarray(leaf) for name, leaf in leaves.items()}
        contents = {
            STATE: save(arrays),
            META: position.to_json().encode(),
            SPEC: spec_text.encode(),
        }
        manifest = {
            name: {"sha256": hashlib.sha256(written).hexdigest(), "size": len(written)}
            for name, written in contents.items()
        }
        contents[MANIFEST] = (json.dumps({"files": manifest}, indent=2) + "\n").encode()
        place = self.folder / position.name
        temporary = self.folder / f"{TEMPORARY}{place.name}"
        with writing(place):
            try:
                self._write(temporary, place, contents)
            except OSError:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        if prune:
            self._prune(position.step)
        return place

    def _write(self, temporary: Path, place: Path, contents: Mapping[str, bytes]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for name, written in contents.items():
            write_synced(temporary / name, written)
        sync_folder(temporary)
        if place.exists():  # damaged, or left behind by a run that continued from an older one
            place.rename(self.folder / f"{TEMPORARY}replaced-{place.name}")
        temporary.rename(place)
        sync_folder(self.folder)

    def _prune(self, step: int) -> None:
        """Keeps the newest up to this step, and what each of them calls the best. Later ones
        belong to a future that was given up when the run continued from an older one."""
        past = [name for name in self.names() if int(name) <= step]
        newest = past[: self.keep]
        kept = {*newest, *(best for name in newest if (best := self._best_of(name)))}
        for name in self.names():
            if name not in kept:  # in one step, for those who read meanwhile
                with suppress(OSError):
                    (self.folder / name).rename(self.folder / f"{TEMPORARY}old-{name}")
        self.clear_leftovers()

    def _best_of(self, name: str) -> str | None:
        try:
            best = Position.from_json(content(self.folder / name / META)).best
        except (OSError, ValueError):
            return None
        return best.name if best else None

    def clear_leftovers(self) -> None:
        """Removes temporary folders of a process that was killed while saving."""
        for entry in self.folder.glob(f"{TEMPORARY}*"):
            shutil.rmtree(entry, ignore_errors=True)

    def load(self, name: str) -> Checkpoint:
        """Reads and verifies one checkpoint. Raises DataError: PC530 if it is damaged, PC533 if
        it cannot be read."""
        from safetensors import SafetensorError

        folder = self.folder / name
        contents = _verified(folder)
        part = STATE
        try:
            arrays = _arrays(contents[STATE])
            part = META
            position = Position.from_json(contents[META])
            if position.name != name:
                raise ValueError(f"step: it is {position.step}, but the checkpoint is {name}")
            part = SPEC
            spec_text = contents[SPEC].decode()
            spec_values(spec_text)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise _damaged(folder, f"{part} cannot be read: {error}") from None
        return Checkpoint(folder, position, arrays, spec_text)

    def latest(self, strict: bool = False) -> tuple[Checkpoint | None, tuple[Diagnostic, ...]]:
        """The newest checkpoint that is whole, and a warning for each damaged one before it.

        None where there is no checkpoint at all. Raises DataError: PC530 for the first damaged
        one if `strict`, PC532 if all are damaged, PC533 for one that cannot be read.
        """
        checkpoint: Checkpoint | None = None
        damage: list[DataError] = []
        for _ in range(READS):
            listed = self._listing()
            checkpoint, damage = self._newest_whole([name for name, _ in listed])
            # What a training process removes or replaces meanwhile is not damaged.
            if not damage or self._listing() == listed:
                break
        if damage and strict:
            raise damage[0]
        if damage and checkpoint is None:
            problem = Diagnostic(
                "PC532",
                f"none of the {len(damage)} checkpoints in {self.folder} can be loaded",
                help="restore the folder from a backup, or begin a new run",
            )
            raise DataError((problem, *_as_warnings(damage)))
        return checkpoint, tuple(_as_warnings(damage))

    def _newest_whole(self, names: Sequence[str]) -> tuple[Checkpoint | None, list[DataError]]:
        """The first of these checkpoints that is whole, and PC530 for each one before it."""
        damage: list[DataError] = []
        for name in names:
            try:
                return self.load(name), damage
            except DataError as error:
                if any(problem.code != "PC530" for problem in error.diagnostics):
                    raise
                damage.append(error)
        return None, damage

    def best_of(self, newest: Checkpoint) -> Checkpoint:
        """The checkpoint of the best value that the newest one knows; the newest one itself where
        it knows of none. Where a training process has gone on meanwhile, and removed that, the
        best of its newest one.

        Raises DataError as `load` does.
        """
        for _ in range(READS):
            best = newest.position.best
            if best is None or best.step == newest.position.step:
                return newest
            try:
                return self.load(best.name)
            except DataError:
                again, _ = self.latest()
                if again is None or again.position.best == best:
                    raise
                newest = again
        return newest


def _arrays(saved: bytes) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file. (`safetensors.numpy.load` cannot read bfloat16.)"""
    from safetensors import deserialize

    return {
        name: np.frombuffer(entry["data"], _dtype(entry["dtype"])).reshape(entry["shape"])
        for name, entry in deserialize(saved)
    }


def _dtype(code: str) -> np.dtype:
    """The NumPy dtype of a safetensors code, such as F32, U8, BOOL or BF16."""
    if code == "BF16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    kinds = {"F": "float", "I": "int", "U": "uint", "BOOL": "bool"}
    kind = code.rstrip("0123456789")
    return np.dtype(kinds[kind] + code[len(kind) :])


def _verified(folder: Path) -> Mapping[str, bytes]:
    """The files of a checkpoint, checked against its manifest."""
    try:
        promised = _Manifest.model_validate_json(content(folder / MANIFEST)).files
    except OSError as error:
        raise _unreadable(folder, MANIFEST, error) from None
    except ValidationError:
        raise _damaged(folder, f"{MANIFEST} is not readable") from None
    if set(promised) != PARTS - {MANIFEST}:
        raise _damaged(folder, f"{MANIFEST} does not list the files of a checkpoint")
    contents: dict[str, bytes] = {}
    for name, promise in promised.items():
        try:
            found = content(folder / name, None if name == STATE else LARGEST)
        except OSError as error:
            raise _unreadable(folder, name, error) from None
        if len(found) != promise.size:
            problem = f"{name} has {len(found)} bytes, its manifest says {promise.size}"
            raise _damaged(folder, problem)
        if hashlib.sha256(found).hexdigest() != promise.sha256:
            raise _damaged(folder, f"{name} does not match the SHA-256 in its manifest")
        contents[name] = found
    return contents


_MAKE_READABLE = "make it readable; nothing says that the checkpoint is damaged"
_NO_FILES = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.EFBIG, errno.ELOOP)
"""Why something is not a file of a checkpoint, whoever asks for it."""


def _unreadable(folder: Path, name: str, error: OSError) -> DataError:
    """PC530 for a file that is not there; PC533 for one that may be good, but cannot be read, so
    that the checkpoint must neither be passed over nor replaced."""
    if error.errno in _NO_FILES:
        return _damaged(folder, f"{name}: {error.strerror}")
    message = f"cannot read {folder / name}: {error.strerror or error}"
    return DataError(Diagnostic("PC533", message, help=_MAKE_READABLE))


def _damaged(folder: Path, problem: str) -> DataError:
    return DataError(
        Diagnostic(
            "PC530",
            f"checkpoint {folder} is damaged: {problem}",
            help="an older checkpoint can be used instead, without --strict",
        )
    )


def _as_warnings(damage: Sequence[DataError]) -> list[Diagnostic]:
    return [
        Diagnostic(
            found.code,
            found.message,
            help="the checkpoint before it is used instead",
            severity="warning",
        )
        for error in damage
        for found in error.diagnostics
    ]
