"""How diagnostics look."""

from __future__ import annotations

import json
import unicodedata

import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic, PccError, SpecError
from pccompiler.diagnostics.render import MAX_WIDTH, render
from pccompiler.diagnostics.source import COMMAND_LINE, Source, Span
from pccompiler.diagnostics.suggest import closest, suggestion

SPEC = Source("specs/mlp.yaml", "nodes:\n  h1:\n    energy: gausian\n")
WRONG = Diagnostic(
    "PC203",
    "unknown energy `gausian` on node `h1`",
    Span(SPEC, 3, 13, 3, 20),
    "nodes.h1.energy",
    "not a registered energy",
    "did you mean `gaussian`?",
)


def marked(line: str, start: int, end: int) -> tuple[str, str]:
    """The quoted line and the caret line for columns start..end (from 1, end exclusive)."""
    text = render([Diagnostic("PC103", "m", Span(Source("f", line), 1, start, 1, end))])
    quoted, carets = text.split("\n")[2:4]
    return quoted.removeprefix("1 | "), carets.removeprefix("  | ")


def test_full_shows_message_place_line_caret_and_help() -> None:
    assert render([WRONG]) == (
        "error[PC203]: unknown energy `gausian` on node `h1`\n"
        "  --> specs/mlp.yaml:3:13 (nodes.h1.energy)\n"
        "3 |     energy: gausian\n"
        "  |             ^^^^^^^ not a registered energy\n"
        "help: did you mean `gaussian`?  (pcc explain PC203)"
    )


def test_concise_is_one_line_each() -> None:
    first = "specs/mlp.yaml:3:13: error[PC203] unknown energy `gausian` on node `h1`"
    assert render([WRONG, WRONG], "concise") == "\n".join([f"{first} (nodes.h1.energy)"] * 2)


def test_json_holds_everything() -> None:
    [found] = json.loads(render([WRONG], "json"))
    assert found == {
        "code": "PC203",
        "severity": "error",
        "message": "unknown energy `gausian` on node `h1`",
        "path": "nodes.h1.energy",
        "label": "not a registered energy",
        "help": "did you mean `gaussian`?",
        "file": "specs/mlp.yaml",
        "line": 3,
        "column": 13,
        "end_line": 3,
        "end_column": 20,
        "related": [],
    }
    assert json.loads(render([], "json")) == []


def test_github_is_a_workflow_command() -> None:
    problem = Diagnostic("PC103", "100% wrong:\nhere", Span(Source("a,b.yaml", "x"), 1, 1, 1, 2))
    assert render([problem], "github") == (
        "::error file=a%2Cb.yaml,line=1,col=1,title=PC103::100%25 wrong: here"
    )
    assert render([WRONG], "github") == (
        "::error file=specs/mlp.yaml,line=3,col=13,title=PC203::unknown energy `gausian` on node "
        "`h1` (nodes.h1.energy)%0Ahelp: did you mean `gaussian`?"
    )


def test_github_hears_of_the_file_alone_where_there_is_no_place_in_it() -> None:
    missing = Diagnostic("PC101", "there is none", file="a.yaml")
    assert render([missing], "github") == "::error file=a.yaml,title=PC101::there is none"
    assert json.loads(render([missing], "json"))[0]["file"] == "a.yaml"


def test_github_knows_no_file_that_is_the_command_line() -> None:
    problem = Diagnostic("PC211", "m", Span(Source(COMMAND_LINE, "a=1"), 1, 1, 1, 2))
    assert render([problem], "github") == "::error title=PC211::m"


def test_related_places_follow() -> None:
    problem = Diagnostic(
        "PC107",
        "twice",
        Span(SPEC, 3, 5, 3, 11),
        related=(("first written here", Span(SPEC, 1, 1, 1, 6)),),
    )
    assert render([problem]).split("\n")[4:8] == [
        "note: first written here",
        "  --> specs/mlp.yaml:1:1",
        "1 | nodes:",
        "  | ^^^^^",
    ]


def test_without_a_position_the_key_path_stands_for_it() -> None:
    problem = Diagnostic("PC201", "unknown key", path="training.epoch")
    assert render([problem]).split("\n")[1] == "  --> training.epoch"
    assert render([problem], "concise") == "error[PC201] unknown key (training.epoch)"
    assert json.loads(render([problem], "json"))[0]["line"] is None


@pytest.mark.parametrize("start", [1, 50, 500, 995])
def test_a_long_line_is_cut_around_the_caret(start: int) -> None:
    line = "".join(chr(ord("a") + i % 26) for i in range(1000))
    quoted, carets = marked(line, start, start + 5)
    assert len(quoted) <= MAX_WIDTH + 6
    at = carets.index("^")
    assert carets[at:] == "^^^^^"
    assert quoted[at : at + 5] == line[start - 1 : start + 4]


def test_tabs_and_wide_characters_keep_the_caret_under_its_text() -> None:
    quoted, carets = marked("a\t: b: c", 5, 6)
    assert quoted[carets.index("^")] == "b"
    quoted, carets = marked("名前: x", 5, 6)
    columns = sum(
        2 if unicodedata.east_asian_width(c) == "W" else 1 for c in quoted[: quoted.index("x")]
    )
    assert carets.index("^") == columns
    assert marked("名前: x", 1, 3)[1] == "^^^^"


def test_nothing_from_a_file_reaches_the_terminal_unprintable() -> None:
    source = Source("bad\x1b[31m.yaml", "a: \x1b[2J\x00b\n")
    problem = Diagnostic("PC102", "found \x1b[2J", Span(source, 1, 4, 1, 5), "\x07", "\x1b", "\x1b")
    for format in ("full", "concise", "github"):
        text = render([problem], format)
        assert all(character.isprintable() or character == "\n" for character in text)
    assert "\x1b" not in render([problem], "json")


@pytest.mark.parametrize(
    "span", [(1, 1, 1, 1), (1, 99, 1, 100), (1, 2, 9, 9), (3, 1, 3, 2), (99, 1, 99, 2)]
)
def test_positions_at_and_after_the_end_of_the_text_do_not_fail(
    span: tuple[int, int, int, int],
) -> None:
    problem = Diagnostic("PC103", "m", Span(Source("f", "abc\r\n"), *span))
    lines = render([problem]).split("\n")
    assert lines[-1] == "help: pcc explain PC103"
    assert len(lines) in (3, 5)


def test_a_stretch_of_several_lines_is_marked_on_the_first() -> None:
    problem = Diagnostic("PC103", "m", Span(SPEC, 1, 1, 3, 5))
    assert render([problem]).split("\n")[2:4] == ["1 | nodes:", "  | ^^^^^^"]


def test_exceptions_carry_the_messages_as_text() -> None:
    error = SpecError([WRONG, WRONG])
    assert str(error).count("specs/mlp.yaml:3:13: error[PC203]") == 2
    assert (error.exit_code, PccError.exit_code) == (2, 1)


def test_a_suggestion_is_the_nearest_name_or_all_of_them() -> None:
    known = ("learning_rate", "momentum", "nesterov")
    assert suggestion("momentun", known) == "did you mean `momentum`?"
    assert suggestion("LEARNING_RATE", known) == "did you mean `learning_rate`?"
    assert suggestion("lr", known) == "did you mean `learning_rate`?"
    assert suggestion("xyz", known) == "known: learning_rate, momentum, nesterov"
    assert suggestion("xyz", ()) == ""
    assert closest("x" * 100_000, known) is None
