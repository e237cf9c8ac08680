"""The 1,797 handwritten digits of scikit-learn: 8x8 pixels, values 0 to 16, 10 classes.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pccompiler.components.sources.base import Dataset, DataSource, Field


class Digits(DataSource):
    """1,797 handwritten digits of 8x8 pixels, inside scikit-learn: no file needed."""

    name: ClassVar[str] = "digits"
    how_to_get: ClassVar[str] = "it is part of scikit-learn; no file is needed"

    def load(self, folders: Sequence[Path]) -> Dataset:
        from sklearn.datasets import load_digits

        bunch: Any = load_digits()
        image = Field(bunch.images, "features", full_scale=16.0)
        return Dataset({"image": image, "label": Field(bunch.target, "classes", classes=10)})


class DigitRows(DataSource):
    """The same digits as sequences: 8 rows of 8 pixels, from top to bottom; no file needed."""

    name: ClassVar[str] = "digit_rows"
    how_to_get: ClassVar[str] = Digits.how_to_get

    def load(self, folders: Sequence[Path]) -> Dataset:
        fields = Digits().load(folders).train
        return Dataset({"rows": fields["image"], "label": fields["label"]})
