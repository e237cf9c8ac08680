"""Members that a test defines, registered for as long as it needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pccompiler.components import registry
from pccompiler.components.member import Member


@contextmanager
def registered(member: type[Member], *families: str) -> Iterator[None]:
    """The member is a choice of these families (as messages call them) inside the block."""
    with registry.registered(member):
        found = {entry.family for entry in registry.outside() if entry.member is member}
        assert found == set(families)
        yield
