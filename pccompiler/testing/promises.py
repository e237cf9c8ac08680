"""Assertions of the checks: a promise, and comparisons of numbers."""

from __future__ import annotations

from typing import Any

from pccompiler.components.vocabulary import Shape
from pccompiler.lazy import jax, jnp

BATCH = 3
"""Samples that members are tried on."""


def promise(kept: Any, words: str) -> None:
    """Raises AssertionError, with the words, unless it is kept."""
    if not kept:
        raise AssertionError(f"not kept: {words}")


def normal(shape: Shape, seed: int = 0) -> Any:
    """Normal numbers in float32."""
    return jax.random.normal(jax.random.key(seed), shape, jnp.float32)


def finite(tree: Any, what: str) -> None:
    """All numbers of a tree are finite."""
    leaves = jax.tree.leaves(tree)
    promise(all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in leaves), f"{what} is finite")


def like(found: Any, shape: Shape, what: str) -> None:
    """An array has this shape, and the dtype that it was made from."""
    expected, got = f"float32{list(shape)}", f"{found.dtype}{list(found.shape)}"
    promise(got == expected, f"{what} is {expected} (it is {got})")


def near(found: Any, expected: Any, words: str, error: float = 1e-4) -> None:
    """Arrays agree within the error, relative to the largest entry where that is above one."""
    size = jnp.maximum(1, jnp.max(jnp.abs(expected), initial=0))
    promise(bool(jnp.max(jnp.abs(found - expected), initial=0) <= error * size), words)
