"""PNG pictures as inputs: values, colours, sizes, and files that are not what they seem."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pccompiler.diagnostics.diagnostic import DataError, SpecError
from runtime.prediction.input_files import read_inputs
from runtime.prediction.input_pictures import Pictures, pictures_in

GREY = np.array([[0, 51, 255], [1, 2, 3]], np.uint8)
COLOUR = np.stack([GREY, 255 - GREY, np.zeros_like(GREY)], -1)


def save(file: Path, values: Any, mode: str | None = None, **options: Any) -> Path:
    picture = Image.fromarray(np.asarray(values))
    (picture.convert(mode) if mode else picture).save(file, **options)
    return file


def read(file: Path, channels: int = 1, white: float = 255.0) -> np.ndarray:
    [values] = Pictures((file,)).read("image", (2, 3, channels), white)
    return values


def test_black_is_zero_and_white_the_full_scale(tmp_path: Path) -> None:
    file = save(tmp_path / "a.png", GREY)
    assert read(file).dtype == np.float32
    np.testing.assert_array_equal(read(file)[..., 0], GREY)
    np.testing.assert_allclose(read(file, white=16.0)[..., 0], GREY / 255 * 16, rtol=1e-6)
    np.testing.assert_array_equal(read(file, channels=3), np.repeat(GREY[..., None], 3, -1))


def test_colours_stay_or_become_their_brightness(tmp_path: Path) -> None:
    file = save(tmp_path / "a.png", COLOUR)
    np.testing.assert_array_equal(read(file, channels=3), COLOUR)
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    np.testing.assert_allclose(read(file)[..., 0], luma, atol=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_kind_of_png_is_read(tmp_path: Path, mode: str) -> None:
    black_and_white = np.array([[0, 255, 0], [255, 255, 0]], np.uint8)
    file = save(tmp_path / "a.png", black_and_white, mode)
    np.testing.assert_array_equal(read(file)[..., 0], black_and_white)
    np.testing.assert_array_equal(read(file, 3)[..., 1], black_and_white)


def test_sixteen_bits_of_grey_keep_their_depth(tmp_path: Path) -> None:
    values = np.array([[0, 1, 65535], [257, 300, 1000]], np.uint16)
    file = save(tmp_path / "a.png", values)
    np.testing.assert_allclose(read(file, white=65535.0)[..., 0], values, rtol=1e-6)


def test_a_transparent_picture_is_refused(tmp_path: Path) -> None:
    values = np.full((2, 3, 4), 255, np.uint8)
    values[0, 0, 3] = 254
    with pytest.raises(DataError, match=r"PC556.*a\.png: a part of it is transparent"):
        read(save(tmp_path / "a.png", values))


def test_a_moving_picture_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"PC556.*it moves"):
        read(tmp_path / "a.png")


def test_a_wrong_size_names_file_and_both_sizes(tmp_path: Path) -> None:
    file = save(tmp_path / "a.png", GREY.T)
    told = r"PC550.*a\.png has 2 x 3 pixels, but `image` takes 3 x 2"
    with pytest.raises(DataError, match=told):
        read(file)


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


@pytest.mark.parametrize("size", [9_000, 11_000, 60_000])
def test_a_small_file_of_a_huge_picture_is_never_unpacked(tmp_path: Path, size: int) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b""))
    with pytest.raises((DataError, SpecError), match=r"PC55[06].*a\.png"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "jpeg"])
def test_a_damaged_file_is_told(tmp_path: Path, damage: str) -> None:
    rng = np.random.default_rng(0)
    file = save(tmp_path / "a.png", rng.integers(0, 256, (40, 40)).astype(np.uint8))
    content = bytearray(file.read_bytes())
    if damage == "jpeg":
        Image.fromarray(np.zeros((40, 40), np.uint8)).save(file, format="JPEG")
    elif damage == "flip":
        content[len(content) // 2] ^= 255
        file.write_bytes(content)
    else:
        file.write_bytes({"cut": bytes(content[:300]), "empty": b"", "text": b"no"}[damage])
    with pytest.raises(DataError, match=r"PC502.*a\.png is damaged"):
        Pictures((file,)).read("image", (40, 40, 1), 1.0)


def test_a_folder_gives_its_pictures_by_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.PNG", ".hidden.png"):
        save(tmp_path / name, GREY, format="PNG")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder.png").mkdir()
    assert [file.name for file in pictures_in(tmp_path)] == ["a.PNG", "b.png"]
    with pytest.raises(DataError, match=r"PC556.*holds no pictures"):
        pictures_in(tmp_path / "folder.png")


def test_files_and_folders_of_pictures_come_in_the_order_given(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("z.png", "more/b.png", "more/a.png"):
        save(tmp_path / name, GREY)
    found = read_inputs([tmp_path / "z.png", tmp_path / "more"])
    assert isinstance(found, Pictures)
    assert [file.name for file in found.files] == ["z.png", "a.png", "b.png"]


def test_several_files_have_to_be_pictures(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    save(tmp_path / "b.png", GREY)
    with pytest.raises(SpecError, match=r"PC550.*a\.npy is no picture"):
        read_inputs([tmp_path / "b.png", tmp_path / "a.npy"])
