"""Whatever happens to a spec's text, `load` returns, or says what is wrong, and soon.

Each seed damages one of a few specs in one to four ways. The outcome may only be a `RunSpec`
or a `SpecError` with diagnostics that can be rendered; and where it is a `RunSpec`, checking
it further may only end in the same two ways.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.render import render
from pccompiler.driver import check
from pccompiler.spec.load import load

SEEDS_PER_BATCH = 250
BATCHES = 12
SECONDS_EACH = 1.0

SMALL = """\
pcc: 1
name: small
params: {n: 2, width: 3, rate: 0.5}
nodes:
  a: {shape: [4], role: input}
  h[1..${n}]: {shape: ["${width}"], activation: tanh}
  s: &free {shape: [2]}
  b: {shape: [1], role: output}
edges:
  - {path: "a -> h[1..${n}] -> b", op: [tanh, {dense: {weight_init: {normal: 0.1}}}]}
  - {from: a, to: s}
  - {from: s, to: b, kind: skip, name: second, op: {dense: {bias: false}}}
energy: {loss: cross_entropy, precision: {per_node: {b: 2.0}}}
inference: {steps: {free: 3, nudged: 4}, stop: {residual: 1e-3}, init: {normal: 0.1}}
learning:
  rule: {predictive_coding: {output: nudge, beta: "${rate}"}}
  schedule: {step: {at: [0.1, 0.5]}}
  gradient_clip: {global_norm: 1}
training: {early_stop: {patience: 3}, checkpoint_every: {steps: 5}}
"""
TINY = "pcc: 1\nname: t\nnodes: {a: {shape: [1], role: input}, b: {shape: [1]}}\n"
SPECS = [
    *(path.read_text("utf-8") for path in sorted(Path("specs").glob("*.yaml"))),
    SMALL,
    TINY,
]
ODD = [
    *("", "~", "true", "no", "-1", "0", "1e-3", "1e999", ".inf", ".nan", "010", "12:30"),
    *("9" * 400, "0x" + "f" * 30, "1e308", "-0.0", "99999999", "''", '"', "'", "[]", "{}", "[["),
    *("!!python/object/apply:os.system [true]", "!x", "*free", "&free", "<<", "? ", "- ", "|", ">"),
    *("${n}", "${", "${}", "${${n}}", '"${n}"', "a -> b", "h[1..3]", "h[3..1]", "h[1..${n}]"),
    *("h[1..99999999]", "->", "a ->", "é", "名", "\u2028", "\x85", "\x00", "\x1b[2J", "\ud800"),
    *("---", "...", "%YAML 9.9", "# x", "@", "`", "\t", "dense", "{dense: {units: -1}}"),
]


def characters_replaced(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chr(chance.randrange(256)) + text[at + chance.randint(0, 1) :]
    return text


def odd_text_inserted(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(ODD) + text[at:]


def value_replaced(text: str, chance: random.Random) -> str:
    """Something after a colon, comma or bracket becomes something odd."""
    starts = [i + 1 for i, character in enumerate(text) if character in ":,[{"]
    if not starts:
        return text
    start = chance.choice(starts)
    end = start
    while end < len(text) and text[end] not in ",]}\n":
        end += 1
    return f"{text[:start]} {chance.choice(ODD)}{text[end:]}"


def number_replaced(text: str, chance: random.Random) -> str:
    places = [i for i, character in enumerate(text) if character.isdigit()]
    if not places:
        return text
    at = chance.choice(places)
    new = chance.choice(["-5", "0", "1e9", "0.5", "2147483648", "9" * 30, "", "x", "1_0"])
    return text[:at] + new + text[at + 1 :]


def words_renamed(text: str, chance: random.Random) -> str:
    words = sorted({word.strip("{}[],:\"'-") for word in text.split()} - {""})
    return text.replace(chance.choice(words), chance.choice([*words, *ODD])) if words else text


def lines_changed(text: str, chance: random.Random) -> str:
    """A line is dropped, doubled, swapped with another or indented."""
    lines = text.split("\n")
    i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[i]
        case 1:
            lines.insert(j, lines[i])
        case 2:
            lines[i], lines[j] = lines[j], lines[i]
        case _:
            lines[i] = chance.choice([" ", "   ", "\t"]) + lines[i]
    return "\n".join(lines)


def truncated(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text) + 1)]


def nested(text: str, chance: random.Random) -> str:
    at, depth = chance.randrange(len(text) + 1), chance.choice([3, 49, 51, 5000])
    left, right = chance.choice(["[]", "{}", ("{a: ", "}"), ("- ", "")])
    return f"{text[:at]}{left * depth}{right * chance.choice([0, depth])}{text[at:]}"


def made_a_base(text: str, chance: random.Random) -> str:
    return (
        chance.choice(["extends: spec.yaml\n", "extends: [base.yaml]\n", "extends: ../x\n"]) + text
    )


MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    characters_replaced,
    odd_text_inserted,
    value_replaced,
    value_replaced,
    number_replaced,
    words_renamed,
    lines_changed,
    truncated,
    nested,
    made_a_base,
)
OVERRIDES = [
    *("training.epochs=3", "training.epoch=3", "params.n=3", "params.n=1000000", "pcc=2", "="),
    *("nodes.a.shape=[]", "nodes.h[1..2].shape=[1]", "nodes={}", "nodes.${n}=1", "nodes.a[=1"),
    *("edges.0.op=relu", "edges.9.op=relu", "edges=3", "learning.rule.backprop.x=1", "x"),
    *("inference.steps=${n}", "extends=base.yaml", "params=", "params.n=${n}", "name=[", "a..b=1"),
    "description=\0",
]


def damaged(seed: int) -> tuple[bytes, list[str]]:
    chance = random.Random(seed)
    text = chance.choice(SPECS)
    for _ in range(chance.randint(1, 4)):
        text = chance.choice(MUTATIONS)(text, chance)
    data = text.encode("utf-8", "surrogatepass")
    if chance.random() < 0.1 and data:
        at = chance.randrange(len(data))
        data = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
    if chance.random() < 0.1:
        data = chance.choice([b"\xef\xbb\xbf", b"\xff\xfe", b""]) + data.replace(b"\n", b"\r\n")
    overrides = chance.sample(OVERRIDES, chance.choice([0, 0, 1, 2]))
    return data, overrides


def survives(run: Callable[[Path, list[str]], object], path: Path, overrides: list[str]) -> bool:
    """Whether it returned. Any end but that or a SpecError that can be shown is a failure."""
    start = time.perf_counter()
    problems: tuple[Diagnostic, ...] | None = None
    try:
        run(path, overrides)
    except SpecError as error:
        problems = error.diagnostics
    if problems is not None:
        assert problems, "an error without diagnostics"
        assert render(problems, "full")
        assert render(problems, "json")
    seconds = time.perf_counter() - start
    assert seconds < SECONDS_EACH, f"took {seconds:.1f} s"
    return problems is None


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_damaged_spec_loads_or_is_explained(batch: int, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(SMALL)
    path = tmp_path / "spec.yaml"
    loaded = 0
    for seed in range(batch * SEEDS_PER_BATCH, (batch + 1) * SEEDS_PER_BATCH):
        data, overrides = damaged(seed)
        path.write_bytes(data)
        try:
            if survives(load, path, overrides):
                loaded += 1
                survives(check, path, overrides)
        except Exception as error:
            error.add_note(f"seed {seed}: {data!r} {overrides}")
            raise
    # Were none or all to load, the mutations would test nothing.
    assert 0 < loaded < SEEDS_PER_BATCH
