"""The value of a plain (unquoted) YAML scalar by the core schema of YAML 1.2.

So `1e-3` is a number, `no` and `on` are texts, `010` is ten and `12:30` is a text.
"""

from __future__ import annotations

import math
import re

from pccompiler.spec.tree import Value

_CONSTANTS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

LONGEST_NUMBER = 60
"""Characters. A longer number is refused before Python spends time on its digits."""


class NumberError(ValueError):
    """A number that a spec cannot use; the message says why."""


def meaning(text: str) -> Value:
    """The value of a plain scalar. Raises NumberError for one that no spec can use."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _DECIMAL.fullmatch(text):
        return usable(int(_short(text)))
    if _OCTAL.fullmatch(text):
        return usable(int(_short(text)[2:], 8))
    if _HEXADECIMAL.fullmatch(text):
        return usable(int(_short(text)[2:], 16))
    if _FLOAT.fullmatch(text):
        return usable(float(_short(text)))
    if _NOT_FINITE.fullmatch(text):
        raise NumberError(f"`{text}` is not a finite number")
    return text


def usable(number: int | float) -> int | float:
    """The number itself, if it is finite and its digits fit into 64 bits."""
    if isinstance(number, float) and not math.isfinite(number):
        raise NumberError("the number is not finite")
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise NumberError("the number does not fit into 64 bits")
    return number


def _short(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise NumberError(f"the number has {len(text)} characters")
    return text
