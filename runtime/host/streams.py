"""Standard output and error where nobody listens, nothing fits, or neither is open.

Results go to stdout and must arrive, or the command fails; what `tell` says on stderr only
accompanies them and never changes how a command ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click


def tell(text: str) -> None:
    """Says something on stderr, if that can be."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True)


@contextmanager
def ending_with(code: int) -> Iterator[None]:
    """Prints what is printed inside and ends the command with the exit code, which stays what
    it is where the reader of the output has left."""
    with suppress(BrokenPipeError):
        yield
    raise SystemExit(code)


def open_streams() -> None:
    """Puts the null device where a standard stream is closed, so that no file that is opened
    later takes its number and gets what is written to it; and lets letters that a terminal does
    not know be written as escapes."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, this one
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # pyright: ignore


def forget_output() -> None:
    """Keeps the interpreter from writing at exit what could not be written before."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(nowhere, stream.fileno())
