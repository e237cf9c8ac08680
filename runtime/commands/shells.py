"""Completion in shells, where click's own falls short.

A word such as `--device=a` or `training.epochs=` is one word to `pcc`. bash cuts it at `=` and
`:` and completes the last piece; zsh and fish replace the whole word by a completion.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

BREAKS = "=:"
"""Characters of pcc's words at which bash cuts."""


class Bash(BashComplete):
    """Joins what bash has cut, and completes the last piece alone."""

    before = ""
    """The part of the word before the piece that bash completes."""

    source_template = BashComplete.source_template.replace(
        "    return 0\n",
        "    # a key is followed by its value, or by a key in it\n"
        "    [[ ${COMPREPLY[*]} == *[=.] ]] && compopt -o nospace 2> /dev/null\n\n    return 0\n",
        1,
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        words = split_arg_string(os.environ["COMP_WORDS"])
        place = int(os.environ["COMP_CWORD"])
        piece = words[place] if place < len(words) else ""
        given = _joined(words[1 : place + 1])
        if not piece and not (given and given[-1].endswith("=")):  # a new word
            return given, ""
        *given, word = given
        piece = "" if piece in BREAKS else piece
        self.before = word[: len(word) - len(piece)]
        return given, word

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{str(item.value).removeprefix(self.before)}"


class _WholeWords:
    """Completes the value in `--option=value` by a whole word."""

    option = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        given, word = super().get_completion_args()  # pyright: ignore
        if word.startswith("--") and "=" in word:
            self.option = word.partition("=")[0] + "="
        return given, word

    def format_completion(self, item: CompletionItem[Any]) -> str:
        whole = CompletionItem(f"{self.option}{item.value}", item.type, item.help)
        return super().format_completion(whole)  # pyright: ignore


class Zsh(_WholeWords, ZshComplete):
    """zsh puts a completion in the place of the whole word."""


class Fish(_WholeWords, FishComplete):
    """fish leaves out completions that do not begin like the whole word."""


def _joined(pieces: Sequence[str]) -> list[str]:
    """`["--device", "=", "a"]` as `["--device=a"]`."""
    words: list[str] = []
    for piece in pieces:
        if words and (piece[:1] in BREAKS or words[-1][-1:] in BREAKS):
            words[-1] += piece
        else:
            words.append(piece)
    return words


def use_shells() -> None:
    """Makes click ask these."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)
