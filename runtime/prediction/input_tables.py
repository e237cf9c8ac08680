"""Tables of inputs: CSV files with a row per sample, as `pcc predict -o y.csv` writes them too.

    sample,x[0],x[1],label        a header names nodes, with an index for each of their units
    0,0.5,-1e-3,7                 `sample` is passed over; `label_class` wins over `label[0]`, ...,
                                   and `label_name` beside it is passed over

Without a header the columns are the units of a single node, in their order; so they are under a
header of their numbers 0, 1, ..., as pandas writes it.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pccompiler.components.sources.base import unreadable_file
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic

_HEADING = re.compile(
    r"\s*([a-z_][a-z0-9_]*)\s*(?:\[(\s*\d{1,9}\s*(?:,\s*\d{1,9}\s*)*)\])?\s*",
    re.ASCII | re.IGNORECASE,
)
"""The name of a node, perhaps with the index of a unit."""
_SHOWN = 40
"""Characters of a cell in a message."""

Index = tuple[int, ...]
Line = tuple[int, list[str]]
"""The number of the last line of a row, and its cells."""


def read_table(path: Path, header: bool | None = None) -> Mapping[str, np.ndarray]:
    """The arrays of a CSV file by node, (samples, *shape); without names that of all columns
    under the file's own name.

    `header` says whether the first row is one; None: unless it holds numbers other than those of
    the columns. Raises DataError: PC507 for a file that cannot be read, PC555, with line and
    column, for one that is no table of finite numbers, and for a single column that begins with
    0, which may be its number or a sample.
    """
    rows = list(_rows(path))
    if not rows:
        raise _bad(path, "it is empty", "write a row of numbers for each sample")
    first_line, first = rows[0]
    numbers = [_number(cell) is not None for cell in first]
    if header is None and _numbers_columns(first) and len(first) == 1:
        problem = "it may be the number of the column, as pandas writes it, or a sample"
        help = "say which: --header or --no-header (in Python header=True or False)"
        raise _bad(path, f"the first row is 0: {problem}", help, first_line)
    if header is None:
        with_index = not first[0].strip() and _numbers_columns(first[1:])  # refused with advice
        header = with_index or _numbers_columns(first) or not any(numbers)
    data = rows[1:] if header else rows
    if not data:
        raise _bad(path, "it has a header and no samples", "write a row for each sample")
    if not header or all(numbers):
        return {path.stem: _values(path, data, range(len(first)), [""] * len(first))}
    groups, rows = _groups(path, first_line, first), data
    return {
        name: _values(path, rows, group.columns, first).reshape(len(rows), *group.shape)
        for name, group in groups.items()
    }


def has_numbered_header(path: Path) -> bool:
    """Whether the first row of a table is 0, 1, ..., the numbers of its columns."""
    _, first = next(_rows(path), (0, [""]))
    return _numbers_columns(first)


def _numbers_columns(cells: Sequence[str]) -> bool:
    return [cell.strip() for cell in cells] == [str(number) for number in range(len(cells))]


@dataclass(frozen=True)
class _Group:
    """The columns of a node, in the order of its units."""

    shape: Index
    columns: Sequence[int]


def _rows(path: Path) -> Iterator[Line]:
    """The rows that hold anything."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            try:
                for row in reader:
                    if any(cell.strip() for cell in row):
                        yield reader.line_num, row
            except csv.Error as error:
                raise _bad(path, str(error), "write it as a CSV table", reader.line_num) from None
    except UnicodeDecodeError:
        raise _bad(path, "it is not in UTF-8", "save it as a CSV table in UTF-8") from None
    except OSError as error:
        raise unreadable_file(path, error, "write it again") from None


def _groups(path: Path, line: int, header: Sequence[str]) -> Mapping[str, _Group]:
    """The columns of each node that the header names."""
    found: dict[str, dict[Index, int]] = {}
    for column, cell in enumerate(header):
        name, index = _heading(path, line, column, cell)
        units = found.setdefault(name, {})
        if index in units:
            problem = f"`{_cut(cell)}` is there twice"
            raise _bad(path, problem, "name each column once", line, column)
        if units and len(next(iter(units))) != len(index):
            problem = f"`{_cut(cell)}` has another number of axes than a column before it"
            raise _bad(path, problem, f"write the units of `{name}` alike", line, column)
        units[index] = column
    if header[0].strip() == "sample" and len(found) > 1:
        del found["sample"]
    for name in list(found):
        if f"{name}_class" in found:
            found[name] = found.pop(f"{name}_class")
            found.pop(f"{name}_name", None)
    return {name: _group(path, line, name, units) for name, units in found.items()}


def _heading(path: Path, line: int, column: int, cell: str) -> tuple[str, Index]:
    match = _HEADING.fullmatch(cell)
    if match is None:
        help = "name a node, with the index of a unit, such as `x[3]` or `image[0,5]`"
        if re.search("[;\t]", cell):
            help = "separate the cells with commas"
        elif not cell.strip() and column == 0:
            help = "leave out the index: `to_csv(path, index=False)` in pandas"
        raise _bad(path, f"`{_cut(cell)}` names no unit of a node", help, line, column)
    return match[1], tuple(int(part) for part in (match[2] or "").split(",") if part)


def _group(path: Path, line: int, name: str, units: Mapping[Index, int]) -> _Group:
    shape = tuple(1 + max(axis) for axis in zip(*units, strict=True))
    wanted = (_unit(number, shape) for number in range(min(math.prod(shape), len(units) + 1)))
    columns: list[int] = []
    for index in wanted:
        if index not in units:
            missing = f"{name}[{','.join(map(str, index))}]"
            problem = f"it has no column `{missing}`, though others of `{name}`"
            raise _bad(path, problem, "give a column for every unit, counted from 0", line)
        columns.append(units[index])
    return _Group(shape, columns)


def _unit(number: int, shape: Index) -> Index:
    """The index of a unit by its number, the last axis being the fastest."""
    index: list[int] = []
    for size in reversed(shape):
        number, place = divmod(number, size)
        index.append(place)
    return tuple(reversed(index))


def _values(
    path: Path, rows: Sequence[Line], columns: Sequence[int], header: Sequence[str]
) -> np.ndarray:
    """The numbers in some columns: float64, (rows, columns)."""
    values = np.empty((len(rows), len(columns)))
    for row, (line, cells) in enumerate(rows):
        if len(cells) != len(header):
            problem = f"it has {len(cells)} cells, not {len(header)} as the first row"
            help = "write a number in every column, and separate the cells with commas"
            raise _bad(path, problem, help, line)
        for place, column in enumerate(columns):
            number = _number(cells[column])
            if number is None:
                told = _cut(cells[column].strip())
                problem = f"`{told}` is no finite number" if told else "the cell is empty"
                help = "write numbers such as 3, -0.5 or 1e-3"
                raise _bad(path, problem, help, line, column, header[column].strip())
            values[row, place] = number
    return values


def _number(cell: str) -> float | None:
    """The finite number in a cell; None where there is none."""
    try:
        number = float(cell)
    except ValueError:
        return None
    # float() takes 1_000 for a number; in a table it is a slip
    return number if math.isfinite(number) and "_" not in cell else None


def _cut(cell: str) -> str:
    return cell if len(cell) <= _SHOWN else f"{cell[:_SHOWN]}..."


def _bad(
    path: Path,
    problem: str,
    help: str,
    line: int | None = None,
    column: int | None = None,
    name: str = "",
) -> DataError:
    """PC555; `column` counts from 0."""
    place = f", line {line}" if line is not None else ""
    if column is not None:
        place += f", column {column + 1}" + (f" (`{_cut(name)}`)" if name else "")
    return DataError(Diagnostic("PC555", f"data file {path}{place}: {problem}", help=help))
