"""Random numbers that need no memory: key = fold_in(fold_in(seed, step), name)."""

from __future__ import annotations

from zlib import crc32

import jax

from pccompiler.components.vocabulary import Array


def named_key(key: Array, *names: str) -> Array:
    """A key that depends on the given key and on the names only, not on their order of use."""
    for name in names:
        key = jax.random.fold_in(key, crc32(name.encode()))
    return key
