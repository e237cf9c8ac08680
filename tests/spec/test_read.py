"""Files that are no spec, or hostile, each get their own message; odd but legal ones load."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import pccompiler as pcc
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.spec.load import load
from pccompiler.spec.models import RunSpec

Errors = Callable[..., tuple[Diagnostic, ...]]


def where(diagnostic: Diagnostic) -> tuple[int, int]:
    assert diagnostic.span is not None
    return diagnostic.span.line, diagnostic.span.column


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "PC104", "empty"),
        ("\n\n", "PC104", "empty"),
        ("# one\n# two\n", "PC104", "only comments"),
        ("- pcc: 1\n", "PC106", "a list"),
        ("hello", "PC106", "hello"),
        ("null", "PC106", "null"),
        ("pcc: 1\n---\npcc: 1\n", "PC105", "several documents"),
        ("name: x\x00y", "PC102", "U+0000"),
        ('name: "x\\0y"', "PC102", "U+0000"),
        ("name: \x1b[31m", "PC102", "U+001B"),
        (b"name: caf\xe9\n", "PC102", "0xe9"),
        ("p\x00c\x00c\x00".encode("utf-16"), "PC102", "UTF-8"),
        ("nodes:\n\ta: {}\n", "PC103", "tab"),
        ("name: 'open\n", "PC103", "end of stream"),
        ("a: b: c\n", "PC103", "mapping values"),
        ("? [a, b]\n: c\n", "PC112", "a list or mapping"),
        ("? \n: c\n", "PC112", "empty key"),
        ("name: !mine x\n", "PC108", "!mine"),
        ("a: *nothing\n", "PC109", "repeats nothing"),
        ("a: &a [*a]\n", "PC109", "inside the value it repeats"),
    ],
)
def test_what_is_no_spec_is_named(spec_errors: Errors, text: str, code: str, said: str) -> None:
    [problem] = [problem for problem in spec_errors(text) if problem.code == code]
    assert said in problem.message
    assert problem.span is not None


def test_a_python_tag_is_named_and_not_executed(spec_errors: Errors, tmp_path: Path) -> None:
    executed = tmp_path / "executed"
    problems = spec_errors(f"name: !!python/object/apply:os.mkdir [{executed}]\n")
    assert "python" in next(p.message for p in problems if p.code == "PC108")
    assert not executed.exists()


def test_a_missing_file_a_folder_and_a_near_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "digits.yaml").write_text("pcc: 1")
    for path, said in [
        (tmp_path / "digit.yaml", "there is no file"),
        (tmp_path, "is a folder"),
        (tmp_path / "digits.yaml" / "x", "cannot read"),
        ("x\0y", "cannot read"),
    ]:
        with pytest.raises(SpecError) as caught:
            load(path)
        [problem] = caught.value.diagnostics
        assert problem.code == "PC101"
        assert said in problem.message
    with pytest.raises(SpecError, match="did you mean"):
        load(tmp_path / "digit.yaml")


def test_every_file_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "spec.yaml").write_text("pcc: 1")
    (tmp_path / "seq.yaml").write_text("pcc: 1")
    for path, said, help in [
        (run, "is the folder of a run", f"`pcc resume {run}`"),
        (tmp_path, "is a folder", "seq.yaml"),
        (tmp_path / "nope.yaml", "there is no file", "check the path"),
        (tmp_path / "seq.yml", "there is no file", "did you mean"),
        (tmp_path / "seqs", "there is no file", "seq.yaml"),
        (tmp_path / "seq.yaml" / "x", "cannot read", "check the path"),
        (tmp_path / ("x" * 1000), "cannot read", "check the path"),
    ]:
        with pytest.raises(SpecError) as caught:
            load(path)
        [problem] = caught.value.diagnostics
        assert said in problem.message
        assert help in problem.help
        assert problem.file == str(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError, match="is a pipe, not a file"):
        load(tmp_path / "pipe")


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="this system has no /dev/fd")
def test_what_a_program_prints_is_read_through_its_pipe(tiny: str) -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, tiny.encode())
        os.close(writer)
        assert load(f"/dev/fd/{reader}")[0].name == "tiny"
    finally:
        os.close(reader)


def test_syntax_errors_point_at_line_and_column(spec_errors: Errors) -> None:
    assert where(spec_errors("pcc: 1\na: b: c\n")[0]) == (2, 5)
    assert where(spec_errors("nodes:\n\ta: {}\n")[0]) == (2, 1)


def test_an_open_quote_shows_where_it_was_opened(spec_errors: Errors) -> None:
    [problem] = spec_errors("pcc: 1\nname: 'open\nnodes: {}\n")
    assert [(span.line, span.column) for _, span in problem.related] == [(2, 7)]


def test_a_duplicate_key_names_both_lines(spec_errors: Errors, tiny: str) -> None:
    [problem] = spec_errors(tiny + "name: other\n")
    assert problem.code == "PC107"
    assert where(problem) == (8, 1)
    assert problem.related[0][1].line == 2
    assert "line 2" in problem.message


def test_byte_order_mark_and_windows_line_ends_are_accepted(spec_errors: Errors, tiny: str) -> None:
    assert spec_errors(b"\xef\xbb\xbf" + tiny.replace("\n", "\r\n").encode()) == ()


def test_a_byte_order_mark_does_not_shift_columns(spec_errors: Errors) -> None:
    assert where(spec_errors("\ufeffnmae: x".encode())[0]) == (1, 1)


def test_no_and_on_may_name_nodes(load_files: Callable[..., RunSpec]) -> None:
    text = (
        "pcc: 1\nname: on\nnodes: {no: {shape: [010], role: input}, on: {shape: [1]}}\n"
        "edges: [{from: no, to: on}]\n"
    )
    spec = load_files({"spec.yaml": text})
    assert list(spec.nodes) == ["no", "on"]
    assert spec.nodes["no"].shape == (10,)
    assert spec.edges[0].source == "no"


def test_a_plain_alias_repeats_its_value(load_files: Callable[..., RunSpec]) -> None:
    text = "pcc: 1\nname: x\nnodes:\n  a: &n {shape: [3]}\n  b: *n\n"
    assert load_files({"spec.yaml": text}).nodes["b"].shape == (3,)


def test_an_alias_bomb_ends_at_once(spec_errors: Errors) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    start = time.process_time()
    [problem] = spec_errors("\n".join(lines))
    assert problem.code == "PC109"
    assert time.process_time() - start < 1
    tracemalloc.start()
    spec_errors("\n".join(lines))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10**7


def test_aliases_cannot_build_what_nesting_may_not(spec_errors: Errors) -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 80))]
    assert [problem.code for problem in spec_errors("\n".join(lines))] == ["PC110"]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "x" * (256 * 1024 + 1)]
)
def test_deep_nesting_and_huge_files_end_at_once(spec_errors: Errors, text: str) -> None:
    start = time.process_time()
    [problem] = spec_errors(text)
    assert problem.code == "PC110"
    assert time.process_time() - start < 1


def test_an_endless_file_is_read_no_further_than_the_limit() -> None:
    with pytest.raises(SpecError, match="larger than"):
        load("/dev/zero")


@pytest.mark.parametrize("value", [".inf", ".nan", "1e999", "9" * 400])
def test_numbers_that_cannot_be_used_are_refused_where_they_stand(
    spec_errors: Errors, tiny: str, value: str
) -> None:
    [problem] = spec_errors(f"{tiny}inference: {{optimizer: {{sgd: {{learning_rate: {value}}}}}}}")
    assert problem.code == "PC111"
    assert where(problem) == (8, 46)


def test_all_readable_mistakes_come_in_one_run(spec_errors: Errors, tiny: str) -> None:
    text = tiny + (
        "name: again\n"
        "training: {epochs: .inf, sed: 1}\n"
        "learning: {rule: backprp, schedule: !x y}\n"
        'description: "${a} ${b}"\n'
    )
    problems = spec_errors(text, "training.log_every=0", "oops")
    in_the_file = ["PC107", "PC111", "PC201", "PC203", "PC108", "PC208", "PC208"]
    assert [problem.code for problem in problems] == [*in_the_file, "PC211", "PC205"]


@pytest.mark.parametrize(
    "text",
    ["b: !x y\n" * 20_000, "b: .inf\n" * 20_000, 'a: ["${x}"]\n' * 100 + "b: '" + "${y}" * 50_000],
)
def test_a_file_full_of_mistakes_shows_the_first_hundred(spec_errors: Errors, text: str) -> None:
    problems = spec_errors(text + "'" * text.count("'"))
    assert len(problems) == 101
    assert "there may be more" in problems[-1].message


NODES = """\
pcc: 1
name: merged
nodes:
  x: {shape: [2], role: input}
  h1: &hidden {shape: [3], activation: tanh}
  h2: {<<: *hidden}
  h3: {activation: relu, <<: *hidden}
  h4: {<<: [{shape: [5]}, *hidden], "range": [0, 1]}
  y: {shape: [2], role: output}
edges:
  - {path: "x -> h[1..4] -> y"}
"""


def test_a_merge_key_brings_keys_that_the_mapping_lacks_and_the_first_mapping_wins(
    load_files: Callable[..., RunSpec],
) -> None:
    nodes = load_files({"spec.yaml": NODES}).nodes
    assert nodes["h2"] == nodes["h1"]
    assert (nodes["h3"].shape, nodes["h3"].activation) == ((3,), "relu")
    assert (nodes["h4"].shape, nodes["h4"].activation) == ((5,), "tanh")


def test_what_a_merge_key_brings_keeps_its_position(spec_errors: Errors) -> None:
    problems = spec_errors(NODES.replace("shape: [3], activation: tanh", "shape: [3], gain: 2"))
    assert {(p.code, where(p)) for p in problems} == {("PC201", (5, 28))}
    assert {p.path for p in problems} == {f"nodes.h{n}.gain" for n in (1, 2, 3, 4)}


@pytest.mark.parametrize(
    ("merge", "code", "said"),
    [
        ("<<: 3", "PC113", "`<<` takes over the keys of a mapping"),
        ("<<: [*hidden, [1]]", "PC113", "`<<` takes over the keys of a mapping"),
        ("<<: *nothing", "PC109", "`*nothing` repeats nothing"),
        ("<<: *hidden, <<: *hidden", "PC107", "`<<` stands twice"),
        ('"<<": *hidden', "PC201", "unknown key `<<`"),
    ],
)
def test_a_merge_key_that_brings_nothing_is_told(
    spec_errors: Errors, merge: str, code: str, said: str
) -> None:
    [problem] = spec_errors(NODES.replace("h2: {<<: *hidden}", f"h2: {{{merge}}}"))
    assert problem.code == code
    assert said in problem.message
    assert where(problem)[0] == 6


def test_merge_keys_count_as_aliases_do(spec_errors: Errors) -> None:
    rows = ["a0: &a0 {k: 1}"]
    for n in range(1, 40):
        rows.append(f"a{n}: &a{n} {{<<: *a{n - 1}, l{n}: *a{n - 1}}}")
    started = time.perf_counter()
    [problem] = spec_errors("\n".join(rows) + "\n")
    assert problem.code == "PC109"
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029"])
def test_lines_end_where_they_do_in_yaml_1_2(spec_errors: Errors, tiny: str, char: str) -> None:
    """In YAML 1.1 these break lines; then the rest of the comment would be text."""
    assert spec_errors(tiny + f"# a comment{char}that: [goes on\n") == ()
    [problem] = spec_errors(f"# a comment{char}that goes on\n" + tiny + "zzz: 1\n")
    assert where(problem) == (9, 1)
    [problem] = spec_errors(tiny.replace("tiny", f"ti{char}ny"))
    assert problem.code == "PC212"
    assert f"U+{ord(char):04X}" in problem.help


def test_such_characters_stay_in_quoted_texts(
    load_files: Callable[..., RunSpec], tiny: str
) -> None:
    text = tiny + 'description: "\ue000 one\u2028two\x85three"\n'
    assert load_files({"spec.yaml": text}).description == "\ue000 one\u2028two\x85three"


@pytest.mark.parametrize(
    ("text", "place", "named"),
    [
        ("training: {epochs:\u00a03}", (1, 12), "U+00A0 (no-break space): write a plain blank"),
        ("training:\n\u00a0\u00a0epochs: 3", (2, 1), "U+00A0 (no-break space)"),
        ("training: {epochs: \u221233}", (1, 20), "U+2212 (minus sign): write `-`"),
        ("training: {epochs: \uff13}", (1, 20), "(fullwidth digit three): write `3`"),
        ("training:\n  epochs\uff1a 3\n  seed: 1", (2, 9), "(fullwidth colon): write `:`"),
        ("training: {ep\u043echs: 3}", (1, 12), "U+043E (cyrillic small letter o): write `o`"),
        ("training: {monitor: loss\u200b}", (1, 21), "U+200B (zero width space): remove it"),
        ("training: {monitor: \u201closs\u201d}", (1, 21), 'double quotation mark): write `"`'),
    ],
)
def test_characters_that_look_like_others_are_named_with_what_to_write(
    spec_errors: Errors, tiny: str, text: str, place: tuple[int, int], named: str
) -> None:
    problem = next(p for p in spec_errors(tiny + text + "\n") if "U+" in p.help)
    assert named in problem.help
    line, column = where(problem)
    assert (line - tiny.count("\n"), column) == place


def test_an_en_dash_in_an_arrow_is_named_and_one_in_a_description_is_nobodys_business(
    tmp_path: Path, tiny: str
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(tiny.replace("from: a, to: b", "path: a \u2013> b"), encoding="utf-8")
    with pytest.raises(SpecError, match=r"en dash\): write `-`"):
        pcc.check(path)
    path.write_text(tiny + "description: one \u2013 two\u00a0three\n", encoding="utf-8")
    assert not pcc.check(path).warnings


@pytest.mark.parametrize(
    ("text", "place", "help"),
    [
        ("edges:\n  - {path: a -> b}\n   - {path: b -> c}\n", (3, 4), "by 2, like line 2"),
        ("edges:\n  - {path: a -> b}\n - {path: b -> c}\n", (3, 2), "by 2, like line 2"),
        ("edges:\n  - path: a -> b\n     op: dense\n", (3, 6), "by 4, like line 2"),
        ("edges:\n  - path: a -> b\n   - path: b -> c\n", (3, 4), "by 2, like line 2"),
        ("nodes:\n  a: {role: input}\n   b: {}\n  c: {}\n", (3, 4), "by 2, like line 2"),
        ("nodes:\n  a:\n    shape: [2]\n     role: input\n", (4, 6), "by 4, like line 3"),
        ("prediction:\n  read:\n    - a\n     - b\n", (4, 6), "by 4, like line 3"),
        ("training:\n  epochs: 3\n seed: 1\n", (3, 2), "by 2, like line 2"),
    ],
)
def test_a_line_that_is_indented_wrongly_is_named_at_its_own_place(
    spec_errors: Errors, text: str, place: tuple[int, int], help: str
) -> None:
    problem = next(p for p in spec_errors(text) if p.code in ("PC103", "PC114"))
    assert where(problem) == place
    assert "the line is indented by" in problem.message
    assert help in problem.help


def test_a_colon_inside_a_text_is_still_no_matter_of_indentation(spec_errors: Errors) -> None:
    [problem] = spec_errors("training:\n  epochs: 3: 4\n")
    assert "put quotes around" in problem.help
