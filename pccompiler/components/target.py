"""What a plan is made for: the machine on which its program will run."""

from __future__ import annotations

from dataclasses import dataclass

from pccompiler.lazy import jax


@dataclass(frozen=True)
class Target:
    """`backend` is JAX's name of it: `cpu`, `gpu`, `tpu`.

    Equal forms of an operator are chosen by it while planning; nothing asks JAX later on.
    """

    backend: str = "cpu"

    @classmethod
    def present(cls) -> Target:
        """The backend that JAX computes on here. Loads JAX."""
        return cls(jax.default_backend())
