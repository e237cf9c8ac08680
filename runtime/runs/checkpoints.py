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

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import yaml
from pydantic import Field, TypeAdapter, ValidationError

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic
from runtime.host.durable import sync_folder, write_synced, writing

State = TypeVar("State")
Count = Annotated[int, Field(ge=0)]

STATE, META, SPEC, MANIFEST = "state.safetensors", "meta.json", "spec.yaml", "manifest.json"
TEMPORARY = ".tmp-"
NAME = re.compile(r"\d{6,}")


@dataclass(frozen=True)
class Best:
    """The best value of the monitored metric so far; `step` names its checkpoint. `loss` is what
    decides between equal values of another metric; None in a network without outputs."""

    metric: str
    value: float
    step: Count
    epoch: Count
    loss: float | None = None

    @property
    def name(self) -> str:
        return f"{self.step:06d}"


@dataclass(frozen=True)
class Position:
    """The position of a training, beside the training state itself.

    `step` counts finished training steps, `horizon` is the number planned, for the schedule.
    `stale_epochs` counts epochs without improvement, for early stopping. `diverged` marks the
    state before a batch that was not finite.
    """

    step: Count
    steps_per_epoch: Annotated[int, Field(ge=1)]
    horizon: Count
    best: Best | None = None
    stale_epochs: Count = 0
    diverged: bool = False
    spec_digest: str = ""
    data_digest: str = ""
    versions: Mapping[str, str] | None = None

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return self.step // self.steps_per_epoch

    def to_json(self) -> str:
        position = {"epoch": self.epoch, "batch_in_epoch": self.step % self.steps_per_epoch}
        return json.dumps(asdict(self) | position, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Position:
        """Reads what `to_json` wrote. Raises ValueError, which names the first value that is not
        what it should be."""
        try:
            return _position_reader().validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None


@cache
def _position_reader() -> TypeAdapter[Position]:
    return TypeAdapter(Position)


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

        Raises DataError (PC533) for a folder that cannot be read.
        """
        try:
            if not self.folder.is_dir():
                return ()
            found = [
                entry.name
                for entry in self.folder.iterdir()
                if NAME.fullmatch(entry.name) and entry.is_dir() and any(entry.iterdir())
            ]
        except OSError as error:
            raise _unreadable(self.folder.parent, self.folder.name, error) from None
        return tuple(sorted(found, key=int, reverse=True))

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
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in contents.items()
        }
        contents[MANIFEST] = (json.dumps({"files": manifest}, indent=2) + "\n").encode()
        place = self.folder / f"{position.step:06d}"
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
        for name, content in contents.items():
            write_synced(temporary / name, content)
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
            if name not in kept:
                shutil.rmtree(self.folder / name, ignore_errors=True)
        self.clear_leftovers()

    def _best_of(self, name: str) -> str | None:
        try:
            best = Position.from_json((self.folder / name / META).read_text()).best
        except (OSError, ValueError, KeyError, TypeError):
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
            position = Position.from_json(contents[META].decode())
            part = SPEC
            spec_text = contents[SPEC].decode()
            refuse_broken_spec(spec_text)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise _damaged(folder, f"{part} cannot be read: {error}") from None
        return Checkpoint(folder, position, arrays, spec_text)

    def latest(self, strict: bool = False) -> tuple[Checkpoint | None, tuple[Diagnostic, ...]]:
        """The newest checkpoint that is whole, and a warning for each damaged one before it.

        None where there is no checkpoint at all. Raises DataError: PC530 for the first damaged
        one if `strict`, PC532 if all are damaged, PC533 for one that cannot be read.
        """
        warnings: list[Diagnostic] = []
        for name in self.names():
            try:
                return self.load(name), tuple(warnings)
            except DataError as error:
                if strict or any(problem.code != "PC530" for problem in error.diagnostics):
                    raise
                warnings += _as_warnings(error)
        if warnings:
            problem = Diagnostic(
                "PC532",
                f"none of the {len(warnings)} checkpoints in {self.folder} can be loaded",
                help="restore the folder from a backup, or begin a new run",
            )
            raise DataError((problem, *warnings))
        return None, ()


def refuse_broken_spec(text: str) -> None:
    """Raises ValueError, which says where, for the text of a resolved spec that is no mapping."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise ValueError(f"{place}{problem}") from None
    if not isinstance(found, dict):
        raise ValueError("it holds no spec")


def _arrays(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file. (`safetensors.numpy.load` cannot read bfloat16.)"""
    from safetensors import deserialize

    return {
        name: np.frombuffer(entry["data"], _dtype(entry["dtype"])).reshape(entry["shape"])
        for name, entry in deserialize(content)
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
        manifest = json.loads((folder / MANIFEST).read_bytes())["files"]
        promised = {name: (manifest[name]["size"], manifest[name]["sha256"]) for name in manifest}
    except OSError as error:
        raise _unreadable(folder, MANIFEST, error) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(folder, f"{MANIFEST} is not readable") from None
    if set(promised) != {STATE, META, SPEC}:
        raise _damaged(folder, f"{MANIFEST} does not list the files of a checkpoint")
    contents: dict[str, bytes] = {}
    for name, (size, digest) in promised.items():
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise _unreadable(folder, name, error) from None
        if len(content) != size:
            raise _damaged(folder, f"{name} has {len(content)} bytes, its manifest says {size}")
        if hashlib.sha256(content).hexdigest() != digest:
            raise _damaged(folder, f"{name} does not match the SHA-256 in its manifest")
        contents[name] = content
    return contents


def _unreadable(folder: Path, name: str, error: OSError) -> DataError:
    """PC530 for a file that is not there; PC533 for one that may be good, but cannot be read, so
    that the checkpoint must neither be passed over nor replaced."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return _damaged(folder, f"{name}: {error.strerror}")
    message = f"cannot read {folder / name}: {error.strerror or error}"
    help = "make it readable; nothing says that the checkpoint is damaged"
    return DataError(Diagnostic("PC533", message, help=help))


def _damaged(folder: Path, problem: str) -> DataError:
    return DataError(
        Diagnostic(
            "PC530",
            f"checkpoint {folder} is damaged: {problem}",
            help="an older checkpoint can be used instead, without --strict",
        )
    )


def _as_warnings(error: DataError) -> list[Diagnostic]:
    return [
        Diagnostic(
            found.code,
            found.message,
            help="the checkpoint before it is used instead",
            severity="warning",
        )
        for found in error.diagnostics
    ]
