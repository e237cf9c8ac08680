"""What a data source is: named fields, read from files or packages into NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pccompiler.components.member import Member


@dataclass(frozen=True)
class Field:
    """One array of a source, first axis = samples.

    `kind` is `features` (numbers that go in), `classes` (integers 0..classes-1, given to
    their node one-hot) or `target` (numbers to be predicted). A `features` field of raw
    integers says in `full_scale` which value becomes 1.0.
    """

    values: Any
    kind: Literal["features", "classes", "target"]
    classes: int = 0
    full_scale: float = 1.0


@dataclass(frozen=True)
class Dataset:
    """All samples of a source. Without `test` fields the test split is cut from `train`."""

    train: Mapping[str, Field]
    test: Mapping[str, Field] | None = None


class DataSource(Member):
    """Where samples come from."""

    default_folders: ClassVar[tuple[str, ...]] = ()

    def load(self, folders: Sequence[Path]) -> Dataset:
        """Reads everything, looking for files in these folders in order.

        Raises DataError, which names the file, what is wrong with it and how to get it.
        """
        raise NotImplementedError
