"""The work of `pcc runs`: listing, comparing and deleting run folders."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic, PccError
from pccompiler.spec.load import load
from pccompiler.spec.models import RunSpec
from pccompiler.spec.names import natural_key
from pccompiler.spec.tree import KeyPath, dotted
from runtime.host.durable import first_free, writing
from runtime.runs.members import refuse_missing_members
from runtime.runs.metrics import Line
from runtime.runs.run_folder import RunFolder

State = Literal["running", "finished", "early stop", "diverged", "stopped", "unreadable"]

DEPTH = 2
"""Folders within folders that are searched for runs; `pcc compare` makes them two deep."""


@dataclass(frozen=True)
class RunInfo:
    """A run, as its small files describe it. `best` is the best value of the monitored metric, with
    its `metric`, `value`, `step` and `epoch`; `test` are the scores of the last parameters, of a
    run that has finished; `seconds` is the time spent in training steps."""

    run: str
    name: str
    rule: str
    state: State
    epoch: int
    epochs: int
    best: Mapping[str, Any] | None
    test: Mapping[str, Any] | None
    started: str | None
    seconds: float
    remark: str | None = None
    """Why the run is unreadable."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def list_runs(parent: Path) -> tuple[RunInfo, ...]:
    """The runs in a folder and the folders in it, in the order of their names; unreadable ones
    too. Raises DataError (PC523) if there is no such folder."""
    if not parent.is_dir():
        what = "is a file" if parent.exists() else "does not exist"
        message = f"{parent} holds no runs: it {what}"
        raise DataError(Diagnostic("PC523", message, help="name a folder such as `runs`"))
    return tuple(run_info(folder) for folder in _folders(parent, DEPTH))


def _folders(parent: Path, depth: int) -> Iterator[RunFolder]:
    """Run folders, and those of which it cannot be told."""
    folder = RunFolder(parent)
    try:
        found = folder.looks_like_a_run
    except OSError:
        found = True
    if found:
        yield folder
        return
    if depth == 0:
        return
    try:
        inner = [path for path in parent.iterdir() if path.is_dir() and path.name[:1] != "."]
    except OSError:  # not ours to read
        return
    for path in sorted(inner, key=lambda path: natural_key(path.name)):
        yield from _folders(path, depth - 1)


def open_runs(paths: Sequence[str]) -> tuple[RunFolder, ...]:
    """The run folders of these names, each once. Raises DataError (PC523) for all others."""
    folders = {path.resolve(): RunFolder(path) for path in map(Path, paths)}
    problems: list[Diagnostic] = []
    for folder in folders.values():
        try:
            folder.refuse_other_folders()
        except DataError as error:
            problems += error.diagnostics
    if problems:
        raise DataError(problems)
    return tuple(folders.values())


def run_info(folder: RunFolder) -> RunInfo:
    """The summary of a run, also while it trains."""
    environments = folder.environments()
    started = environments[0].time if environments else None
    try:
        lines = folder.metrics.read(steps=False)
        spec = load(folder.spec)[0]
    except (PccError, OSError) as error:
        path, name = str(folder.path), folder.path.name
        remark = _why_unreadable(folder, error)
        return RunInfo(path, name, "-", "unreadable", 0, 0, None, None, started, 0.0, remark)
    epochs = [line for line in lines if line["kind"] == "epoch"]
    seconds = sum(line.get("seconds") or 0.0 for line in epochs)
    epoch = epochs[-1]["epoch"] if epochs else 0
    result = folder.result() or {}
    return RunInfo(
        run=str(folder.path),
        name=spec.name,
        rule=spec.learning.rule.name,
        state=_state(folder, result, lines),
        epoch=epoch,
        epochs=spec.training.epochs,
        best=_without_loss(result["best"]) if "best" in result else _best(spec, epochs),
        test=(result.get("test") or {}).get("last"),
        started=started,
        seconds=round(seconds, 3),
    )


def _why_unreadable(folder: RunFolder, error: PccError | OSError) -> str:
    """First of all that a member from outside is not there, without which no spec is known."""
    try:
        refuse_missing_members(folder.path)
    except PccError as missing:
        error = missing
    if isinstance(error, PccError):
        first = error.diagnostics[0]
        return f"{first.message} ({first.help})" if first.help else first.message
    return error.strerror or str(error)


def _state(folder: RunFolder, result: Mapping[str, Any], lines: Sequence[Line]) -> State:
    if folder.in_use():
        return "running"
    if result:
        return "early stop" if result.get("reason") == "early_stop" else "finished"
    return "diverged" if lines and lines[-1]["kind"] == "diverged" else "stopped"


def _best(spec: RunSpec, epochs: Sequence[Line]) -> Mapping[str, Any] | None:
    """The best epoch so far of a run that has no result yet."""
    found = [line for line in epochs if line.get("best")]
    if not found:
        return None
    line = found[-1]
    usual = next(metric for metric in ("accuracy", "loss", "energy") if metric in line)
    metric = spec.training.monitor or usual
    return {"metric": metric, "value": line.get(metric)} | {k: line[k] for k in ("step", "epoch")}


def _without_loss(best: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The best epoch as a result has it, without the loss that decides between equal values."""
    return best and {key: value for key, value in best.items() if key != "loss"}


def differences(folders: Sequence[RunFolder]) -> dict[str, list[Any]]:
    """The values of the specs that are not the same in all runs, by key path, in the order of
    the runs; None where a spec lacks the key. Of specs that cannot be read nothing is told."""
    try:
        trees = [dict(folder.spec_values()) for folder in folders]
    except DataError:
        return {}
    return {dotted(path): values for path, values in _differing(trees, ())}


def _differing(trees: list[Any], path: KeyPath) -> Iterator[tuple[KeyPath, list[Any]]]:
    """Descends as long as all trees have a key in common: `sgd` and `adam` are two choices, which
    are shown whole."""
    if all(tree == trees[0] for tree in trees):
        return
    inner = [_entries(tree) for tree in trees]
    if not set.intersection(*(set(entries) for entries in inner)):
        yield path, trees
        return
    for key in dict.fromkeys(key for entries in inner for key in entries):
        yield from _differing([entries.get(key) for entries in inner], (*path, key))


def _entries(tree: Any) -> dict[Any, Any]:
    if isinstance(tree, list):
        return dict(enumerate(tree))
    return tree if isinstance(tree, dict) else {}


def delete_runs(paths: Sequence[str]) -> Iterator[RunFolder]:
    """Deletes run folders one by one, as they are asked for, so that each can be told before the
    next one goes. Either all of them may be deleted, or none is.

    Raises DataError: PC523 for what is no run folder, PC521 for a run that trains, PC527 for a
    folder with files that pcc did not write, PC522 where the system refuses.
    """
    folders = open_runs(paths)
    problems: list[Diagnostic] = []
    for folder in folders:
        try:
            folder.refuse_foreign_files()
            with folder.locked():
                pass
        except DataError as error:
            problems += error.diagnostics
    if problems:
        raise DataError(problems)
    for folder in folders:
        _delete(folder)
        yield folder


def _delete(folder: RunFolder) -> None:
    # Renamed first: whatever happens while the files go, no half of a run stays behind that
    # could be taken for a whole one.
    path = folder.path.resolve()
    with folder.locked(), writing(path):
        leaving = _free_name(path)
        path.rename(leaving)
        try:
            RunFolder(leaving).refuse_foreign_files()
        except DataError:  # put there since all were looked at
            leaving.rename(path)
            folder.refuse_foreign_files()
    before = _count(leaving)
    try:
        shutil.rmtree(leaving)
    except OSError as error:
        with suppress(OSError):
            if _count(leaving) == before:
                leaving.rename(path)
        reason = error.strerror or str(error)
        message, help = f"cannot delete {folder.path}: {reason}", "make it writable, with all in it"
        if leaving.exists():
            message += f"; what is left of it is now in {leaving}"
            help = f"remove {leaving} yourself"
        raise DataError(Diagnostic("PC522", message, help=help)) from None


def _free_name(path: Path) -> Path:
    """A name for a run that goes; one that a deletion left behind may hold what it could not
    remove, and stays."""
    first = path.with_name(f".{path.name}.deleted")
    return first_free(chain([first], (first.with_name(f"{first.name}-{n}") for n in count(2))))


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*"))
