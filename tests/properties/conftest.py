"""Properties hold in float64, with strict dtype promotion, on the same examples every time."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def exact_numbers() -> Iterator[None]:
    # XLA's optimisations stay on: without them rounding errors vanish that they make, and that
    # an error which is not masked would hand to Adam.
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        yield
