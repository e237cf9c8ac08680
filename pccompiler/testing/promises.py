"""Assertions of the checks: a promise, and comparisons of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pccompiler.components.vocabulary import Shape
from pccompiler.lazy import jax, np

BATCH = 3
"""Samples that members are tried on."""


def promise(kept: Any, words: str) -> None:
    """Raises AssertionError, with the words, unless it is kept."""
    if not kept:
        raise AssertionError(f"not kept: {words}")


def normal(shape: Shape, seed: int = 0) -> Any:
    """Normal numbers in float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


_QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""Options of XLA: programs that run once take longer to optimise than to run."""


def computed(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function of arrays, as NumPy arrays.

    Compiled whole, which takes a fraction of the time that its operations take one by one.
    """
    return jax.device_get(jax.jit(function, compiler_options=_QUICKLY)(*arguments))


def finite(tree: Any, what: str) -> None:
    """All numbers of a tree are finite."""
    leaves = jax.tree.leaves(tree)
    promise(all(np.isfinite(leaf).all() for leaf in leaves), f"{what} is finite")


def like(found: Any, shape: Shape, what: str) -> None:
    """An array has this shape, and the dtype that it was made from."""
    expected, got = f"float32{list(shape)}", f"{found.dtype}{list(found.shape)}"
    promise(got == expected, f"{what} is {expected} (it is {got})")


def near(found: Any, expected: Any, words: str, error: float = 1e-4) -> None:
    """Arrays agree within the error, relative to the largest entry where that is above one."""
    size = np.max(np.abs(expected), initial=1)
    promise(np.max(np.abs(found - expected), initial=0) <= error * size, words)
