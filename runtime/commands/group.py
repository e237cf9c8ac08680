"""The commands as a group, and how they end: every error as a message and an exit code, whatever
happens to the streams.

Exit codes: 0 good, 1 the run failed or diverged, 2 usage or spec, 3 data or checkpoint, 130 and
143 on signals.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import UserDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from pccompiler.diagnostics.diagnostic import DataError, Diagnostic, PccError
from pccompiler.diagnostics.render import render
from runtime.commands.options import EXITS, PLUGIN, plugins_first, use_plugins
from runtime.host.durable import advice
from runtime.host.signals import Stopped, stop_ends, stop_on_signals
from runtime.host.streams import forget_output, open_streams, tell

COMPLETING = "_PCC_COMPLETE"
"""The variable by which a shell asks for completions."""


class Commands(UserDict[str, Any]):
    """Commands by name, in their order. Each is the `command` of a module of that name in this
    package, imported when it is first asked for, so that none waits for what others need."""

    def __init__(self, names: Iterable[str]) -> None:
        self.data = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        if self.data[name] is None:
            with _collecting_no_garbage():
                self.data[name] = import_module(f"runtime.commands.{name}").command
        return self.data[name]


class PccGroup(click.Group):
    """Turns errors into messages and exit codes; lists commands as they stand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, plugins_first(args))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _ending_quietly():  # --help and --version print here
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _ending_quietly():
            return super().invoke(ctx)

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        if COMPLETING in os.environ:
            from runtime.commands.shells import use_shells

            use_shells()

        def run() -> Any:
            return super(PccGroup, self).main(*args, standalone_mode=False, **extra)

        if not standalone_mode:
            return run()
        sys.exit(_exit_code(run))


@contextmanager
def _collecting_no_garbage() -> Iterator[None]:
    """While modules are imported hardly anything is garbage, and looking for it takes a tenth of
    the time of a check. What has been imported stays, so later collections leave it out."""
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_collecting:
            gc.enable()


def command_line(names: Iterable[str]) -> PccGroup:
    """The command `pcc`, with the commands of these names."""

    @click.group(
        cls=PccGroup,
        commands=Commands(names),
        epilog=EXITS,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    @click.version_option(package_name="pcc", prog_name="pcc")
    @PLUGIN
    def main(plugins: tuple[str, ...]) -> None:
        """Compile and train energy-based networks described in YAML.

        Start with `pcc new NAME`, then `pcc check NAME.yaml` and `pcc train NAME.yaml`.
        `pcc explain CODE` says more about any message, `pcc COMMAND --help` about a command.
        Results go to stdout, progress and messages to stderr.
        """
        use_plugins(plugins)

    return main


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
