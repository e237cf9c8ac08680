"""Sequences whose class shows in the first step only: a task for memory.

With s_b(k) = 1 where bit b of the class number k is set, else -1, and B bits in all,

    x_0[j] = s_(j mod B)(k) + noise n_0[j]        x_t[j] = noise n_t[j]   for t > 0

n has mean zero and variance one. Told at the last step, the class must have been remembered.
The samples are a pure function of the options, the same bits on every machine: n is the sum
of the four 16-bit parts of a word of the Philox generator, centred and scaled, which is
nearly normal, within 3.5 of zero.

Source of the generator: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field as Option
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from pccompiler.components.sources.base import Dataset, DataSource, Field

MOST_NUMBERS = 2**26


class SequenceClasses(DataSource):
    """Made-up sequences whose class shows in the first step only; no file needed."""

    name: ClassVar[str] = "sequence"
    how_to_get: ClassVar[str] = "it is computed; no file is needed"

    samples: int = Option(default=2000, ge=1, description="number of sequences")
    steps: int = Option(default=8, ge=1, description="their length")
    features: int = Option(default=4, ge=1, description="numbers in each step")
    classes: int = Option(default=4, ge=2, description="number of classes, equally frequent")
    noise: float = Option(default=0.5, ge=0, description="standard deviation of the noise")
    seed: int = Option(default=0, ge=0, description="seed of the noise")

    @model_validator(mode="after")
    def _can_be_told_and_held(self) -> SequenceClasses:
        if (self.classes - 1).bit_length() > self.features:
            raise PydanticCustomError(
                "sequence_classes",
                "{features} features cannot tell {classes} classes apart: one more feature "
                "doubles the number of classes that can be told",
                {"features": self.features, "classes": self.classes},
            )
        if self.samples * self.steps * self.features > MOST_NUMBERS:
            raise PydanticCustomError(
                "sequence_size",
                "samples x steps x features is more than {most} numbers",
                {"most": MOST_NUMBERS},
            )
        return self

    def load(self, folders: Sequence[Path]) -> Dataset:
        import numpy as np

        label = np.arange(self.samples) % self.classes
        shape = (self.samples, self.steps, self.features)
        values = np.float32(self.noise) * _noise(self.seed, shape)
        values[:, 0] += _pattern(label, self.features, (self.classes - 1).bit_length())
        return Dataset(
            {
                "input": Field(values, "features"),
                "label": Field(label, "classes", classes=self.classes),
            }
        )


def _pattern(label: Any, features: int, bits: int) -> Any:
    """The bits of the class numbers as signs, repeated over the features."""
    import numpy as np

    place = np.arange(features) % bits
    return (2 * (label[:, None] >> place & 1) - 1).astype(np.float32)


def _noise(seed: int, shape: tuple[int, ...]) -> Any:
    """Nearly normal numbers of variance one, float32; their bits depend on no library."""
    import numpy as np

    generator = np.random.Philox(np.random.SeedSequence(seed))
    parts = generator.random_raw(int(np.prod(shape))).view(np.uint16).reshape(-1, 4)
    sums = parts.sum(axis=1, dtype=np.int64)
    # A part is uniform on 0 .. 2^16 - 1, with the variance (2^32 - 1) / 12.
    scaled = (2 * sums - 4 * (2**16 - 1)) / (2 * np.sqrt(4 * (2**32 - 1) / 12))
    return scaled.astype(np.float32).reshape(shape)
