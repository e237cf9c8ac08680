"""Compiled programs are judged in float64, unless a test asks for another dtype."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def exact_numbers(request: pytest.FixtureRequest) -> Iterator[None]:
    # Compiling dominates these tests, so XLA's optimisations run only where a module says
    # that they are a part of what it checks.
    before = jax.config.read("jax_disable_most_optimizations")
    optimised = getattr(request.module, "OPTIMISED", False)
    jax.config.update("jax_disable_most_optimizations", not optimised)
    with jax.enable_x64(True):
        yield
    jax.config.update("jax_disable_most_optimizations", before)
