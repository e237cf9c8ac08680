"""JAX settings that an environment may make stricter than this program needs.

Under `jax_numpy_rank_promotion=raise` a bias would not broadcast along the batch; under
`jax_transfer_guard=disallow` no number could be passed to a program. Both are meant here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import jax

_P = ParamSpec("_P")
_R = TypeVar("_R")


@contextmanager
def usual_settings() -> Iterator[None]:
    """Broadcasting and transfers are allowed inside, whatever holds outside."""
    with jax.numpy_rank_promotion("allow"), jax.transfer_guard("allow"):
        yield


def under_usual_settings(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, run under `usual_settings`."""

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with usual_settings():
            return function(*args, **kwargs)

    return run
