"""A family of members: what one key of the language chooses from.

It begins with the members that come with pcc, a tuple in the family's own file or folder, and grows
by those from outside (see `registry`). Readers of a family see both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

from pccompiler.components.member import Member, check_complete

M = TypeVar("M", bound=Member)


class Family(Sequence[type[M]], Generic[M]):
    """The members of one family, in order: ours, then those from outside.

    `word` is what messages call one of them (`energy form`); `base` the class that they
    derive from; `accepts` says which classes with that base are meant, where not all are (a
    bias cannot be drawn orthogonal).
    """

    def __init__(
        self,
        word: str,
        base: type[M],
        ours: Sequence[type[M]],
        accepts: Callable[[type[M]], bool] = lambda member: True,
    ) -> None:
        self.word = word
        self.base = base
        self.ours = tuple(ours)
        for member in self.ours:
            check_complete(member)
        self.accepts = accepts
        self._outside: dict[str, type[M]] = {}

    def __iter__(self) -> Iterator[type[M]]:
        yield from self.ours
        yield from self._outside.values()

    def __len__(self) -> int:
        return len(self.ours) + len(self._outside)

    @overload
    def __getitem__(self, index: int) -> type[M]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[type[M]]: ...
    def __getitem__(self, index: int | slice) -> type[M] | Sequence[type[M]]:
        return tuple(self)[index]

    def named(self, name: str) -> type[M] | None:
        """Returns the member of this name."""
        return next((member for member in self if member.name == name), None)

    @property
    def outside(self) -> tuple[type[M], ...]:
        """Returns the members that did not come with pcc."""
        return tuple(self._outside.values())

    def add(self, member: type[M]) -> None:
        """Adds a member from outside, or replaces one of the same name.

        Raises IncompleteMemberError.
        """
        check_complete(member)
        self._outside[member.name] = member

    def remove(self, member: type[M]) -> None:
        """Removes a member from outside."""
        if self._outside.get(member.name) is member:
            del self._outside[member.name]
