"""Binding, splitting, scaling and batching, judged by what they must do to known numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pccompiler.components.vocabulary import Role
from pccompiler.spec.models import DataSpec
from runtime.data import binding
from runtime.data.splits import (
    Data,
    epoch_batches,
    padded_batches,
    samples,
    search_folders,
    shuffled,
)
from tests.runtime.data.helpers import load, mistakes, network


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """40 images of 2x2 whose first pixel is constant and whose second counts the samples."""
    generator = np.random.default_rng(0)
    x = generator.normal(3, 2, (40, 2, 2))
    x[:, 0, 0] = 0.1
    x[:, 0, 1] = np.arange(40)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 3, value=x[:, 1, 1])
    return tmp_path / "a.npz"


# -- binding -----------------------------------------------------------------------------


def test_the_single_input_gets_the_features_and_the_single_output_the_target(file: Path) -> None:
    data = load(file, standardize="none")
    assert data.train["image"].shape == (29, 4)  # 2x2 images for a node of 4 units
    assert data.train["label"].dtype == np.float32
    assert (data.train["label"].sum(1) == 1).all()


def test_classes_become_one_hot_rows_of_their_samples(file: Path) -> None:
    data = load(file, standardize="none")
    number = data.train["image"][:, 1].astype(int)  # the second pixel counts the samples
    np.testing.assert_array_equal(data.train["label"].argmax(1), number % 3)


def test_binding_names_fields_and_nodes(file: Path) -> None:
    data = load(
        file,
        bind={"y": "image", "x": "label"},
        graph=network(image=((3,), Role.INPUT), label=((2, 2), Role.OUTPUT)),
    )
    assert data.train["image"].shape == (29, 3)
    assert data.train["label"].shape == (29, 2, 2)


def test_every_mistake_in_a_binding_is_told_with_a_suggestion(file: Path) -> None:
    found = mistakes(file, bind={"X": "image", "y": "lable", "x": "hidden"})
    assert found[0] == "PC510 data.bind.X: unknown field `X`; did you mean `x`?"
    assert found[1] == "PC510 data.bind.y: unknown node `lable`; did you mean `label`?"
    assert "node `hidden` is hidden and takes no data" in found[2]


def test_a_hidden_node_that_a_phase_holds_takes_data_and_needs_it(file: Path) -> None:
    graph = network(image=((4,), Role.INPUT), hidden=((1,), Role.HIDDEN), label=((3,), Role.OUTPUT))
    source = {"npz": {"path": str(file), "features": ("x", "value"), "target": "y"}}
    bind = {"x": "image", "y": "label"}
    [message] = mistakes(file, graph, held=("hidden",), source=source, bind=bind)
    assert "which field goes to node `hidden`" in message
    data = load(file, graph, ("hidden",), source=source, bind=bind | {"value": "hidden"})
    assert data.train["hidden"].shape == (29, 1)


def test_a_node_bound_twice_is_refused(file: Path) -> None:
    assert "bound twice" in mistakes(file, bind={"x": "image", "y": "image"})[0]


def test_a_node_without_data_is_named_with_the_fields_there_are(file: Path) -> None:
    [message] = mistakes(file, bind={"x": "image"})
    assert "which field goes to node `label`" in message
    assert "has the fields `x`, `y`" in message


def test_features_that_do_not_fit_name_both_shapes(file: Path) -> None:
    graph = network(image=((5,), Role.INPUT), label=((3,), Role.OUTPUT))
    [message] = mistakes(file, graph)
    assert message.startswith("PC511")
    assert "shape [2, 2] (4 numbers a sample)" in message
    assert "`image` has shape [5] (5 units)" in message
    assert "give `image` the shape [2, 2] or [4]" in message


def test_classes_that_do_not_fit_name_their_number(file: Path) -> None:
    graph = network(image=((4,), Role.INPUT), label=((10,), Role.OUTPUT))
    [message] = mistakes(file, graph)
    assert "has 3 classes, but node `label` has shape [10]" in message


def test_labels_that_count_from_one_are_recognised(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", x=np.zeros((9, 4)), y=np.arange(9) % 3 + 1)
    [message] = mistakes(tmp_path / "one.npz")
    assert "has the classes 1 to 3, which need 4 units as classes count from 0" in message
    assert "store labels from 0 to 2" in message


def test_class_labels_stored_as_floats_are_recognised(tmp_path: Path) -> None:
    file = tmp_path / "floats.npz"
    np.savez(file, x=np.zeros((9, 4)), y=np.arange(9) % 3.0)
    [message] = mistakes(file)
    assert "`y` holds whole numbers, 0 to 2, as floats" in message
    assert message.endswith("store them as integers: `labels.astype(int)`")
    np.savez(file, x=np.zeros((9, 4)), y=np.arange(9) % 3 + 0.5)
    [message] = mistakes(file)
    assert "class labels must be whole numbers of an integer type" in message


def test_labels_that_count_from_one_are_warned_of(file: Path) -> None:
    arrays = dict(np.load(file))
    np.savez(file, **(arrays | {"y": arrays["y"] % 2 + 1}))
    [warning] = load(file).warnings
    assert (warning.code, warning.severity) == ("PC514", "warning")
    assert "no sample of field `y` is of class 0" in warning.message
    np.savez(file, **arrays)
    assert load(file).warnings == ()


@pytest.mark.parametrize(
    ("offset", "scale", "told"),
    [
        (0, 1, False),
        (5, 3, False),
        (0.5, 0, False),
        (-1000, 1, True),
        (0, 300, True),
        (0, 1e-4, True),
    ],
)
def test_targets_far_from_standard_units_are_warned_of(
    file: Path, offset: float, scale: float, told: bool
) -> None:
    arrays = dict(np.load(file))
    np.savez(file, **(arrays | {"y": offset + scale * np.linspace(-1.7, 1.7, 40)}))
    regression = network(image=((4,), Role.INPUT), value=((1,), Role.OUTPUT))
    found = load(file, regression, bind={"x": "image", "y": "value"}).warnings
    assert [warning.code for warning in found] == ["PC515"] * told


def test_the_column_that_is_far_from_standard_units_is_named(file: Path) -> None:
    arrays, line = dict(np.load(file)), np.linspace(-1.7, 1.7, 40)
    np.savez(file, **(arrays | {"y": np.stack([line, 300 * line + 5, line + 200], axis=1)}))
    regression = network(image=((4,), Role.INPUT), value=((3,), Role.OUTPUT))
    [warning] = load(file, regression, bind={"x": "image", "y": "value"}).warnings
    assert re.search(r"a deviation of (2|3)\d\d in column 1, far from", warning.message)


# -- splits ------------------------------------------------------------------------------


def second_pixels(data: Data) -> list[set[int]]:
    parts = (data.train, data.validation, data.test)
    return [{round(float(v)) for v in part["image"][:, 1]} for part in parts]


def test_splits_share_no_sample_and_leave_none_out(file: Path) -> None:
    train, validation, test = second_pixels(load(file, standardize="none"))
    assert (len(train), len(validation), len(test)) == (29, 3, 8)
    assert train | validation | test == set(range(40))


def test_splits_depend_on_their_seed_only(file: Path) -> None:
    first, again, other = (
        second_pixels(load(file, standardize="none", split_seed=seed)) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_the_test_arrays_of_a_source_are_its_test_split(file: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(file))
    test = {"u": np.full((5, 2, 2), 7.0), "v": np.zeros(5, int)}
    np.savez(tmp_path / "b.npz", **arrays, **test)
    source = {"npz": {"path": str(tmp_path / "b.npz"), "test_features": "u", "test_target": "v"}}
    data = load(file, source=source, standardize="none")
    assert samples(data.train) + samples(data.validation) == 40
    assert (data.test["image"] == 7).all()
    assert samples(data.test) == 5


def test_train_samples_shortens_the_training_split_only(file: Path) -> None:
    full, short = load(file, standardize="none"), load(file, standardize="none", train_samples=10)
    assert samples(short.train) == 10
    assert second_pixels(short)[1:] == second_pixels(full)[1:]


def test_splits_may_be_empty(file: Path) -> None:
    data = load(file, validation=0.0, test=0.0)
    assert (samples(data.train), samples(data.validation), samples(data.test)) == (40, 0, 0)


def test_a_batch_larger_than_the_training_split_says_how_large_it_may_be(file: Path) -> None:
    [message] = mistakes(file, batch_size=30)
    assert message.startswith("PC512 data.batch_size")
    assert "a batch of 30 is larger than the training split, which has 29 samples" in message
    assert "at most 29" in message


def test_a_source_without_samples_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "empty.npz"
    np.savez(file, x=np.zeros((0, 2, 2)), y=np.zeros(0))
    [message] = mistakes(file)
    assert message.startswith("PC512 data.source: the source `npz` holds no samples")


# -- scaling -----------------------------------------------------------------------------


def test_features_are_standardised_with_the_training_split_only(file: Path) -> None:
    raw, scaled = load(file, standardize="none"), load(file, standardize="per_feature")
    train = raw.train["image"].astype(np.float64)
    mean, deviation = train.mean(0), train.std(0)
    for split in ("train", "validation", "test"):
        expected = (raw.split(split)["image"][:, 1:] - mean[1:]) / deviation[1:]
        np.testing.assert_allclose(scaled.split(split)["image"][:, 1:], expected, rtol=1e-4)


def test_a_feature_that_is_constant_in_training_is_centred_but_not_scaled(file: Path) -> None:
    image = load(file).test["image"]
    np.testing.assert_allclose(image[:, 0], 0, atol=1e-7)


def test_global_standardisation_uses_one_mean_and_deviation(file: Path) -> None:
    image = load(file, standardize="global").train["image"]
    assert image.mean() == pytest.approx(0, abs=1e-5)
    assert image.std() == pytest.approx(1, rel=1e-5)


def test_targets_are_never_scaled(file: Path) -> None:
    graph = network(image=((4,), Role.INPUT), label=((1,), Role.OUTPUT))
    source = {"npz": {"path": str(file), "target": "value"}}
    data = load(file, graph, source=source)
    raw = load(file, graph, source=source, standardize="none")
    np.testing.assert_array_equal(data.train["label"], raw.train["label"])
    np.testing.assert_array_equal(raw.train["label"][:, 0], raw.train["image"][:, 3])


def test_bytes_are_scaled_by_255(tmp_path: Path) -> None:
    x = np.array([[0, 255]] * 20, np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(20) % 3)
    graph = network(image=((2,), Role.INPUT), label=((3,), Role.OUTPUT))
    image = load(tmp_path / "a.npz", graph, standardize="none").train["image"]
    np.testing.assert_array_equal(image, np.float32([[0, 1]] * len(image)))


def test_the_digest_tells_data_apart(file: Path) -> None:
    assert load(file).digest == load(file).digest
    assert load(file).digest != load(file, split_seed=1).digest


# -- order and batches -------------------------------------------------------------------


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    first = epoch_batches(50, 8, seed=3, epoch=2)
    assert first.shape == (6, 8)
    np.testing.assert_array_equal(first, epoch_batches(50, 8, seed=3, epoch=2))
    assert (first != epoch_batches(50, 8, seed=3, epoch=1)).any()
    assert (first != epoch_batches(50, 8, seed=4, epoch=2)).any()


def test_an_epoch_holds_no_sample_twice_and_epochs_together_hold_all() -> None:
    epochs = [epoch_batches(50, 8, 0, epoch).ravel() for epoch in range(6)]
    assert all(len(set(epoch)) == 48 for epoch in epochs)
    assert set(np.concatenate(epochs)) == set(range(50))


def test_permutations_are_uniform() -> None:
    # Each of the 6 orders of 3 has probability 1/6; 4 deviations of 6000 draws are 115.
    counts = np.zeros((3, 3, 3), int)
    for seed in range(6000):
        counts[tuple(shuffled(3, seed))] += 1
    assert counts.sum() == 6000
    orders = counts[counts > 0]
    assert len(orders) == 6
    assert abs(orders - 1000).max() < 115


def test_the_order_of_samples_never_changes_between_versions() -> None:
    # Resuming relies on it: these numbers must stay as they are.
    assert shuffled(8, 0, 0).tolist() == shuffled(8, 0, 0).tolist()
    assert shuffled(8, 1, 2).tolist() == [7, 1, 3, 0, 4, 2, 6, 5]


def test_evaluation_batches_are_padded_and_the_padding_weighs_nothing() -> None:
    arrays = {"x": np.arange(5, dtype=np.float32)[:, None]}
    batches = list(padded_batches(arrays, 3))
    assert [batch["x"].shape for batch, _ in batches] == [(3, 1), (3, 1)]
    weighted = [value for batch, weight in batches for value in batch["x"][weight > 0, 0]]
    assert weighted == [0, 1, 2, 3, 4]


# -- where files are looked for ----------------------------------------------------------


def test_the_root_of_the_spec_is_looked_at_and_nothing_else(monkeypatch: Any) -> None:
    monkeypatch.setenv("PCC_DATA", "/elsewhere")
    data = DataSpec.model_validate({"source": "fashion_mnist", "root": "/data"})
    assert [str(f) for f in search_folders(data)] == [
        "/data/fashion_mnist",
        "/data/fashion-mnist",
        "/data",
    ]


def test_without_a_root_the_variable_comes_first_and_the_default_folder_last(
    monkeypatch: Any,
) -> None:
    monkeypatch.setenv("PCC_DATA", "/data")
    data = DataSpec.model_validate({"source": "fashion_mnist"})
    folders = [str(f) for f in search_folders(data)]
    assert folders[0] == "/data/fashion_mnist"
    assert folders[-1] == "/usr/share/datasets/fashion-mnist"


def test_a_relative_path_is_looked_for_beside_the_spec_too(
    monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.delenv("PCC_DATA", raising=False)
    data = DataSpec.model_validate({"source": {"npz": "a.npz"}})
    assert search_folders(data, tmp_path) == (Path.cwd(), tmp_path)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_digest_notices_a_change_in_any_split(file: Path, split: str) -> None:
    data = load(file)
    digest = data.digest
    data.split(split)["image"][-1, 0] += 1
    assert load(file).digest == digest
    assert replace(data).digest != digest


def test_an_array_that_fits_no_node_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, y = tmp_path / "a.npz", np.arange(12) % 3
    np.savez_compressed(file, x=np.zeros((12, 5)), y=y)
    [wrong] = mistakes(file)
    np.savez_compressed(tmp_path / "labels.npz", x=np.zeros((12, 4)), y=np.zeros((12, 4), int))

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("the numbers of an array are read")

    monkeypatch.setattr(np.lib.format, "read_array", read)
    assert mistakes(file) == [wrong]
    assert "field `x` has shape [5] (5 numbers a sample)" in wrong
    [unknown] = mistakes(file, bind={"z": "image"})
    assert "unknown field `z`" in unknown
    monkeypatch.setattr(binding, "MUCH", 0)
    [labels] = mistakes(tmp_path / "labels.npz")
    assert "field `y` has shape [4] (4 numbers a sample), but node `label` has" in labels
