"""Ranges, chains and pairs."""

from __future__ import annotations

import pytest

from pccompiler.spec.names import NameSyntaxError, chain, expand, paired


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("h", ["h"]),
        ("h[1..3]", ["h1", "h2", "h3"]),
        ("h[9..11]", ["h9", "h10", "h11"]),
        ("h[ 1 .. 2 ]", ["h1", "h2"]),
        ("h[2..2]", ["h2"]),
        ("h[1..0]", []),
        ("h[0..1]_left", ["h0_left", "h1_left"]),
        ("_private", ["_private"]),
    ],
)
def test_a_range_stands_for_its_names_in_order(written: str, names: list[str]) -> None:
    assert expand(written) == names


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("", "is not a name"),
        ("2h", "is not a name"),
        ("[1..2]", "is not a name"),
        ("h-1", "is not a name"),
        ("h 1", "is not a name"),
        ("h[1..2", "is not a name"),
        ("h[1...2]", "is not a name"),
        ("h[-1..2]", "is not a name"),
        ("h\n", "is not a name"),
        ("größe", "is not a name"),
        ("h[١..٢]", "is not a name"),
        ("h[3..1]", "runs backwards"),
        ("h[1..2][1..2]", "more than one range"),
        ("h[1..10001]", "10001 names"),
        ("h[1..1" + "0" * 5000 + "]", "counts too far"),
        ("total", "reserved"),
        ("external", "reserved"),
    ],
)
def test_what_cannot_be_a_name_is_told_with_advice(written: str, complaint: str) -> None:
    with pytest.raises(NameSyntaxError, match=complaint) as caught:
        expand(written)
    assert caught.value.help


def test_the_longest_range_is_allowed() -> None:
    assert len(expand("h[1..10000]")) == 10_000


@pytest.mark.parametrize(
    ("path", "nodes"),
    [
        ("a -> b", ["a", "b"]),
        ("a->b->c", ["a", "b", "c"]),
        ("  a ->   h[1..2]-> b ", ["a", "h1", "h2", "b"]),
        ("h[1..3]", None),
        ("a -> h[1..0] -> b", ["a", "b"]),
        ("a -> h[1..0]", None),
        ("a", None),
        ("a ->", None),
        ("-> a", None),
        ("a -> -> b", None),
        ("a => b", None),
        ("", None),
    ],
)
def test_a_chain_has_arrows_and_at_least_two_nodes(path: str, nodes: list[str] | None) -> None:
    if nodes is None:
        with pytest.raises(NameSyntaxError):
            chain(path)
    else:
        assert chain(path) == nodes


@pytest.mark.parametrize(
    ("first", "second", "pairs"),
    [
        ("a", "b", ["ab"]),
        ("a", "h[1..2]", ["ah1", "ah2"]),
        ("h[1..2]", "b", ["h1b", "h2b"]),
        ("h[1..2]", "g[3..4]", ["h1g3", "h2g4"]),
        ("h[1..1]", "g[3..4]", ["h1g3", "h1g4"]),
        ("h[1..0]", "g[1..0]", []),
        ("a", "g[1..0]", []),
    ],
)
def test_ranges_pair_element_by_element_or_one_with_each(
    first: str, second: str, pairs: list[str]
) -> None:
    assert [a + b for a, b in paired(first, second)] == pairs


def test_ranges_of_different_lengths_do_not_pair() -> None:
    with pytest.raises(NameSyntaxError, match=r"3 names and `g\[1..2\]` for 2"):
        paired("h[1..3]", "g[1..2]")
