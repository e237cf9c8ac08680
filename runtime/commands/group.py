"""How a command ends: every error as a message and an exit code, whatever happens to the
streams."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic, PccError
from pccompiler.diagnostics.render import render
from runtime.host.durable import advice
from runtime.host.signals import Stopped, stop_ends, stop_on_signals
from runtime.host.streams import forget_output, open_streams, tell


class PccGroup(click.Group):
    """Turns errors into messages and exit codes; lists commands as they stand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _ending_quietly():  # --help and --version print here
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _ending_quietly():
            return super().invoke(ctx)

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        def run() -> Any:
            return super(PccGroup, self).main(*args, standalone_mode=False, **extra)

        if not standalone_mode:
            return run()
        sys.exit(_exit_code(run))


def run_process(group: click.Group) -> NoReturn:
    """Runs a command as the whole of a process."""
    open_streams()
    stop_on_signals()
    try:
        group.main()
    except SystemExit as done:
        if done.code in (130, 143):
            # XLA's threads may still be compiling, and taking the interpreter down under
            # them crashes
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError, AttributeError):
                    stream.flush()
            os._exit(done.code)
        raise
    raise AssertionError("a group in standalone mode always exits")


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """Ends the command where it is interrupted, or whoever read its output has left, before
    click does in its own way."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        raise click.exceptions.Exit(_interrupted(stopped)) from None
    except BrokenPipeError:
        forget_output()
        raise click.exceptions.Exit(0) from None


def _interrupted(stopped: KeyboardInterrupt) -> int:
    """Says that the command was interrupted; returns its exit code."""
    stop_ends()
    tell("interrupted")
    return stopped.exit_code if isinstance(stopped, Stopped) else 130


def _exit_code(run: Callable[[], Any]) -> int:
    """The exit code of a command, after saying what ended it."""
    try:
        code = run()
        with suppress(BrokenPipeError, AttributeError):
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return error.exit_code
    except click.Abort as error:  # what click makes of an interruption between its own steps
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return _interrupted(error.__cause__)
    except PccError as error:
        tell(render(error.diagnostics))
        return error.exit_code
    except OSError as error:
        place = error.filename or "the output"
        message = f"cannot read or write {place}: {error.strerror or error}"
        folder = Path(error.filename).parent if isinstance(error.filename, str) else None
        tell(render([Diagnostic("PC522", message, help=advice(error, folder))]))
        forget_output()
        return DataError.exit_code
