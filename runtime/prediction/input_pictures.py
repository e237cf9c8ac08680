"""Pictures as inputs: PNG files, one for each sample, in the units of the training data."""

from __future__ import annotations

import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pccompiler.components.sources.base import damaged_file, unreadable_file
from pccompiler.components.vocabulary import Shape
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic

ENDING = ".png"


@dataclass(frozen=True)
class Pictures:
    """Files of pictures that are read once the node they are for is known."""

    files: tuple[Path, ...]

    def read(self, node: str, shape: Shape, white: float) -> np.ndarray:
        """Values from 0 for black to `white`, float32: (files, height, width, channels) as
        `shape`, (height, width, 1 or 3), says. A colour becomes its brightness where one
        channel is wanted, a grey three equal ones where three are.

        Raises DataError: PC502 for a file that is damaged or no PNG, PC556 for a picture that
        is transparent or moves, PC550 for one of another size, PC507 for one that cannot be
        read.
        """
        return np.stack([_values(file, node, shape) * np.float32(white) for file in self.files])


def pictures_in(folder: Path) -> tuple[Path, ...]:
    """The PNG files of a folder by name; hidden and other files are passed over.

    Raises DataError: PC556 where there are none, PC507 for a folder that cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise unreadable_file(folder, error, "name another folder") from None
    found = tuple(
        entry
        for entry in entries
        if entry.suffix.lower() == ENDING and not entry.name.startswith(".") and entry.is_file()
    )
    if not found:
        help = f"name a folder with files ending in {ENDING}, or a file"
        raise DataError(Diagnostic("PC556", f"folder {folder} holds no pictures", help=help))
    return found


def _values(file: Path, node: str, shape: Shape) -> np.ndarray:
    """The values of a picture from 0 to 1, of this shape."""
    from PIL import Image

    height, width, channels = shape
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of pictures too large to be meant
            with Image.open(file, formats=("PNG",)) as picture:
                # Before the pixels are unpacked: a small file may hold a huge picture.
                _refuse_other_sizes(file, node, picture.size, (width, height))
                if getattr(picture, "n_frames", 1) > 1:
                    raise _unusable(file, "it moves", "save one picture of it")
                return _pixels(file, picture, channels).reshape(shape)
    except Image.UnidentifiedImageError:
        raise damaged_file(file, "it is not a PNG picture", "save it as PNG") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _unusable(file, str(error), f"`{node}` takes {width} x {height} pixels") from None
    except (OSError, MemoryError) as error:
        raise unreadable_file(file, error, "save it as PNG again") from None
    except (ValueError, SyntaxError, EOFError, zlib.error) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise damaged_file(file, problem, "save it as PNG again") from None


def _pixels(file: Path, picture: Any, channels: int) -> np.ndarray:
    if picture.mode.startswith("I"):  # grey in 16 bits
        grey = np.asarray(picture).astype(np.float32) / np.float32(65535)
        return np.repeat(grey[..., None], channels, axis=-1)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if picture.getextrema()[-1][0] < 255:
            help = "save it without transparency, on the background that is meant"
            raise _unusable(file, "a part of it is transparent", help)
    mode = "RGB" if channels == 3 else "L"
    if mode == "L" and picture.mode == "P":
        picture = picture.convert("RGB")
    return np.asarray(picture.convert(mode)).astype(np.float32) / np.float32(255)


def _refuse_other_sizes(
    file: Path, node: str, size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    if size != wanted:
        message = (
            f"picture {file} has {size[0]} x {size[1]} pixels, but `{node}` takes "
            f"{wanted[0]} x {wanted[1]}"
        )
        help = "scale or cut it to that width and height"
        raise DataError(Diagnostic("PC550", message, help=help))


def _unusable(file: Path, problem: str, help: str) -> DataError:
    return DataError(Diagnostic("PC556", f"picture {file}: {problem}", help=help))
