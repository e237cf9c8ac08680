"""A message about a user's mistake, and the exceptions that carry such messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from pccompiler.diagnostics.source import Span

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Diagnostic:
    """One message: what was found, where, and what to do.

    `code` is a key of `diagnostics.codes.CODES`; `path` is the key path in the spec
    (`nodes.h1.shape`); `label` stands beside the caret; `help` says what to do;
    `related` points at other places, such as the first of two duplicates; `file` is the one
    that a message without a place in it is about.
    """

    code: str
    message: str
    span: Span | None = None
    path: str = ""
    label: str = ""
    help: str = ""
    severity: Severity = "error"
    related: tuple[tuple[str, Span], ...] = ()
    file: str = ""


class PccError(Exception):
    """A failure that is shown to the user as diagnostics, never as a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        if isinstance(diagnostics, Diagnostic):
            diagnostics = (diagnostics,)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(_one_line(d) for d in self.diagnostics))


class SpecError(PccError):
    """The spec, an override or the command's arguments are wrong (exit code 2)."""

    exit_code = 2


class DataError(PccError):
    """A data file, a checkpoint or a run folder cannot be used (exit code 3)."""

    exit_code = 3


class RunError(PccError):
    """The run failed or diverged (exit code 1)."""

    exit_code = 1


def _one_line(diagnostic: Diagnostic) -> str:
    where = f"{diagnostic.span}: " if diagnostic.span else ""
    advice = f" ({diagnostic.help})" if diagnostic.help else ""
    return f"{where}{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}{advice}"
