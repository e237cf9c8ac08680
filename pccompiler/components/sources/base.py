"""The contract of data sources: named fields, read from files or packages into NumPy arrays."""

import errno
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator
from pydantic import Field as Option
from pydantic_core import PydanticCustomError

from pccompiler.components.member import Member
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic


@dataclass(frozen=True)
class Field:
    """One array of a source, first axis = samples.

    `kind` is `features` (numbers that go in), `classes` (integers 0..classes-1, given to
    their node one-hot) or `target` (numbers to be predicted). A `features` field of raw
    integers says in `full_scale` which value becomes 1.0. `names` are those of the classes, by
    number, where they have any. Classes that are true and false may be numbers 0 and 1 to a node.
    """

    values: Any
    kind: Literal["features", "classes", "target"]
    classes: int = 0
    full_scale: float = 1.0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """All samples of a source. Without `test` fields the test split is cut from `train`."""

    train: Mapping[str, Field]
    test: Mapping[str, Field] | None = None


class DataSource(Member):
    """A source of samples.

    `in_folders`: whether its files are looked for in folders, of which `default_folders` come
    last; `how_to_get` ends the message about a missing file; `checksums` are the SHA-256 of the
    contents (unpacked) of published files, by what they hold.
    """

    in_folders: ClassVar[bool] = False
    default_folders: ClassVar[tuple[str, ...]] = ()
    how_to_get: ClassVar[str] = ""
    checksums: ClassVar[Mapping[str, str]] = {}

    def files(self, folders: Sequence[Path]) -> Mapping[str, Path]:
        """The files that `load` reads, by what they hold; empty where none are needed.

        Raises DataError (PC501) for the first one that none of the folders holds, and for a
        package that is not installed.
        """
        return {}

    def layouts(self, folders: Sequence[Path]) -> Mapping[str, Field] | None:
        """The training fields with the shape of their values alone, as far as that is known
        before the values are read; None where it is not. Labels may be without `classes`."""
        return None

    @abstractmethod
    def load(self, folders: Sequence[Path]) -> Dataset:
        """Reads all fields, looking for files in these folders in order.

        Raises DataError, which names the file, what is wrong with it and how to get it.
        """


def missing_file(file: str, folders: Sequence[Path], how_to_get: str) -> DataError:
    """PC501: none of the folders holds the file."""
    there = next((folder / file for folder in folders if (folder / file).is_dir()), None)
    if there:
        help = "name a file in it" if any(there.iterdir()) else how_to_get
        return DataError(Diagnostic("PC501", f"data file `{file}` is a folder", help=help))
    looked = ", ".join(str(folder) for folder in folders) or "no folder"
    return DataError(
        Diagnostic("PC501", f"data file `{file}` is missing; looked in {looked}", help=how_to_get)
    )


def not_installed(source: str, package: str, how_to_get: str) -> DataError:
    """PC501: the data comes with a package that is not there."""
    message = f"the data of `{source}` is in the package {package}, which is not installed"
    return DataError(Diagnostic("PC501", message, help=how_to_get))


def damaged_file(file: Path, problem: str, help: str) -> DataError:
    """PC502: the content of the file is not whole."""
    return DataError(Diagnostic("PC502", f"data file {file} is damaged: {problem}", help=help))


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise PydanticCustomError("class_names", "the names of classes must differ")
    return names


Classes = (
    Annotated[int, Option(ge=1)]
    | Annotated[tuple[str, ...], Option(min_length=1), AfterValidator(_distinct)]
)
"""The number of classes, or their names in order."""

MAKE_READABLE = "make it, and the folders it is in, readable for you"


def unreadable_file(file: Path, error: OSError | MemoryError, help: str) -> DataError:
    """The message for a file that could not be read: PC502 if the fault is in it (`help` says
    what to do then), PC507 if it is the system that refuses."""
    if isinstance(error, MemoryError):
        problem = str(error) or "there is not enough memory"
        advice = "if it should not be that large, write it again; else a larger machine is needed"
    elif not is_refusal(error):
        return damaged_file(file, str(error), help)
    else:
        problem = error.strerror or str(error)
        advice = "try again; its disk may be faulty or disconnected"
        if error.errno in (errno.EACCES, errno.EPERM):
            advice = MAKE_READABLE
    return DataError(Diagnostic("PC507", f"cannot read {file}: {problem}", help=advice))


def is_refusal(error: OSError) -> bool:
    """Whether the system refuses to read, rather than the content being wrong: a library's own
    errors have no number, and offsets outside a file have EINVAL."""
    return error.errno not in (None, errno.EINVAL)


def is_file(path: Path) -> bool:
    """Whether there is such a file. Raises DataError (PC507) where that cannot be told."""
    try:
        return path.is_file()
    except OSError as error:
        raise unreadable_file(path, error, "") from None


def wrong_format(file: Path, problem: str, help: str) -> DataError:
    """PC503: the file is not what its name promises."""
    return DataError(Diagnostic("PC503", f"data file {file}: {problem}", help=help))


def class_field(
    values: Any, classes: Classes | None, file: Path, others: Sequence[Any] = ()
) -> Field:
    """A field of class labels, which are numbers, text, or true and false.

    `classes` are their number or their names in order; where it is not given it is inferred from
    these labels and from `others`, those of other splits, and the names of text are sorted.
    Raises DataError (PC504), naming the first label that is none of the classes.
    """
    import numpy as np

    labels = np.asarray(values)
    every = [labels, *(np.asarray(other) for other in others)]
    names = classes if isinstance(classes, tuple) else ()
    count = classes if isinstance(classes, int) else None
    if labels.dtype.kind in "US":
        labels, names = _numbered(every, names, file)
    elif labels.dtype.kind != "b":
        labels = labels.astype(np.int64)
    if names:
        count = len(names)
    if count is None:
        largest = max((int(part.max()) for part in every if part.size), default=0)
        count = 2 if labels.dtype.kind == "b" else 1 + largest
    bad = np.argwhere((labels < 0) | (labels >= count))
    if bad.size:
        sample = tuple(int(i) for i in bad[0])
        raise DataError(
            Diagnostic(
                "PC504",
                f"data file {file}: the label of sample {sample[0]} is {int(labels[sample])}, "
                f"outside 0..{count - 1}",
                help="labels count from 0; correct the file, or the number of classes",
            )
        )
    return Field(labels, "classes", classes=count, names=names)


def _numbered(
    every: Sequence[Any], names: tuple[str, ...], file: Path
) -> tuple[Any, tuple[str, ...]]:
    """The numbers of text labels, the first of `every`, and the names of the classes."""
    import numpy as np

    texts = [part.astype(str) for part in every if part.dtype.kind in "US"]
    names = names or tuple(np.unique(np.concatenate([t.reshape(-1) for t in texts])).tolist())
    order = np.argsort(names)
    known = np.array(names)[order]
    places = np.minimum(np.searchsorted(known, texts[0]), len(known) - 1)
    bad = np.argwhere(known[places] != texts[0])
    if bad.size:
        sample = tuple(int(i) for i in bad[0])
        raise DataError(
            Diagnostic(
                "PC504",
                f"data file {file}: the label of sample {sample[0]} is `{texts[0][sample]}`, which "
                "is none of the classes",
                help=f"name every class in `classes`, which has {', '.join(names)}",
            )
        )
    return order[places], names
