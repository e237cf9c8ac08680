"""What tests of whole runs share."""

from __future__ import annotations

import builtins
import copy
import errno
import io
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic, PccError
from runtime.training.fit import fit
from runtime.training.opened_run import Run

Spec = dict[str, Any]


def changed(spec: Spec, **sections: Any) -> Spec:
    """The spec with some keys of its sections replaced."""
    result = copy.deepcopy(spec)
    for section, changes in sections.items():
        result[section] |= changes
    return result


def train(spec: Spec, folder: Path, **sections: Any) -> Run:
    return fit(changed(spec, **sections), folder, plots=False)


def bits(run: Run) -> list[bytes]:
    """Every bit of the training state, parameters and optimiser alike."""
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(run.state())]


def timeless(run: Run) -> list[dict[str, Any]]:
    """The metrics without what a clock measured."""
    clock = {"seconds", "steps_per_second"}
    return [{k: v for k, v in line.items() if k not in clock} for line in run.metrics]


def refuse_to_open(monkeypatch: pytest.MonkeyPatch, file: Path, number: int = errno.EACCES) -> None:
    """Makes the system refuse to open a file. (Permissions do not stop root.)"""
    opened = io.open

    def refuse(name: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(name, int) and Path(os.fspath(name)) == file:
            raise OSError(number, os.strerror(number), str(file))
        return opened(name, *arguments, **options)

    for module in (io, builtins):  # Path.open looks into the one, gzip and NumPy into the other
        monkeypatch.setattr(module, "open", refuse)


def forbid(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Makes the system refuse what a method of paths asks for, whatever the path."""

    def refuse(path: Path) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, method, refuse)


@contextmanager
def full_disk(after: int) -> Iterator[None]:
    """Every file of this process ends after so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refusal(kind: type[PccError], *arguments: Any, **options: Any) -> Diagnostic:
    with pytest.raises(kind) as error:
        fit(*arguments, plots=False, **options)
    [diagnostic] = error.value.diagnostics
    return diagnostic
