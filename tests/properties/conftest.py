"""Properties hold in float64, with strict dtype promotion, on the same examples every time."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def exact_numbers() -> Iterator[None]:
    # Compiling dominates these tests; XLA's optimisations are no part of what they check.
    optimised = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        yield
    jax.config.update("jax_disable_most_optimizations", optimised)
