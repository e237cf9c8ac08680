"""What `pcc explain` prints."""

from __future__ import annotations

import textwrap

from pccompiler.diagnostics.codes import CODES, RANGES, Code
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.render import visible
from pccompiler.diagnostics.suggest import suggestion

WIDTH = 80


def code_of(word: str) -> Code:
    """The code that a word names. Raises SpecError (PC203), with a suggestion, for others."""
    name = word.strip().upper()
    if name not in CODES:
        message = f"unknown code `{visible(word)}`"
        raise SpecError(Diagnostic("PC203", message, help=suggestion(name, CODES)))
    return CODES[name]


def explanation(code: Code) -> str:
    """What a code means, why it matters, and its two examples."""
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
