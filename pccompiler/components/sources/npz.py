"""Arrays of the user's own, in one `.npz` file as `numpy.savez` writes it."""

from __future__ import annotations

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
    is_file,
    missing_file,
    wrong_format,
)
from pccompiler.components.sources.stored import (
    StoredArray,
    numbers_of,
    stored_arrays,
    unusable_array,
)


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

    def layouts(self, folders: Sequence[Path]) -> Mapping[str, Field]:
        file, stored = self._stored(folders)
        train = (*_names(self.features), *_names(self.target))
        _refuse_other_counts(file, {name: stored[name] for name in train})
        target_kind = (
            "target" if self.target and stored[self.target].dtype.kind == "f" else "classes"
        )
        return {
            name: Field(stored[name], target_kind if name == self.target else "features")
            for name in train
        }

    def load(self, folders: Sequence[Path]) -> Dataset:
        file, stored = self._stored(folders)
        train = (*_names(self.features), *_names(self.target))
        test = (*_names(self.test_features), *_names(self.test_target))
        for names in (train, test):
            _refuse_other_counts(file, {name: stored[name] for name in names})
        arrays = numbers_of(stored)
        targets = [name for name in (self.target, self.test_target) if name]
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

    def _stored(self, folders: Sequence[Path]) -> tuple[Path, Mapping[str, StoredArray]]:
        """The file, and what the headers in it say of the arrays that are named."""
        file = self.files(folders)["arrays"]
        targets = [*_names(self.target), *_names(self.test_target)]
        wanted = [*_names(self.features), *_names(self.test_features), *targets]
        return file, stored_arrays(file, tuple(dict.fromkeys(wanted)), text=targets)

    def _fields(
        self, file: Path, arrays: Mapping[str, Any], labels: Sequence[Any]
    ) -> Mapping[str, Field]:
        fields = {name: _features(values) for name, values in arrays.items()}
        if self.target:
            target = arrays[self.target]
            if target.dtype.kind != "f":
                fields[self.target] = class_field(target, self.classes, file, labels)
            elif self.classes is None:
                fields[self.target] = Field(target, "target")
            else:
                raise unusable_array(
                    file,
                    f"array `{self.target}` holds {target.dtype}, but `classes` says that they are "
                    "classes",
                    f"store them as integers, `{self.target}.astype(int)`, or leave out `classes`",
                )
        return fields


def _refuse_other_counts(file: Path, arrays: Mapping[str, StoredArray]) -> None:
    """Raises DataError (PC503) if the arrays are not of equally many samples."""
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"`{name}` {count}" for name, count in counts.items())
        raise wrong_format(
            file,
            f"its arrays differ in the number of samples: {found}",
            "the first axis of every array counts the samples",
        )


def _names(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else names


def _features(values: Any) -> Field:
    full_scale = 255.0 if values.dtype.name == "uint8" else 1.0
    return Field(values, "features", full_scale=full_scale)
