"""Where else a key is, for those who leave out its section."""

from __future__ import annotations

import pytest

from pccompiler.diagnostics.diagnostic import SpecError
from pccompiler.spec.elsewhere import paths_to
from pccompiler.spec.language import place
from pccompiler.spec.load import load
from pccompiler.spec.tree import Entry, Mapping, Scalar

OPTIMISED = Mapping(
    {"learning": Entry(Mapping({"optimizer": Entry(Mapping({"sgd": Entry(Scalar(None))}))}))}
)
INNER = {
    f"{section}.{key}": key
    for section in ("energy", "inference", "learning", "prediction", "data", "training")
    for key in place((section,)).keys
}


def test_the_member_is_the_chosen_one_the_default_or_open() -> None:
    inference = "inference.optimizer.sgd.learning_rate"
    assert paths_to("learning_rate", OPTIMISED) == [
        inference,
        "learning.optimizer.sgd.learning_rate",
    ]
    assert paths_to("learning_rate", Mapping({})) == [
        inference,
        "learning.optimizer.adamw.learning_rate",
    ]
    assert paths_to("learning_rate") == [
        "inference.optimizer.NAME.learning_rate",
        "learning.optimizer.NAME.learning_rate",
    ]


def test_nodes_and_edges_stand_for_one_of_them() -> None:
    assert paths_to("activation") == ["nodes.NAME.activation"]
    assert paths_to("gain") == ["edges.NUMBER.gain"]
    assert paths_to("xyzzy") == []


@pytest.mark.parametrize("path", INNER)
def test_every_key_of_a_section_is_found_from_the_top_level(path: str) -> None:
    spec = {"pcc": 1, "name": "tiny", "nodes": {"a": {"shape": [2]}}}
    with pytest.raises(SpecError) as caught:
        load(spec, [f"{INNER[path]}=1"])
    assert f"`{path}`" in caught.value.diagnostics[0].help
