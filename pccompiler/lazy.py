"""Heavy libraries, imported at their first use.

Checking a spec must not pay one to two seconds for `import jax`, so modules that a
check loads write `from pccompiler.lazy import jnp` and the import happens when an
attribute is first read. Modules that only run after compilation import JAX directly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax
else:

    class _LazyModule:
        """Stands in for a module and imports it when an attribute is read."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            return getattr(importlib.import_module(self._name), attribute)

    jax = _LazyModule("jax")
    jnp = _LazyModule("jax.numpy")
    np = _LazyModule("numpy")
    optax = _LazyModule("optax")

__all__ = ["jax", "jnp", "np", "optax"]
