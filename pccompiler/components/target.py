"""The target of a plan: the machine on which its program will run."""

from __future__ import annotations

from dataclasses import dataclass

from pccompiler.lazy import jax


@dataclass(frozen=True)
class Target:
    """`backend` is JAX's name of it: `cpu`, `gpu`, `tpu`.

    Planning chooses the algorithms of operators by it; nothing asks JAX later on.
    """

    backend: str = "cpu"

    @classmethod
    def present(cls) -> Target:
        """The backend that JAX computes on here. Loads JAX."""
        return cls(jax.default_backend())
