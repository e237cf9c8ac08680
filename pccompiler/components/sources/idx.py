"""IDX, the format of MNIST: a big-endian header, then unsigned bytes.

    magic  u32    0x0800 + number of axes: 2051 for images, 2049 for labels
    sizes  u32    one per axis: samples (, rows, columns)
    data   u8     row-major

Source: http://yann.lecun.com/exdb/mnist (the page's "file formats" section).
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, cast

from pydantic import Field as Option

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

IMAGES, LABELS = 3, 1
"""Number of axes of the two kinds of file."""

FILES: Mapping[str, tuple[str, int]] = {
    "train images": ("train-images-idx3-ubyte", IMAGES),
    "train labels": ("train-labels-idx1-ubyte", LABELS),
    "test images": ("t10k-images-idx3-ubyte", IMAGES),
    "test labels": ("t10k-labels-idx1-ubyte", LABELS),
}

LARGEST = 16 * 2**30
"""Bytes; a file that promises more is not read into memory."""

MOST_PER_GZIP_BYTE = 1032
"""Deflate cannot compress better, so a header that promises more lies."""


class Idx(DataSource):
    """Your own images and labels, as the four IDX files of MNIST (.gz or not)."""

    name: ClassVar[str] = "idx"
    shorthand: ClassVar[str | None] = "folder"
    in_folders: ClassVar[bool] = True
    how_to_get: ClassVar[str] = (
        "put {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, "
        "with or without .gz, into the folder named by `idx`"
    )

    folder: str = Option(description="folder that holds the four files")
    classes: Classes | None = Option(
        default=None,
        description="number of classes, or a list of their names; default: the largest label plus "
        "one",
    )

    def files(self, folders: Sequence[Path]) -> Mapping[str, Path]:
        return find_files([folder / Path(self.folder).expanduser() for folder in folders], self)

    def load(self, folders: Sequence[Path]) -> Dataset:
        return load_idx(self.files(folders), self.classes)


def find_files(folders: Sequence[Path], source: DataSource) -> Mapping[str, Path]:
    """The four files, all from the first folder that holds any of them."""
    chosen = next((f for f in folders if any(_find(f, name) for name, _ in FILES.values())), None)
    found: dict[str, Path] = {}
    for content, (name, _) in FILES.items():
        path = _find(chosen, name) if chosen else None
        if path is None:
            raise missing_file(name, [chosen] if chosen else folders, source.how_to_get)
        found[content] = path
    return found


def _find(folder: Path, name: str) -> Path | None:
    dotted = name.replace("-idx", ".idx")  # as some archives spell it
    candidates = (folder / f"{base}{ending}" for base in (name, dotted) for ending in ("", ".gz"))
    return next((path for path in candidates if is_file(path)), None)


def load_idx(
    files: Mapping[str, Path],
    classes: Classes | None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Dataset:
    """Images and labels from the four files; `shapes` are demanded where they are given."""
    arrays = {
        content: read_idx(path, FILES[content][1], shapes[content] if shapes else None)
        for content, path in files.items()
    }
    splits: dict[str, dict[str, Field]] = {}
    for split, other in (("train", "test"), ("test", "train")):
        images, labels = arrays[f"{split} images"], arrays[f"{split} labels"]
        file = files[f"{split} labels"]
        if len(images) != len(labels):
            raise wrong_format(
                file,
                f"it holds {len(labels)} labels, but {files[f'{split} images']} holds "
                f"{len(images)} images",
                "the two files must come from the same data set",
            )
        splits[split] = {
            "image": Field(images, "features", full_scale=255.0),
            "label": class_field(labels, classes, file, [arrays[f"{other} labels"]]),
        }
    return Dataset(splits["train"], splits["test"])


def read_idx(path: Path, axes: int, shape: tuple[int, ...] | None = None) -> Any:
    """The array of an IDX file, uint8, with `axes` axes; .gz is unpacked while reading.

    Reads at most one byte more than the header promises, so that a file that inflates
    without end costs nothing. Raises DataError: PC502 for a file that cannot be read to its
    end, PC503 for a wrong magic number, size or shape, PC507 where the system refuses.
    """
    import numpy as np

    again = "get the file again from where it came"
    zipped = path.suffix == ".gz"
    try:
        opened = cast("IO[bytes]", gzip.open(path) if zipped else path.open("rb"))  # noqa: SIM115
        with opened as stream:
            sizes = _header(stream, path, axes, shape)
            promised = math.prod(sizes)
            most = path.stat().st_size * (MOST_PER_GZIP_BYTE if zipped else 1)
            if promised > min(most, LARGEST):
                raise wrong_format(
                    path,
                    f"its header promises {promised:,} bytes, more than "
                    + ("it can hold" if promised > most else f"the limit of {LARGEST:,}"),
                    again,
                )
            payload = stream.read(promised + 1)
    except (OSError, MemoryError) as error:
        raise unreadable_file(path, error, again) from None
    except (EOFError, zlib.error) as error:
        problem = str(error) or type(error).__name__
        raise damaged_file(path, problem, again) from None
    if len(payload) < promised:
        problem = f"it holds {len(payload):,} of the {promised:,} bytes that its header promises"
        raise damaged_file(path, problem, again)
    if len(payload) > promised:
        raise wrong_format(path, f"it goes on after the {promised:,} bytes it promises", again)
    return np.frombuffer(payload, np.uint8).reshape(sizes)


def _header(
    stream: IO[bytes], path: Path, axes: int, shape: tuple[int, ...] | None
) -> tuple[int, ...]:
    words = stream.read(4 * (1 + axes))
    expected = 0x0800 + axes
    if len(words) < 4 * (1 + axes):
        raise damaged_file(path, "it ends within its header", "get the file again")
    magic, *sizes = (int.from_bytes(words[i : i + 4], "big") for i in range(0, len(words), 4))
    if magic != expected:
        what = "images" if axes == IMAGES else "labels"
        raise wrong_format(
            path,
            f"its magic number is {magic}, not {expected}, the one of IDX {what}",
            "check that the file is in IDX format and under the right name",
        )
    if shape is not None and tuple(sizes) != shape:
        raise wrong_format(
            path,
            f"its shape is {tuple(sizes)}, not {shape}",
            "it belongs to another data set; use the source `idx` for data of your own",
        )
    return tuple(sizes)


def idx_bytes(values: Any, axes: int) -> bytes:
    """The content of an IDX file (unpacked) that holds these unsigned bytes."""
    import numpy as np

    values = np.asarray(values)
    header = (0x0800 + axes, *values.shape)
    return b"".join(n.to_bytes(4, "big") for n in header) + values.astype(np.uint8).tobytes()
