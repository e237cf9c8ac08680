"""Which samples train, validate and test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime.data.partition import at_random, in_order, shortened, stratified
from tests.runtime.data.helpers import load, mistakes

RARE = np.repeat([0, 1, 2], [396, 3, 1])
"""Labels of 400 samples, as in the report of a split without classes."""


def shares(labels: np.ndarray, *rows: np.ndarray) -> list[list[int]]:
    return [np.bincount(labels[part], minlength=int(labels.max()) + 1).tolist() for part in rows]


def test_a_rare_class_is_in_every_split_that_it_can_be_in() -> None:
    train, validation, test = shares(RARE, *stratified(RARE, 0.1, 0.2, seed=0))
    assert (sum(train), sum(validation), sum(test)) == (288, 32, 80)
    assert (train[1], validation[1], test[1]) == (1, 1, 1)
    assert (train[2], validation[2], test[2]) == (1, 0, 0)


def test_every_split_has_the_share_of_each_class() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [500, 300, 200]))
    for part, size in zip(stratified(labels, 0.1, 0.2, seed=3), (720, 80, 200), strict=True):
        assert len(part) == size
        [found] = shares(labels, part)
        np.testing.assert_allclose(found, np.array([0.5, 0.3, 0.2]) * size, atol=1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [1, 2, 7, 40])
def test_stratified_parts_hold_every_sample_once(classes: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, classes, 40)
    parts = stratified(labels, 0.1, 0.2, seed)
    assert [len(part) for part in parts] == [len(part) for part in at_random(40, 0.1, 0.2, seed)]
    assert sorted(np.concatenate(parts)) == list(range(40))


def test_the_samples_of_a_stratified_split_are_in_no_order_of_classes() -> None:
    labels = np.repeat([0, 1], 200)
    half = labels[stratified(labels, 0.1, 0.2, seed=0).train[:100]]
    assert 30 < half.sum() < 70


def test_in_order_the_first_samples_train_and_the_last_ones_test() -> None:
    train, validation, test = in_order(10, 0.2, 0.2)
    assert train.tolist() == list(range(6))
    assert (validation.tolist(), test.tolist()) == ([6, 7], [8, 9])


def test_a_shortened_split_keeps_the_shares() -> None:
    labels = np.repeat([0, 1], [90, 10])
    rows = np.random.default_rng(0).permutation(100)
    assert shares(labels, shortened(rows, 20, labels)) == [[18, 2]]
    np.testing.assert_array_equal(shortened(rows, 20, None), rows[:20])


# -- as a spec asks for it ---------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """400 samples, numbered in the first feature, in the order of their classes."""
    x = np.random.default_rng(0).normal(size=(400, 4))
    x[:, 0] = np.arange(400)
    np.savez(tmp_path / "a.npz", x=x, y=RARE, value=x[:, 1])
    return tmp_path / "a.npz"


def test_classes_are_stratified_unless_the_spec_says_otherwise(file: Path) -> None:
    def tested(**changes: str) -> set[int]:
        return set(load(file, **changes).test["label"].argmax(1))

    assert tested() == tested(split="stratified") == {0, 1}
    assert tested(split="in_order") == {0, 1, 2}
    rows = load(file, split="in_order", standardize="none").test["image"][:, 0]
    assert rows.tolist() == list(range(320, 400))
    at_once = load(file, split="random", standardize="none").test["image"][:, 0]
    assert at_once.tolist() == at_random(400, 0.1, 0.2, 0).test.tolist()


def test_a_split_that_lacks_a_class_is_warned_of(file: Path) -> None:
    [warning] = load(file).warnings
    assert (warning.code, warning.severity) == ("PC535", "warning")
    assert "the validation split has no sample of class 2" in warning.message
    assert "the test split has no sample of class 2" in warning.message


def test_a_class_that_is_in_the_test_arrays_alone_is_warned_of(file: Path) -> None:
    arrays = dict(np.load(file))
    arrays |= {"y": np.arange(400) % 2, "u": arrays["x"][:9], "v": np.arange(9) % 3}
    np.savez(file, **arrays)
    npz = {"path": str(file), "test_features": "u", "test_target": "v"}
    [warning] = load(file, source={"npz": npz}).warnings
    assert warning.code == "PC535"
    assert "the training split has no sample of class 2" in warning.message
    assert "test split" not in warning.message


def test_stratifying_without_classes_is_refused(file: Path) -> None:
    source = {"npz": {"path": str(file), "target": "value"}}
    from pccompiler.components.vocabulary import Role
    from tests.runtime.data.helpers import network

    graph = network(image=((4,), Role.INPUT), value=((1,), Role.OUTPUT))
    [message] = mistakes(file, graph, source=source, split="stratified")
    assert message.startswith("PC537 data.split: data.split is stratified, but no node takes")
