"""A training session: model and data, read and checked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic, SpecError
from pccompiler.driver import check, lower
from pccompiler.spec.load import SpecLike
from pccompiler.spec.models import DataSpec, RunSpec
from pccompiler.spec.resolved import resolved
from pccompiler.spec.tree import Document, KeyPath, dotted
from runtime.data.binding import nodes_with_data
from runtime.data.encoding import Encoding
from runtime.data.splits import Data, prepare, samples, search_folders
from runtime.runs.reading import spec_values
from runtime.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from pccompiler.lowering.model import CompiledModel

LESS_IS_BETTER = frozenset({"loss", "energy"})
"""Monitored metrics that improve by falling."""

_NAMES_DATA = re.compile(r"data(\.root|\.source(\..*)?)?=", re.DOTALL)
"""An override that says which data is meant, rather than how it is split, scaled or grouped."""


@dataclass(frozen=True)
class Session:
    """A spec that is compiled, with its data in memory."""

    spec: RunSpec
    spec_text: str
    document: Document
    model: CompiledModel
    data: Data
    data_folders: tuple[Path, ...]
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def steps_per_epoch(self) -> int:
        return samples(self.data.train) // self.batch_size

    @property
    def batch_size(self) -> int:
        assert self.spec.data is not None
        return self.spec.data.batch_size

    @property
    def total_steps(self) -> int:
        return self.spec.training.epochs * self.steps_per_epoch

    @property
    def classes(self) -> bool:
        """Whether every output's target is a class, so that accuracy means something."""
        return targets_are_classes(self.model.plan.outputs, self.data.encodings)

    @property
    def monitor(self) -> str | None:
        """The metric that decides which checkpoint is best; None without validation."""
        if not samples(self.data.validation):
            return None
        asked = self.spec.training.monitor
        if asked:
            return asked
        if self.classes:
            return "accuracy"
        return "loss" if self.model.plan.outputs else "energy"

    @property
    def spec_digest(self) -> str:
        return hashlib.sha256(self.spec_text.encode()).hexdigest()


def open_session(
    spec: SpecLike, overrides: Sequence[str] = (), folders: Sequence[Path] = ()
) -> Session:
    """Compiles a spec and reads its data, looking first in `folders`, those of an earlier session
    of the same run; an override of source or root (`-s data.root=...`) comes before them.

    Raises SpecError (also PC506 without data, PC510 to PC513, PC517 to PC519, PC536 and PC537
    where data and network do not fit) and DataError (PC501 to PC505, PC507).
    """
    checked = check(spec, overrides)
    run_spec, document, model = checked.spec, checked.document, lower(checked)
    data_spec = required_data(run_spec, document)
    parent = None if isinstance(spec, Mapping) else Path(spec).resolve().parent
    usual = search_folders(data_spec, parent)
    asked_for = any(_NAMES_DATA.match(word) for word in overrides)
    searched = (*usual, *folders) if asked_for else (*folders, *usual)
    looked_in = tuple(dict.fromkeys(folder.absolute() for folder in searched))
    nodes = nodes_with_data(model.plan)
    data = prepare(data_spec, model.graph, nodes, looked_in, document.span)
    text, warnings = resolved(run_spec), (*checked.warnings, *data.warnings)
    session = Session(run_spec, text, document, model, data, looked_in, warnings)
    _check_monitor(session)
    return session


def required_data(spec: RunSpec, document: Document) -> DataSpec:
    """The data section. Raises SpecError (PC506) if there is none."""
    if spec.data is not None:
        return spec.data
    raise SpecError(
        Diagnostic(
            "PC506",
            f"the spec `{spec.name}` has no `data` section, so there is nothing to train on",
            document.span(()),
            help="add one, for example `data: {source: digits}`",
        )
    )


def targets_are_classes(outputs: Sequence[str], encodings: Sequence[Encoding]) -> bool:
    """Whether there are outputs with a loss and each of them is bound to class labels."""
    classes = {code.node for code in encodings if code.are_classes}
    return bool(outputs) and classes.issuperset(outputs)


def _check_monitor(session: Session) -> None:
    training = session.spec.training

    def refuse(message: str, help: str, key: str) -> None:
        path = ("training", key)
        span = session.document.span(path)
        raise SpecError(Diagnostic("PC513", message, span, dotted(path), help=help))

    if training.monitor == "accuracy" and not session.classes:
        instead = "loss" if session.model.plan.outputs else "energy"
        refuse("accuracy needs targets that are classes", f"monitor the {instead}", "monitor")
    if training.monitor == "loss" and not session.model.plan.outputs:
        refuse("a network without an output has no loss", "monitor the energy", "monitor")
    if training.early_stop and session.monitor is None:
        refuse(
            "early stopping needs a validation split, and data.validation is 0",
            "set data.validation, for example to 0.1",
            "early_stop",
        )


def refuse_changes(session: Session, folder: RunFolder, spec_text: str, data_digest: str) -> None:
    """Raises DataError (PC524, PC526) if spec or data differ from the checkpoint's."""
    refuse_changed_spec(
        session.spec_text,
        folder,
        spec_text,
        "pass --allow-changed to continue with the changed spec",
    )
    refuse_changed_data(
        session,
        folder,
        data_digest,
        "restore the data, or pass --allow-changed to continue with the new one",
    )


def refuse_changed_spec(spec_text: str, folder: RunFolder, saved_text: str, help: str) -> None:
    """Raises DataError (PC524), naming what differs, if a resolved spec is not the saved one."""
    if spec_text != saved_text:
        changes = "; ".join(_differences(saved_text, spec_text))
        message = f"the spec changed since run {folder.path} was saved: {changes}"
        raise DataError(Diagnostic("PC524", message, help=help))


def refuse_changed_data(session: Session, folder: RunFolder, saved_digest: str, help: str) -> None:
    """Raises DataError (PC526), naming the files, if the data is not that of the checkpoint."""
    if session.data.digest == saved_digest:
        return
    assert session.spec.data is not None
    files = session.spec.data.source.files(session.data_folders).values()
    found = f": {', '.join(map(str, files))} holds other data, or is split otherwise"
    message = f"the data of run {folder.path} is not what it was when it was saved"
    by_default = session.spec.data.split is None
    if by_default and any(code.are_classes for code in session.data.encodings):
        # What the spec leaves out is what it was when the run began, and not what it is now.
        help += (
            "; a run of an early version was split at random, which `pcc resume "
            f"{folder.path} -s data.split=random --allow-changed` goes on with"
        )
    raise DataError(Diagnostic("PC526", message + (found if files else ""), help=help))


def _differences(saved: str, now: str) -> list[str]:
    """`inference.steps was 20, is 7` for each value in which two resolved specs differ."""
    old, new = (dict(_leaves(spec_values(text), ())) for text in (saved, now))
    return [
        f"{dotted(path)} was {old.get(path, 'not there')}, is {new.get(path, 'not there')}"
        for path in {**old, **new}
        if path not in old or path not in new or old[path] != new[path]
    ] or ["it is written differently"]


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """The values of nested mappings and lists that hold no others, by their key path."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        if isinstance(inner, dict | list) and inner:
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key), inner
