"""What the models say of the language: of every key, and of every value."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pccompiler.spec.language import place
from pccompiler.spec.tree import KeyPath, dotted

ITEMS: dict[str, KeyPath] = {"nodes": ("nodes", "h"), "edges": ("edges", 0)}


def every_key(path: KeyPath = ()) -> Iterator[KeyPath]:
    """All keys of sections and members below a path."""
    here = place(path)
    for key in here.keys:
        inner = (*path, key)
        if not here.choice:
            yield inner
        yield from every_key(ITEMS.get(key, inner))


@pytest.mark.parametrize("path", [path for path in every_key() if len(path) > 1], ids=dotted)
def test_every_key_says_what_it_means_and_what_it_expects(path: KeyPath) -> None:
    assert place(path).description
    assert place(path).expected
