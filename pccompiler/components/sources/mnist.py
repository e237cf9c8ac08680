"""MNIST and Fashion-MNIST: 60,000 + 10,000 images of 28x28 grey values, 10 classes.

Sources: LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist;
Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747.

The files are recognised by the SHA-256 of their content (unpacked): the two sets have the
same names, shapes and classes, and a run on the wrong one would go unnoticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pccompiler.components.sources.base import Dataset, DataSource, wrong_format
from pccompiler.components.sources.idx import FILES, find_files, idx_bytes, load_idx

SHAPES: Mapping[str, tuple[int, ...]] = {
    "train images": (60000, 28, 28),
    "train labels": (60000,),
    "test images": (10000, 28, 28),
    "test labels": (10000,),
}


class _KnownIdx(DataSource):
    """A published data set in the four IDX files."""

    in_folders: ClassVar[bool] = True

    def files(self, folders: Sequence[Path]) -> Mapping[str, Path]:
        return find_files(folders, self)

    def load(self, folders: Sequence[Path]) -> Dataset:
        files = self.files(folders)
        dataset = load_idx(files, 10, SHAPES)
        assert dataset.test is not None
        for split, fields in (("train", dataset.train), ("test", dataset.test)):
            self._recognise(files, f"{split} labels", fields["label"].values)
            self._recognise(files, f"{split} images", fields["image"].values)
        return dataset

    def _recognise(self, files: Mapping[str, Path], content: str, values: Any) -> None:
        digest = hashlib.sha256(idx_bytes(values, FILES[content][1])).hexdigest()
        expected = self.checksums[content]
        if digest == expected:
            return
        raise wrong_format(
            files[content],
            f"it is not the file of {self.name}: the SHA-256 of its content is "
            f"{digest[:12]}..., not {expected[:12]}...",
            f"{self.how_to_get}; for other data in this format use the source `idx`",
        )


class Mnist(_KnownIdx):
    """70,000 handwritten digits of 28x28 pixels, from the four IDX files."""

    name: ClassVar[str] = "mnist"
    how_to_get: ClassVar[str] = (
        "download the four *-ubyte.gz files of MNIST (for example from "
        "https://ossci-datasets.s3.amazonaws.com/mnist/) into a folder and name it in "
        "`data.root` or in the variable PCC_DATA"
    )
    checksums: ClassVar[Mapping[str, str]] = {
        "train images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "test images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "test labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }


class FashionMnist(_KnownIdx):
    """70,000 pictures of clothing of 28x28 pixels, from the four IDX files."""

    name: ClassVar[str] = "fashion_mnist"
    default_folders: ClassVar[tuple[str, ...]] = ("/usr/share/datasets/fashion-mnist",)
    how_to_get: ClassVar[str] = (
        "on Debian: `apt-get install dataset-fashion-mnist`; else download the four *-ubyte.gz "
        "files from https://github.com/zalandoresearch/fashion-mnist into a folder and name it "
        "in `data.root` or in the variable PCC_DATA"
    )
    checksums: ClassVar[Mapping[str, str]] = {
        "train images": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train labels": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "test images": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "test labels": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
