"""The folder of a run. It is never overwritten, and one process at a time works in it.

runs/digits_mlp-001/spec.yaml         the resolved spec: no extends, no parameters
                    members.json      members from outside that it uses, see `members`
                    environment.json  one entry per session: versions, devices, arguments
                    preprocessing.npz how the data was scaled, for later predictions
                    metrics.jsonl     see `metrics`; in other forms: `loggers`
                    checkpoints/      see `checkpoints`
                    plots/            pictures of the metrics
                    result.json       written when training has finished
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic
from pccompiler.planning.plan import UpdatePlan
from runtime.data.encoding import Encoding
from runtime.host.durable import first_free, replace_file, writing
from runtime.host.environment import Environment, environments_from_json
from runtime.runs.checkpoints import Checkpoints
from runtime.runs.contents import LOCK, OLD_ENVIRONMENT, is_free, of_others
from runtime.runs.metrics import MetricsFile
from runtime.runs.preprocessing import encodings_from_npz, encodings_to_npz
from runtime.runs.reading import content, spec_values
from runtime.runs.result import result_from_json

LOCK_SECONDS = 0.2
"""Seconds to wait for the lock: a process that asks whether a run trains holds it for a moment."""
RUNS = Path("runs")
"""The folder for runs that are given none."""


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run, and reading and writing of its small files."""

    path: Path

    @classmethod
    def create(cls, name: str, path: Path | None = None) -> RunFolder:
        """A new run folder: `path`, or the next free `runs/NAME-001`.

        Raises DataError: PC520 if `path` holds anything, PC522 if it cannot be made.
        """
        if path is not None:
            return cls._at(path)
        return cls(free_folder(name))

    @classmethod
    def _at(cls, path: Path) -> RunFolder:
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        refuse_occupied(path)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The folder of an earlier run. Raises DataError (PC523) if it is none."""
        folder = cls(path)
        if not folder.spec.is_file():
            what = "has no spec.yaml" if path.is_dir() else "is a file"
            what = what if path.exists() else "does not exist"
            raise DataError(
                Diagnostic(
                    "PC523",
                    f"{path} is not a run folder: it {what}",
                    help="name a folder that `pcc train` made, such as runs/digits_mlp-001",
                )
            )
        return folder

    @property
    def looks_like_a_run(self) -> bool:
        """Whether it has what a run writes first; a folder with some spec.yaml is not enough."""
        return self.spec.is_file() and self._environment.is_file()

    def refuse_other_folders(self) -> None:
        """Raises DataError (PC523) unless it looks like a run."""
        if not self.looks_like_a_run:
            RunFolder.open(self.path)
            message = f"{self.path} is not a run folder: it has no environment.json"
            help = "name a folder that `pcc train` made, such as runs/digits_mlp-001"
            raise DataError(Diagnostic("PC523", message, help=help))

    def refuse_foreign_files(self) -> None:
        """Raises DataError: PC527 if it holds what pcc did not write, or is a link; PC522 if that
        cannot be told."""
        with writing(self.path):
            foreign = [str(path.relative_to(self.path)) for path in of_others(self.path)]
        if self.path.is_symlink():
            problem, help = "is a link", "name the folder itself"
        elif foreign:
            problem = f"holds what is not of the run: {', '.join(foreign[:3])}"
            problem += f" and {len(foreign) - 3} more" if foreign[3:] else ""
            help = "move it away first, or remove the folder yourself"
        else:
            return
        raise DataError(Diagnostic("PC527", f"run folder {self.path} {problem}", help=help))

    def refuse_in_use(self) -> None:
        """Raises DataError (PC521) if a process trains in it now."""
        if self.in_use():
            raise self._in_use()

    def in_use(self) -> bool:
        """Whether a process trains in it now."""
        if not (self.path / LOCK).exists():
            return False
        try:
            with self.locked():
                return False
        except DataError as error:
            return error.diagnostics[0].code == "PC521"

    @property
    def spec(self) -> Path:
        return self.path / "spec.yaml"

    def spec_text(self) -> str:
        """The resolved spec as it was saved. Raises DataError (PC523) if it cannot be read."""
        try:
            text = content(self.spec).decode("utf-8")
            spec_values(text)
            return text
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            message = f"{self.spec} cannot be read: {reason}"
            raise DataError(Diagnostic("PC523", message, help="name another folder")) from None

    def spec_values(self) -> Mapping[str, Any]:
        """The values of the resolved spec. Raises DataError (PC523) as `spec_text` does."""
        return spec_values(self.spec_text())

    @property
    def plots(self) -> Path:
        return self.path / "plots"

    @property
    def metrics(self) -> MetricsFile:
        return MetricsFile(self.path / "metrics.jsonl")

    def checkpoints(self, keep: int = 2) -> Checkpoints:
        return Checkpoints(self.path / "checkpoints", keep)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for this process. Raises DataError (PC521) if another holds it."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / LOCK, timeout=LOCK_SECONDS)
        with writing(self.path / LOCK):
            try:
                lock.acquire()
            except Timeout:
                raise self._in_use() from None
        try:
            yield
        finally:
            lock.release()

    def _in_use(self) -> DataError:
        message = f"run folder {self.path} is in use by another process"
        help = "wait until it ends, or train in a folder of its own"
        return DataError(Diagnostic("PC521", message, help=help))

    def write_spec(self, text: str) -> None:
        """Puts the resolved spec in the folder, which makes it a run folder."""
        replace_file(self.spec, text.encode())

    def environments(self) -> tuple[Environment, ...]:
        """One per session, in their order; none if the file is missing or unreadable."""
        try:
            return environments_from_json(content(self._environment))
        except (OSError, ValueError):
            return ()

    def data_folders(self) -> tuple[Path, ...]:
        """The folders in which the run's sessions looked for data, those of the last one first."""
        return tuple(Path(f) for entry in self.environments()[::-1] for f in entry.data_folders)

    def add_environment(self, environment: Environment) -> None:
        """Notes that a session of the run begins. A file that cannot be read is kept aside."""
        before = self.environments()
        if not before and os.path.lexists(self._environment):
            names = (self.path / f"{OLD_ENVIRONMENT}{number}.json" for number in count(1))
            with writing(self._environment):
                self._environment.rename(first_free(names))
        entries = [entry.to_json() for entry in (*before, environment)]
        replace_file(self._environment, (json.dumps(entries, indent=2) + "\n").encode())

    @property
    def _environment(self) -> Path:
        return self.path / "environment.json"

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Notes that the run has finished, and with what."""
        replace_file(self._result, (json.dumps(result, indent=2) + "\n").encode())

    def result(self) -> Mapping[str, Any] | None:
        """The content of result.json; None while the run has not finished, or if it is damaged."""
        try:
            return result_from_json(content(self._result))
        except OSError:
            return None

    def forget_result(self) -> None:
        """The run goes on: it has not finished any more."""
        with writing(self._result):
            self._result.unlink(missing_ok=True)

    @property
    def _result(self) -> Path:
        return self.path / "result.json"

    def write_encodings(self, encodings: Sequence[Encoding]) -> None:
        """Saves how the data was scaled, so that predictions need no training data."""
        replace_file(self._encodings, encodings_to_npz(encodings))

    def encodings(self, plan: UpdatePlan | None = None) -> Mapping[str, Encoding]:
        """The same by node name. Raises DataError (PC523) if the file is missing or damaged, or
        is not of the network of `plan`, where that is given."""
        try:
            return encodings_from_npz(self._encodings, plan)
        except ValueError as error:
            raise DataError(
                Diagnostic(
                    "PC523",
                    f"{self._encodings} cannot be read: {error}",
                    help=f"`pcc resume {self.path}` writes it again",
                )
            ) from None

    @property
    def _encodings(self) -> Path:
        return self.path / "preprocessing.npz"


def refuse_occupied(path: Path) -> None:
    """Raises DataError: PC520 if the folder holds anything, PC522 if it is no folder."""
    with writing(path):
        occupied = not is_free(path)
    if occupied:
        raise DataError(
            Diagnostic(
                "PC520",
                f"run folder {path} is not empty",
                help=f"`pcc resume {path}` continues a run; name a new folder for a new one",
            )
        )


def free_folder(name: str) -> Path:
    """Makes the next free folder `runs/NAME-001`. Raises DataError (PC522) where it cannot."""
    while True:
        numbered = next_folder(name)
        with writing(numbered), suppress(FileExistsError):  # where another process was faster
            numbered.mkdir(parents=True)
            return numbered


def next_folder(name: str) -> Path:
    """The next free name `runs/NAME-001`; nothing is made."""
    return first_free(RUNS / f"{name}-{number:03d}" for number in count(1))
