"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from runtime.host.streams import tell

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDEST = 10_000
"""Columns of a table in a file, at most."""


def print_table(
    title: str,
    columns: Iterable[str],
    rows: Iterable[Iterable[str]],
    spare: Sequence[str] | None = None,
) -> None:
    """A table on stdout; columns whose name ends with `#` are numbers, set flush right.

    With `spare`, no cell is folded: where a terminal is too narrow, these columns are left out,
    the first of them first, and named below the table.
    """
    columns, rows, hidden = list(columns), [list(row) for row in rows], list(spare or ())
    console = _console()
    table = _table(title, columns, rows, fold=spare is None)
    left_out: list[str] = []
    while hidden and _width(console, table) > console.width and console.is_terminal:
        left_out.append(hidden.pop(0))
        place = columns.index(left_out[-1])
        columns, rows = _without(columns, place), [_without(row, place) for row in rows]
        table = _table(title, columns, rows, fold=False)
    # A file or a pipe has no width to keep to; what may not be folded is left to the terminal.
    if spare is not None or not console.is_terminal:
        console.width = max(console.width, _width(console, table))
    console.print(table)
    if left_out:
        names = ", ".join(name.removesuffix("#") for name in left_out)
        tell(f"not shown, since the terminal is narrow: {names} (--json shows all)")


def fits(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> bool:
    """Whether a table fits on stdout as it is; in a file or a pipe it always does."""
    console = _console()
    table = _table("", list(columns), [list(row) for row in rows], fold=False)
    return not console.is_terminal or _width(console, table) <= console.width


def _console() -> Console:
    """The terminal, or the file or pipe in its place."""
    from rich.console import Console

    class Ours(Console):
        """Leaves a reader that went away (`| head`) to the command line, which then ends
        quietly."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Ours()


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], fold: bool) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        justify = "right" if column.endswith("#") else "left"
        name = column.removesuffix("#")
        table.add_column(name, justify=justify, overflow="fold", no_wrap=not fold)
    for row in rows:
        table.add_row(*row)
    return table


def _width(console: Console, table: Table) -> int:
    widest = console.options.update(max_width=_WIDEST)
    return console.measure(table, options=widest).maximum


def _without(cells: list[str], place: int) -> list[str]:
    return cells[:place] + cells[place + 1 :]
