"""JSON, which knows no number that is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any


def finite(value: Any, number: Callable[[float], float] = lambda x: x) -> Any:
    """The value with None for each number that is not finite, and `number` of all other floats."""
    if isinstance(value, float):
        return number(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(entry, number) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry, number) for entry in value]
    return value
