"""As what a node takes a field: shapes, classes, tokens and probabilities, or why it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pccompiler.components.energies import Bernoulli, CrossEntropy
from pccompiler.components.operators import Embedding
from pccompiler.components.vocabulary import Role, Shape
from pccompiler.ir.graph import Edge, EdgeKind, Graph
from runtime.data.layout import same_layout, transposition
from tests.runtime.data.helpers import CLASSIFIER, load, mistakes, network

LABELS = np.arange(40) % 3
IMAGES = np.random.default_rng(0).normal(size=(40, 4))


def written(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **({"x": IMAGES, "y": LABELS} | arrays))
    return folder / "a.npz"


def classifier(image: Shape = (4,), label: Shape = (3,)) -> Graph:
    return network(image=(image, Role.INPUT), label=(label, Role.OUTPUT))


# -- shapes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shape"),
    [((2, 3), (2, 3)), ((1, 2, 3), (2, 3, 1)), ((6,), (2, 3)), ((2, 3), (6,)), ((), (1,))],
)
def test_equal_shapes_axes_of_length_one_and_flat_ones_keep_numbers_in_their_places(
    given: Shape, shape: Shape
) -> None:
    assert same_layout(given, shape)


@pytest.mark.parametrize(
    ("given", "shape", "order"),
    [
        ((3, 16, 16), (16, 16, 3), (1, 2, 0)),
        ((16, 16, 3), (3, 16, 16), (2, 0, 1)),
        ((4, 8), (8, 4), (1, 0)),
        ((4, 6), (8, 3), None),
        ((4, 4, 2), (4, 2, 4), None),
    ],
)
def test_other_axes_are_not_the_same_and_their_order_is_told_where_it_is_one(
    given: Shape, shape: Shape, order: tuple[int, ...] | None
) -> None:
    assert not same_layout(given, shape)
    assert transposition(given, shape) == order
    if order:
        assert np.zeros(given).transpose(order).shape == shape


def test_as_many_numbers_along_other_axes_are_refused_with_the_transpose(tmp_path: Path) -> None:
    file = written(tmp_path, x=np.zeros((40, 3, 16, 16)))
    [message] = mistakes(file, classifier((16, 16, 3)))
    assert message.startswith("PC511")
    assert "samples of shape [3, 16, 16], but node `image` has shape [16, 16, 3]" in message
    assert "store `x.transpose(0, 2, 3, 1)`" in message
    [message] = mistakes(written(tmp_path, x=np.zeros((40, 4, 8))), classifier((8, 4)))
    assert "store `x.transpose(0, 2, 1)`, or give `image` the shape [4, 8]" in message


def test_labels_of_positions_in_other_places_are_refused(tmp_path: Path) -> None:
    graph = classifier(label=(3, 2, 5))
    [message] = mistakes(written(tmp_path, y=np.arange(240).reshape(40, 2, 3) % 5), graph)
    assert message.startswith("PC511")
    assert "node `label` has shape [3, 2, 5]" in message


def test_test_arrays_of_another_shape_or_kind_are_refused(tmp_path: Path) -> None:
    def found(**arrays: Any) -> str:
        file = written(tmp_path, **({"u": IMAGES, "v": LABELS} | arrays))
        npz = {"path": str(file), "test_features": "u", "test_target": "v"}
        return mistakes(file, source={"npz": npz})[0]

    told = found(u=np.zeros((5, 2, 2)), v=np.arange(5) % 3)
    assert "samples of shape [4] for training, but [2, 2] for testing" in told
    assert "values of type float64 for training, but uint8" in found(u=IMAGES.astype(np.uint8))
    assert "values of type int64 for training, but float64" in found(v=LABELS / 2)


# -- classes -----------------------------------------------------------------------------

ONE_HOT = np.eye(3)[LABELS]


@pytest.mark.parametrize("dtype", [int, float, bool, np.uint8])
def test_one_hot_rows_of_any_type_are_classes(tmp_path: Path, dtype: Any) -> None:
    data = load(written(tmp_path, y=ONE_HOT.astype(dtype)))
    [code] = [code for code in data.encodings if code.node == "label"]
    assert (code.kind, code.are_classes, code.classes) == ("one_hot", True, 3)
    labelled = load(written(tmp_path))
    np.testing.assert_array_equal(data.train["label"], labelled.train["label"])
    np.testing.assert_array_equal(data.test["image"], labelled.test["image"])  # the same split


def test_rows_with_several_ones_are_numbers(tmp_path: Path) -> None:
    several = np.random.default_rng(0).integers(0, 2, (40, 3))
    data = load(written(tmp_path, y=several.astype(bool)))
    assert [code.kind for code in data.encodings] == ["features", "target"]
    [message] = mistakes(written(tmp_path, y=several))
    assert "store them as floats, `y.astype(float)`" in message


def test_true_and_false_are_two_classes_or_the_numbers_0_and_1(tmp_path: Path) -> None:
    file = written(tmp_path, y=LABELS == 1)
    two, one = load(file, classifier(label=(2,))), load(file, classifier(label=(1,)))
    assert [data.encodings[1].kind for data in (two, one)] == ["classes", "target"]
    np.testing.assert_array_equal(two.test["label"][:, 1:], one.test["label"])
    [message] = mistakes(file, classifier(label=(3,)))
    assert "give `label` the shape [1], for numbers 0 and 1, or [2], for two classes" in message


@pytest.mark.parametrize(
    ("labels", "units", "told", "advice"),
    [
        (
            [7, 42],
            2,
            "2 different labels, from 7 to 42, which need 43",
            "return_inverse=True",
        ),
        ([7, 42], 3, "2 different labels", "and give `label` the shape [2]"),
        ([1990, 1999, 2005], 1, "whole numbers from 1990 to 2005", "`y.astype(float)`"),
        ([1990, 1999, 2005], 1, "", "numpy.unique(y, return_inverse=True)[1]` and give `label`"),
        ([0, 1, 2], 1, "whole numbers from 0 to 2", "give `label` the shape [3]"),
        ([1, 2, 3], 3, "the classes 1 to 3", "store labels from 0 to 2"),
        ([0, 1, 2], 4, "3 classes", "give `label` the shape [3]"),
    ],
)
def test_advice_for_integers_follows_from_the_node_and_the_labels_there_are(
    tmp_path: Path, labels: list[int], units: int, told: str, advice: str
) -> None:
    y = np.array(labels)[np.arange(40) % len(labels)]
    [message] = mistakes(written(tmp_path, y=y), classifier(label=(units,)))
    assert told in message
    assert advice in message


def test_text_labels_are_classes_with_names(tmp_path: Path) -> None:
    names = np.array(["dog", "cat", "emu"])
    data = load(written(tmp_path, y=names[LABELS]))
    code = data.encodings[1]
    assert code.names == ("cat", "dog", "emu")  # in alphabetical order
    renumbered = np.array([1, 0, 2])[LABELS]
    assert data.digest == load(written(tmp_path, y=renumbered)).digest


def test_names_of_classes_give_text_its_numbers_and_numbers_their_names(tmp_path: Path) -> None:
    names = ("dog", "cat", "emu")
    file = written(tmp_path, y=np.array(names)[LABELS])
    text = load(file, source={"npz": {"path": str(file), "classes": names}})
    numbers = load(written(tmp_path), source={"npz": {"path": str(file), "classes": names}})
    assert text.encodings[1].names == numbers.encodings[1].names == names
    assert text.digest == numbers.digest


# -- tokens ------------------------------------------------------------------------------


def reader(vocabulary: int) -> Graph:
    operator = Embedding(indices=True, vocabulary=vocabulary, units=2)
    edge = Edge("text->h", "text", "h", EdgeKind.FEEDFORWARD, (operator,))
    return network(
        [edge], text=((4,), Role.INPUT), h=((4, 2), Role.HIDDEN), label=((3,), Role.OUTPUT)
    )


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, float])
def test_tokens_are_neither_scaled_nor_standardised(tmp_path: Path, dtype: Any) -> None:
    tokens = np.random.default_rng(0).integers(0, 9, (40, 4)).astype(dtype)
    tokens[:, 0] = np.arange(40) % 9
    data = load(written(tmp_path, x=tokens), reader(9))
    assert [code.kind for code in data.encodings if code.node == "text"] == ["tokens"]
    assert set(data.train["text"].ravel()) == set(range(9))


@pytest.mark.parametrize("bad", [9, -1, 0.5])
def test_tokens_outside_the_vocabulary_are_named(tmp_path: Path, bad: float) -> None:
    tokens = np.ones((40, 4))
    tokens[33, 2] = bad
    [message] = mistakes(written(tmp_path, x=tokens), reader(9))
    assert message.startswith(f"PC519 data.source: field `x` is {bad:g} in sample 33, column 2")
    assert "whole numbers from 0 to 8" in message


# -- what float32 can hold ---------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_a_large_offset_leaves_standardised_features_as_they_are_without(
    tmp_path: Path, dtype: Any
) -> None:
    steps = np.round(60_000 * IMAGES)
    plain = load(written(tmp_path, x=steps))
    shifted = load(written(tmp_path, x=(1_700_000_000_000 + steps).astype(dtype)))
    np.testing.assert_allclose(shifted.train["image"], plain.train["image"], atol=1e-5)
    code = shifted.encodings[0]
    held = code.encode((1_700_000_000_000 + steps[:5]).astype(dtype))
    np.testing.assert_allclose(code.decode(held), 1_700_000_000_000 + steps[:5], rtol=0, atol=0.05)


@pytest.mark.parametrize("scale", [1e-200, 1e-60, 1e60, 1e200, 1e307])
def test_features_of_any_size_are_standardised(tmp_path: Path, scale: float) -> None:
    small = np.clip(IMAGES, -3, 3)
    plain, scaled = (load(written(tmp_path, x=small * factor)) for factor in (1, scale))
    np.testing.assert_allclose(scaled.train["image"], plain.train["image"], atol=1e-5)


def test_values_beyond_float32_are_named_with_sample_and_column(tmp_path: Path) -> None:
    large = IMAGES.copy()
    large[7, 2] = 1e39
    [message] = mistakes(written(tmp_path, x=large), standardize="none")
    assert message.startswith("PC517 data.source: field `x` is 1e+39 in sample 7, column 2")
    regression = network(image=((4,), Role.INPUT), value=((4,), Role.OUTPUT))
    assert "PC517" in mistakes(written(tmp_path, y=large), regression)[0]


@pytest.mark.parametrize(
    ("standardize", "told"), [("none", True), ("global", True), ("per_feature", False)]
)
def test_features_that_lose_their_differences_are_warned_of(
    tmp_path: Path, standardize: str, told: bool
) -> None:
    file = written(tmp_path, x=IMAGES + np.array([0, 0, 1.7e9, 0]))
    found = load(file, standardize=standardize).warnings
    assert [warning.code for warning in found] == ["PC516"] * told
    if told:
        assert "in column " in found[0].message
        assert "`data.standardize: per_feature`" in found[0].help


# -- likelihoods -------------------------------------------------------------------------


def with_loss(loss: Any, shape: Shape = (3,)) -> Graph:
    return classifier(label=shape).replace(loss=loss)


PROBABILITIES = np.random.default_rng(0).dirichlet(np.ones(3), 40)


@pytest.mark.parametrize(
    ("loss", "y", "told"),
    [
        (CrossEntropy(), PROBABILITIES, None),
        (CrossEntropy(), PROBABILITIES.astype(np.float16), None),
        (CrossEntropy(), 2 * PROBABILITIES, "its rows do not sum to 1: one has a sum of 2"),
        (CrossEntropy(), IMAGES[:, :3], "its values go from -"),
        (Bernoulli(), 3 * PROBABILITIES, "its values go from"),
        (Bernoulli(), np.round(PROBABILITIES), None),
        (Bernoulli(state="logits"), IMAGES[:, :3], None),
    ],
)
def test_a_likelihood_is_held_at_probabilities_only(
    tmp_path: Path, loss: Any, y: np.ndarray, told: str | None
) -> None:
    file = written(tmp_path, y=y)
    if told is None:
        assert load(file, with_loss(loss)).train
        return
    [message] = mistakes(file, with_loss(loss))
    assert message.startswith("PC518 data.source: field `y` is held at `label`")
    assert told in message


def test_probabilities_that_are_standardised_are_refused_with_the_remedy(tmp_path: Path) -> None:
    decoder = network(label=((3,), Role.INPUT), image=((4,), Role.OUTPUT)).replace(loss=Bernoulli())
    file = written(tmp_path, x=np.random.default_rng(0).integers(0, 256, (40, 4), np.uint8))
    bind = {"x": "image", "y": "label"}
    [message] = mistakes(file, decoder, bind=bind)
    assert "once they are standardised" in message
    assert "set `data.standardize: none`, which leaves them as they are stored" in message
    assert load(file, decoder, bind=bind, standardize="none").train


# -- fields that no node takes -----------------------------------------------------------


def test_a_forgotten_input_is_an_error_that_names_it(tmp_path: Path) -> None:
    edge = Edge("x->y", "x", "y", EdgeKind.FEEDFORWARD, ())
    graph = network([edge], x=((4,), Role.HIDDEN), y=((3,), Role.OUTPUT))
    [message] = mistakes(written(tmp_path), graph)
    assert message.startswith("PC536 data.source: field `x` of the data goes to no node, so")
    assert "predicted of `y` depends on the data" in message
    assert "give `x` the role input" in message


def test_other_fields_that_no_node_takes_are_told_unless_they_are_left_out(tmp_path: Path) -> None:
    npz = {"path": str(written(tmp_path, z=LABELS)), "features": ("x", "z")}
    bind = {"x": "image", "y": "label"}
    edge = Edge("image->label", "image", "label", EdgeKind.FEEDFORWARD, ())
    graph = network([edge], image=((4,), Role.INPUT), label=((3,), Role.OUTPUT))
    [warning] = load(Path(), graph, source={"npz": npz}, bind=bind).warnings
    assert (warning.code, warning.severity) == ("PC536", "warning")
    assert "field `z` of the data goes to no node" in warning.message
    assert "`data.bind: {z: null}`" in warning.help
    assert load(Path(), graph, source={"npz": npz}, bind=bind | {"z": None}).warnings == ()


def test_labels_are_noted_where_nothing_is_predicted(tmp_path: Path) -> None:
    graph = network(image=((4,), Role.INPUT))
    [note] = load(written(tmp_path), graph).warnings
    assert (note.code, note.severity) == ("PC536", "note")


def test_the_classifier_of_these_tests_has_nothing_to_tell(tmp_path: Path) -> None:
    assert load(written(tmp_path), CLASSIFIER).warnings == ()
