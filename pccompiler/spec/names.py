"""Names of the language: ranges such as `h[1..3]`, chains such as `image -> h1 -> label`, and
the order in which people count them."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RANGE = re.compile(r"\[\s*([0-9]+)\s*\.\.\s*([0-9]+)\s*\]")
_LONGEST_RANGE = 10_000
_MOST_DIGITS = 9

RESERVED = frozenset({"total", "external"})
"""Words that stand beside node names in tables of energies."""


class NameSyntaxError(Exception):
    """A name, range or chain that cannot be read. `help` says what to write instead."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


def expand(name: str) -> list[str]:
    """The names that a name with at most one range stands for: `h[1..3]` is h1, h2, h3.

    `h[1..0]` is empty, so that a parameter for the depth may be zero.
    """
    ranges = list(_RANGE.finditer(name))
    if len(ranges) > 1:
        raise NameSyntaxError(f"`{name}` has more than one range", "use one range per name")
    if not ranges:
        return [_checked(name, name)]
    [match] = ranges
    if max(len(match[1]), len(match[2])) > _MOST_DIGITS:  # int() refuses thousands of digits
        raise NameSyntaxError(
            f"the range of `{name[: match.start()]}` counts too far",
            f"write numbers of at most {_MOST_DIGITS} digits",
        )
    first, last = int(match[1]), int(match[2])
    if last < first - 1:
        raise NameSyntaxError(
            f"the range of `{name}` runs backwards", "write the smaller number first"
        )
    if last - first >= _LONGEST_RANGE:
        raise NameSyntaxError(
            f"the range of `{name}` has {last - first + 1} names",
            f"the longest range has {_LONGEST_RANGE} names",
        )
    head, tail = name[: match.start()], name[match.end() :]
    _checked(f"{head}{first}{tail}", name)
    return [f"{head}{number}{tail}" for number in range(first, last + 1)]


def chain(path: str) -> list[str]:
    """The nodes along `a -> h[1..2] -> b`, ranges expanded in place."""
    parts = [part.strip() for part in path.split("->")]
    if len(parts) < 2 or not all(parts):
        raise NameSyntaxError(
            f"`{path}` is not a chain of nodes", "write the nodes with arrows: `image -> h1 -> out`"
        )
    names = [name for part in parts for name in expand(part)]
    if len(names) < 2:
        raise NameSyntaxError(f"`{path}` has fewer than two nodes", "a chain needs two nodes")
    return names


def paired(first: str, second: str) -> list[tuple[str, str]]:
    """The pairs that two names with ranges stand for: element by element, or one with each."""
    left, right = expand(first), expand(second)
    if len(left) == 1:
        left = left * len(right)
    if len(right) == 1:
        right = right * len(left)
    if len(left) != len(right):
        raise NameSyntaxError(
            f"`{first}` stands for {len(left)} names and `{second}` for {len(right)}",
            "ranges pair element by element, so they need the same length",
        )
    return list(zip(left, right, strict=True))


def edge_names(written: str) -> list[str]:
    """The edges that a reference stands for: `h[1..2]->h[2..3]` is h1->h2 and h2->h3."""
    ends = [part.strip() for part in written.split("->")]
    if len(ends) == 1:
        return expand(ends[0])
    if len(ends) > 2 or not all(ends):
        raise NameSyntaxError(f"`{written}` is not the name of an edge", "write `from->to`")
    return [f"{a}->{b}" for a, b in paired(*ends)]


def natural_key(name: str) -> tuple[tuple[str, int], ...]:
    """A sorting key by which h2 comes before h10."""
    parts = re.findall(r"([^0-9]*)([0-9]*)", name)
    return tuple((word, int(number or -1)) for word, number in parts)


def _checked(name: str, written: str) -> str:
    if not _NAME.match(name):
        raise NameSyntaxError(
            f"`{written}` is not a name",
            "names are letters, digits and _, with no digit first; ranges look like h[1..3]",
        )
    if name in RESERVED:
        raise NameSyntaxError(f"`{name}` is a reserved name", "choose another name for the node")
    return name
