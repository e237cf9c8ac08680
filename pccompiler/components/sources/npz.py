"""Arrays of the user's own, in one `.npz` file as `numpy.savez` writes it."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field as Option
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from pccompiler.components.sources.base import (
    Classes,
    Dataset,
    DataSource,
    Field,
    class_field,
    damaged_file,
    is_file,
    missing_file,
    unreadable_file,
    wrong_format,
)
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic

_DRIVE = re.compile("[A-Za-z]:/")


class Npz(DataSource):
    """Your own arrays from an .npz file; the first axis counts the samples."""

    name: ClassVar[str] = "npz"
    shorthand: ClassVar[str | None] = "path"
    in_folders: ClassVar[bool] = True
    how_to_get: ClassVar[str] = (
        "write it with numpy.savez(path, x=features, y=target); a relative path starts at "
        "`data.root`, else at PCC_DATA, the current folder or the spec's folder"
    )

    path: str = Option(description="the file")
    features: str | tuple[str, ...] = Option(
        default="x", description="the array of features, or a list of several"
    )
    target: str | None = Option(
        default="y",
        description="the array of targets; integers, text and booleans are classes; null for none",
    )
    test_features: str | tuple[str, ...] | None = Option(
        default=None, description="the same for testing; default: a split of the others"
    )
    test_target: str | None = Option(default=None, description="the targets of test_features")
    classes: Classes | None = Option(
        default=None,
        description="number of classes, or a list of their names; default: the largest label plus "
        "one; of text, its different values in alphabetical order",
    )

    def files(self, folders: Sequence[Path]) -> Mapping[str, Path]:
        name = Path(self.path).expanduser()
        found = next((f / name for f in folders if is_file(f / name)), None)
        if found is None:
            raise missing_file(self.path, folders, self.how_to_get)
        return {"arrays": found}

    @model_validator(mode="after")
    def _test_arrays_match(self) -> Npz:
        features, test = _names(self.features), _names(self.test_features)
        if test and (len(test) != len(features) or bool(self.test_target) != bool(self.target)):
            raise PydanticCustomError(
                "test_arrays",
                "`test_features` and `test_target` need one array for each of "
                "`features` and `target`",
            )
        if self.test_target and not test:
            raise PydanticCustomError("test_arrays", "`test_target` needs `test_features`")
        return self

    def load(self, folders: Sequence[Path]) -> Dataset:
        file = self.files(folders)["arrays"]
        train = (*_names(self.features), *_names(self.target))
        test = (*_names(self.test_features), *_names(self.test_target))
        targets = [name for name in (self.target, self.test_target) if name]
        arrays = read_npz(file, (*train, *test), text=targets)
        labels = [arrays[name] for name in targets]
        if len({values.dtype.kind in "US" for values in labels}) > 1:
            told = " and ".join(f"`{name}` is {arrays[name].dtype}" for name in targets)
            raise wrong_format(file, f"of its labels, {told}", "store both alike")
        # The arrays of the test split stand under the names of those they correspond to.
        splits = [
            {new: arrays[old] for new, old in zip(train, names, strict=True)}
            for names in (train, test)
            if names
        ]
        return Dataset(*(self._fields(file, split, labels) for split in splits))

    def _fields(
        self, file: Path, arrays: Mapping[str, Any], labels: Sequence[Any]
    ) -> Mapping[str, Field]:
        counts = {name: len(values) for name, values in arrays.items()}
        if len(set(counts.values())) > 1:
            found = ", ".join(f"`{name}` {count}" for name, count in counts.items())
            raise wrong_format(
                file,
                f"its arrays differ in the number of samples: {found}",
                "the first axis of every array counts the samples",
            )
        fields = {name: _features(values) for name, values in arrays.items()}
        if self.target:
            target = arrays[self.target]
            if target.dtype.kind != "f":
                fields[self.target] = class_field(target, self.classes, file, labels)
            elif self.classes is None:
                fields[self.target] = Field(target, "target")
            else:
                raise _unusable(
                    file,
                    f"array `{self.target}` holds {target.dtype}, but `classes` says that they are "
                    "classes",
                    f"store them as integers, `{self.target}.astype(int)`, or leave out `classes`",
                )
        return fields


def _names(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else names


def _features(values: Any) -> Field:
    full_scale = 255.0 if values.dtype.name == "uint8" else 1.0
    return Field(values, "features", full_scale=full_scale)


def read_npz(
    path: Path, wanted: Sequence[str] | None = None, text: Sequence[str] | None = ()
) -> Mapping[str, Any]:
    """Arrays of an .npz file by name; all of them where none is named. They are numbers, or, for
    the names in `text` (None: for any), may be texts.

    Pickled objects are refused, never loaded. Raises DataError: PC502 for a file that is
    damaged, PC507 for one that cannot be read, PC505 for every array that is missing, empty, not
    numeric or not finite.
    """
    import numpy as np

    again = "write it again with numpy.savez"
    try:
        # Opened here, because np.load leaves a damaged file open.
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise wrong_format(path, "it is a single array (.npy), not an .npz file", again)
            _refuse_ways_out(path, archive)
            names = archive.files if wanted is None else wanted
            absent = [name for name in names if name not in archive.files]
            if absent:
                raise _unusable(
                    path,
                    f"has no array `{absent[0]}`; it holds {', '.join(archive.files) or 'none'}",
                    "name the arrays: {npz: {path: ..., features: ..., target: ...}}",
                )
            return _all_of(path, names, archive, text)
    except (OSError, MemoryError) as error:
        raise unreadable_file(path, error, again) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        if "allow_pickle" in problem:  # what NumPy says of any file that is no archive
            problem = "it is not an .npz file"
        raise damaged_file(path, problem.splitlines()[0], again) from None


def _all_of(
    path: Path, names: Sequence[str], archive: Any, text: Sequence[str] | None
) -> Mapping[str, Any]:
    """The arrays of these names. Raises one DataError with what is wrong in any of them."""
    arrays: dict[str, Any] = {}
    problems: list[Diagnostic] = []
    for name in names:
        try:
            arrays[name] = _numeric(path, name, archive, text is None or name in text)
        except DataError as error:
            problems += error.diagnostics
    if problems:
        raise DataError(problems)
    return arrays


def _refuse_ways_out(path: Path, archive: Any) -> None:
    """Raises DataError (PC503) for members that would leave a folder if they were unpacked, or
    are links. Nothing is ever unpacked here, but such an archive is not one of arrays."""
    for member in archive.zip.infolist():
        name = member.filename.replace("\\", "/")
        kind = "link" if stat.S_ISLNK(member.external_attr >> 16) else "path"
        outside = name.startswith("/") or ".." in name.split("/") or _DRIVE.match(name)
        if kind == "link" or outside:
            raise wrong_format(
                path,
                f"its member `{member.filename}` is a {kind} that leads out of it",
                "do not use this file; write arrays with numpy.savez",
            )


def read_npy(path: Path) -> Any:
    """The numeric array of an .npy file. Raises DataError as `read_npz` does."""
    import numpy as np

    again = "write it again with numpy.save"
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, MemoryError) as error:
        raise unreadable_file(path, error, again) from None
    except (EOFError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        if "allow_pickle" in problem:
            problem = "it is not an .npy file of numbers"
        raise damaged_file(path, problem.splitlines()[0], again) from None
    if not isinstance(values, np.ndarray):
        values.close()
        raise wrong_format(path, "it is an .npz file, not a single array", again)
    return _numbers(path, path.stem, values)


def _numeric(path: Path, name: str, archive: Any, text: bool) -> Any:
    try:
        values = archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise _unusable(
            path,
            f"array `{name}` holds Python objects",
            "store plain arrays of numbers; text as `array.astype(str)`, of which "
            f"{NUMBERED.format(name)} are the numbers of classes",
        ) from None
    return _numbers(path, name, values, text)


NUMBERED = "`numpy.unique({}.astype(str), return_inverse=True)[1]`"
"""How names of classes become numbers."""


def _numbers(path: Path, name: str, values: Any, text: bool = False) -> Any:
    """The array, if it holds finite numbers and has an axis of samples; perhaps text."""
    import numpy as np

    if values.dtype.kind in "SU" and not text:
        raise _unusable(
            path,
            f"array `{name}` is text",
            f"store numbers; {NUMBERED.format(name)} numbers names of classes",
        )
    if values.dtype.kind not in "biufSU" or values.ndim == 0:
        raise _unusable(
            path,
            f"array `{name}` is {values.dtype} of shape {values.shape}",
            "store arrays of numbers, the first axis counting the samples",
        )
    if len(values) and not values.size:
        raise _unusable(
            path,
            f"array `{name}` has {len(values)} samples without numbers: its shape is "
            f"{values.shape}",
            "store at least one number for each sample",
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise _unusable(path, _not_finite(name, values), "replace or drop these samples")
    return values


def _not_finite(name: str, values: Any) -> str:
    """Where an array is not finite first, and how often."""
    import numpy as np

    where: Any = np.argwhere(~np.isfinite(values))
    samples, first = len(np.unique(where[:, 0])), [int(i) for i in where[0]]
    column = f", column {', '.join(map(str, first[1:]))}" if len(first) > 1 else ""
    told = "NaN" if np.isnan(values[tuple(first)]) else "infinity"
    return (
        f"array `{name}` holds {told} in sample {first[0]}{column}; {len(where)} of "
        f"{values.size} numbers, in {samples} of {len(values)} samples, are NaN or infinity"
    )


def _unusable(path: Path, problem: str, help: str) -> DataError:
    return DataError(Diagnostic("PC505", f"data file {path} {problem}", help=help))
