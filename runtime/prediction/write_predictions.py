"""Files of predictions: arrays, tables and pictures, by the ending of their name."""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from runtime.data.encoding import Encoding
from runtime.host.durable import replace_file
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


def write(target: Path, outputs: Outputs, encodings: Mapping[str, Encoding]) -> tuple[Path, ...]:
    """Writes what was read; returns the files: one, or a picture for each node.

    Raises SpecError (PC551) for a node that is no picture, DataError (PC522) where nothing
    can be written.
    """
    if target.suffix == ".png":
        pictures = {
            node: picture_of(node, values, encodings.get(node)) for node, values in outputs.items()
        }
        files = {
            node: target if len(pictures) == 1 else target.with_stem(f"{target.stem}-{node}")
            for node in pictures
        }
        contents = {files[node]: as_png(picture) for node, picture in pictures.items()}
    else:
        classes = {
            node: values.argmax(-1)
            for node, values in outputs.items()
            if node in encodings and encodings[node].kind == "classes"
        }
        contents = {target: _FORMS[target.suffix](outputs, classes)}
    for file, content in contents.items():
        replace_file(file, content)
    return tuple(contents)


def _as_npz(outputs: Outputs, classes: Outputs) -> bytes:
    arrays = {**outputs, **{f"{node}_class": values for node, values in classes.items()}}
    buffer = io.BytesIO()
    # Not numpy.savez, whose keywords cannot be named like its own parameters, such as `file`.
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(values))
    return buffer.getvalue()


def _as_csv(outputs: Outputs, classes: Outputs) -> bytes:
    count = len(next(iter(outputs.values())))
    columns: dict[str, np.ndarray] = {"sample": np.arange(count)}
    for node, values in outputs.items():
        if node in classes:
            columns |= _columns(f"{node}_class", classes[node])
        columns |= _columns(node, values)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # float32 as text: the shortest that reads back as the same number
    writer.writerows(zip(*(values.astype(str) for values in columns.values()), strict=True))
    return text.getvalue().encode()


def _as_json(outputs: Outputs, classes: Outputs) -> bytes:
    """As in an .npz file, with nested lists; null for what is not finite."""
    told: dict[str, Any] = {}
    for node, values in outputs.items():
        if node in classes:
            told[f"{node}_class"] = classes[node].tolist()
        told[node] = _plain(values.tolist())
    return (json.dumps(told, allow_nan=False) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    # float32 as text: the shortest that reads back as the same number
    return float(str(np.float32(value))) if math.isfinite(value) else None


_FORMS: Mapping[str, Callable[[Outputs, Outputs], bytes]] = {
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
