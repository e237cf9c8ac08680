"""Pictures of predicted nodes: a grid of samples, as a PNG file."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np

from pccompiler.components.vocabulary import Shape
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from runtime.data.encoding import Encoding

MOST = 64
"""Samples in a grid."""

TILE, DPI = 0.8, 150
"""Width of a sample in inches, and dots per inch."""


@dataclass(frozen=True)
class Picture:
    """Images (count, height, width, 1 or 3) from 0 to 1, in rows of `columns`; so many samples are
    `left_out`."""

    title: str
    images: np.ndarray
    columns: int
    left_out: int = 0


def picture_of(node: str, values: np.ndarray, code: Encoding | None) -> Picture:
    """The values of a node, (samples, ...), as a grid of images.

    A sample is an image if its shape, or that of its field, is (height, width), also with 1 or
    3 channels, or if it has as many units as a square. In time, the images at all times of a
    sample make a row; where one time is no image, all times together may be.
    Values from 0 to the field's full scale, or else from the smallest to the largest, become
    black to white. Raises SpecError (PC551) for a node that is no picture.
    """
    count, given = len(values), values.shape[1:]
    frames, shape = _layout(given, code)
    if shape is None:
        raise SpecError(
            Diagnostic(
                "PC551",
                f"`{node}` of shape {given} is no picture",
                help="name a file ending in .npz or .csv; pictures have a shape such as "
                "[8, 8], [8, 8, 3] or [64]",
            )
        )
    images = values[: max(1, MOST // frames)].reshape(-1, *shape).astype(np.float64)
    low, high = float(images.min()), float(images.max())
    if code is not None and code.full_scale != 1:
        low, high = 0.0, code.full_scale
    images = np.clip((images - low) / ((high - low) or 1.0), 0, 1)
    columns = frames if frames > 1 else math.ceil(math.sqrt(len(images)))
    shown = len(images) // frames
    title = node if shown == count else f"{node}, the first {shown} of {count}"
    return Picture(title, images, columns, count - shown)


def picture_shape(shape: Shape, code: Encoding | None) -> Shape | None:
    """(height, width, 1 or 3) of one picture of a node of this shape, None if it is none.

    Where a sample is a sequence, all its times make a picture if one time alone does not.
    """
    steps = (code.steps,) if code is not None and code.steps else ()
    return _layout((*steps, *shape), code)[1]


def as_png(picture: Picture) -> bytes:
    """The picture as the bytes of a PNG file."""
    # Figure, not pyplot: no global state, no backend to choose, works without a display.
    from matplotlib.figure import Figure

    mosaic = _mosaic(picture)
    height, width, _ = mosaic.shape
    across = max(2.0, TILE * picture.columns)
    figure = Figure(figsize=(across, across * height / width + 0.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(mosaic, interpolation="nearest")
    axes.set_title(picture.title, fontsize=9)
    axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _layout(given: Shape, code: Encoding | None) -> tuple[int, Shape | None]:
    """The number of images in a sample of this shape, and their shape; None where it has none."""
    if code is not None and code.are_classes:
        return 1, None
    known = code.value_shape if code else given
    size = math.prod(known)
    if math.prod(given) == size:  # no axis of time
        return 1, _image_shape(known) or _image_shape(given)
    if code is None or not given or math.prod(given[1:]) != size:
        return 1, None
    each = _image_shape(known) or _image_shape(given[1:])
    return (given[0], each) if each else (1, _image_shape((given[0], *known)))


def _image_shape(shape: Shape) -> Shape | None:
    """(height, width, channels), or None."""
    match shape:
        case (units,) if units >= 4 and math.isqrt(units) ** 2 == units:
            return (math.isqrt(units), math.isqrt(units), 1)
        case (height, width) if min(height, width) > 1:
            return (height, width, 1)
        case (height, width, 1 | 3 as channels) if min(height, width) > 1:
            return (height, width, channels)
        case _:
            return None


def _mosaic(picture: Picture) -> np.ndarray:
    """All images in one, white lines between them: (height, width, 3)."""
    count, height, width, _ = picture.images.shape
    columns = picture.columns
    rows = -(-count // columns)
    mosaic = np.ones((rows * (height + 1) - 1, columns * (width + 1) - 1, 3))
    for i, image in enumerate(picture.images):
        top, left = (i // columns) * (height + 1), (i % columns) * (width + 1)
        mosaic[top : top + height, left : left + width] = image
    return mosaic
