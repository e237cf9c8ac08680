"""One diagnostic code, as `pcc explain CODE` shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass

SMALLEST = {
    "pcc": "pcc: 1",
    "name": "name: example",
    "nodes": "nodes:\n  image: {shape: [4], role: input}\n  label: {shape: [2], role: output}",
    "edges": "edges:\n  - {path: image -> label}",
}
"""The sections of a minimal spec."""

ORDER = ("pcc", "extends", "name", "description", "params", "time", "nodes", "edges")
"""The order of sections; those not named here come last."""


@dataclass(frozen=True)
class Code:
    """A kind of message: what it means, why it matters, and how it goes wrong and right.

    `wrong` and `right` are whole specs (see `whole`) or commands, lines that start with `pcc`;
    where only the circumstances tell them apart, a comment says what these are.
    """

    code: str
    title: str
    meaning: str
    why: str
    wrong: str
    right: str


def whole(sections: str = "") -> str:
    """These sections of a spec, together with the others of the smallest one."""
    parts = re.split(r"^(?=[a-z]+:)", sections.strip("\n"), flags=re.MULTILINE)
    own = {part.partition(":")[0]: part.rstrip("\n") for part in parts if part}
    found = SMALLEST | own
    listed = [name for name in ORDER if name in found]
    return "\n".join(found[name] for name in (*listed, *(n for n in found if n not in ORDER)))
