"""Files of inputs by their ending: arrays, tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pccompiler.components.sources.base import wrong_format
from pccompiler.components.sources.stored import stored_array, stored_arrays
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic, SpecError
from runtime.prediction.input_pictures import Pictures, pictures_in
from runtime.prediction.input_tables import read_table

ENDINGS = (".npz", ".npy", ".csv", ".png")
KINDS = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"


def read_inputs(paths: Sequence[Path], header: bool | None = None) -> Mapping[str, Any] | Pictures:
    """The arrays of a file by name, or several pictures, also those of a folder; `header` as
    `read_table` has it.

    The array of an .npy file, or of a table without a header, stands under the file's name. Of
    .npz and .npy files only the headers are read: see `StoredArray`.

    Raises SpecError (PC550) for several files that are no pictures, DataError: PC501 for one
    that is missing, PC507 for one that cannot be read, PC502 to PC505, PC555 and PC556 for one
    that is bad.
    """
    pictures: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if path.is_dir():
            pictures += pictures_in(path)
        elif not path.is_file():
            help = f"name a file ending in {KINDS}, or a folder of pictures"
            raise DataError(Diagnostic("PC501", f"input file {path} is missing", help=help))
        else:
            (pictures if path.suffix.lower() == ".png" else others).append(path)
    if others and len(paths) > 1:
        message = f"{others[0]} is no picture, so it has to be the only file of inputs"
        help = "name one file with all samples, or only pictures"
        raise SpecError(Diagnostic("PC550", message, help=help))
    return _arrays(others[0], header) if others else Pictures(tuple(pictures))


def names_inputs(word: str) -> bool:
    """Whether a word on the command line names a file or folder of inputs, not a number."""
    return word.lower().endswith(ENDINGS) or Path(word).is_dir()


def _arrays(path: Path, header: bool | None) -> Mapping[str, Any]:
    match path.suffix.lower():
        case ".npz":
            return stored_arrays(path, text=None)
        case ".npy":
            return {path.stem: stored_array(path)}
        case ".csv":
            return read_table(path, header)
        case _:
            problem = "its ending is not one that inputs have"
            raise wrong_format(path, problem, f"name a file ending in {KINDS}")
