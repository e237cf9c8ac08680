"""Files of predictions: arrays, tables and pictures, by the ending of their name."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from runtime.data.encoding import Encoding
from runtime.host.durable import replace_file
from runtime.prediction.output_checks import warning
from runtime.prediction.pictures import as_png, picture_of

Outputs = Mapping[str, np.ndarray]
"""(samples, ...) by node name."""

ENDINGS = (".npz", ".csv", ".json", ".png")


def refuse_other_endings(target: Path) -> None:
    """Raises SpecError (PC551) for a file of a kind that cannot be written."""
    if target.suffix not in ENDINGS:
        message = f"cannot write predictions as `{target.name}`"
        help = f"name a file ending in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        raise SpecError(Diagnostic("PC551", message, help=help))


def write(
    target: Path, outputs: Outputs, encodings: Mapping[str, Encoding]
) -> tuple[tuple[Path, ...], tuple[Diagnostic, ...]]:
    """Writes what was read; returns the files, one, or a picture for each node, and PC544 where
    a picture shows a part of the samples.

    Raises SpecError (PC551) for a node that is no picture, or of the name of a column of
    another's classes; DataError (PC522) where nothing can be written.
    """
    told: list[Diagnostic] = []
    if target.suffix == ".png":
        pictures = {
            node: picture_of(node, values, encodings.get(node)) for node, values in outputs.items()
        }
        files = {
            node: target if len(pictures) == 1 else target.with_stem(f"{target.stem}-{node}")
            for node in pictures
        }
        contents = {files[node]: as_png(picture) for node, picture in pictures.items()}
        for node, picture in pictures.items():
            if picture.left_out:
                count = len(outputs[node])
                told.append(
                    warning(
                        "PC544",
                        f"{files[node]} shows the first {count - picture.left_out} of {count} "
                        f"samples of `{node}`",
                        "name a file ending in .npz for all of them, or predict them in parts",
                    )
                )
    else:
        contents = {target: _FORMS[target.suffix](outputs, _of_classes(outputs, encodings))}
    for file, content in contents.items():
        replace_file(file, content)
    return tuple(contents), tuple(told)


def _of_classes(outputs: Outputs, encodings: Mapping[str, Encoding]) -> dict[str, Outputs]:
    """By node of classes: `NODE_class`, the number of the likeliest, and its name if it has one."""
    found: dict[str, Outputs] = {}
    for node, values in outputs.items():
        code = encodings.get(node)
        if code is None or not code.are_classes:
            continue
        numbers = values.argmax(-1)
        found[node] = {f"{node}_class": numbers}
        if code.names:
            found[node] = {**found[node], f"{node}_name": np.array(code.names)[numbers]}
        taken = [name for name in found[node] if name in outputs]
        if taken:
            message = f"`{taken[0]}` is both a node and the class of `{node}`"
            help = "write them to two files: `--read` one after the other"
            raise SpecError(Diagnostic("PC551", message, help=help))
    return found


def _as_npz(outputs: Outputs, classes: Mapping[str, Outputs]) -> bytes:
    arrays = {**outputs, **{k: v for arrays in classes.values() for k, v in arrays.items()}}
    buffer = io.BytesIO()
    # Not numpy.savez, whose keywords cannot be named like its own parameters, such as `file`.
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(values))
    return buffer.getvalue()


def _as_csv(outputs: Outputs, classes: Mapping[str, Outputs]) -> bytes:
    count = len(next(iter(outputs.values())))
    columns: dict[str, np.ndarray] = {"sample": np.arange(count)}
    for node, values in outputs.items():
        for name, numbers in classes.get(node, {}).items():
            columns |= _columns(name, numbers)
        columns |= _columns(node, values)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # float32 as text: the shortest that reads back as the same number
    writer.writerows(zip(*(values.astype(str) for values in columns.values()), strict=True))
    return text.getvalue().encode()


def _as_json(outputs: Outputs, classes: Mapping[str, Outputs]) -> bytes:
    """As in an .npz file, with nested lists."""
    told: dict[str, Any] = {}
    for node, values in outputs.items():
        told |= {name: numbers.tolist() for name, numbers in classes.get(node, {}).items()}
        told[node] = _plain(values)
    return (json.dumps(told, allow_nan=False) + "\n").encode()


def _plain(values: np.ndarray) -> Any:
    """Nested lists; float32 as the shortest text that reads back as the same number."""
    if values.dtype != np.float32:
        return values.tolist()
    return values.astype(str).astype(np.float64).tolist()


_FORMS: Mapping[str, Callable[[Outputs, Mapping[str, Outputs]], bytes]] = {
    ".npz": _as_npz,
    ".csv": _as_csv,
    ".json": _as_json,
}


def _columns(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """One column per unit, named like `label[3]` or `image[0,5]`; a single one has no index."""
    if values.ndim == 1:
        return {name: values}
    return {
        f"{name}[{','.join(map(str, index))}]": values[(slice(None), *index)]
        for index in np.ndindex(values.shape[1:])
    }
