"""The explanations that `pcc explain` prints."""

from __future__ import annotations

import re
import textwrap

from pccompiler.diagnostics.codes import CODES, RANGES, Code
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.render import visible

WIDTH = 80
FEW = 5
"""Largest distance between a code and a mistyped one."""


def code_of(word: str) -> Code:
    """The code that a word names. Raises SpecError (PC203), with a suggestion, for others."""
    name = word.strip().upper()
    if name not in CODES:
        message = f"unknown code `{visible(word)}`"
        near = _nearest(name)
        help = f"did you mean `{near}`?" if near else "`pcc explain` lists all codes"
        raise SpecError(Diagnostic("PC203", message, help=help))
    return CODES[name]


def _nearest(word: str) -> str | None:
    """The code with this number, or with one a few away from it about the same."""
    digits = re.fullmatch(r"\D*(\d{3})", word)
    if digits is None:
        return None
    number = int(digits[1])
    near = [
        code for code in CODES if code[2] == digits[1][0] and abs(int(code[2:]) - number) <= FEW
    ]
    return min(near, key=lambda code: abs(int(code[2:]) - number), default=None)


def explanation(code: Code) -> str:
    """The explanation of a code: its meaning, why it matters, and its two examples."""
    return "\n".join(
        [
            f"{code.code}: {code.title}",
            "",
            *textwrap.wrap(code.meaning, WIDTH),
            "",
            *textwrap.wrap(f"Why it matters: {code.why}", WIDTH),
            "",
            "Wrong:",
            textwrap.indent(code.wrong, "    "),
            "",
            "Right:",
            textwrap.indent(code.right, "    "),
        ]
    )


def overview() -> str:
    """All codes, a line each, by what they are about."""
    lines: list[str] = []
    for digit, about in RANGES.items():
        lines += ["", f"PC{digit}xx: {about}"]
        lines += [
            f"  {code.code}  {code.title}" for code in CODES.values() if code.code[2] == digit
        ]
    return "\n".join(lines[1:])
