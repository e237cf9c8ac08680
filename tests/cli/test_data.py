"""`pcc data`: what is found, where it is looked for, and whether it is what was published."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pccompiler.components.sources import SOURCES
from pccompiler.components.sources.idx import FILES, IMAGES, idx_bytes
from pccompiler.components.sources.mnist import FashionMnist, Mnist
from runtime.data import catalogue as datasets
from tests.cli.conftest import Pcc
from tests.runtime.helpers import refuse_to_open

FASHION = Path(FashionMnist.default_folders[0])


def contents() -> dict[str, bytes]:
    """Small IDX files by what they hold."""
    return {
        content: idx_bytes([[[len(content)]]] if axes == IMAGES else [len(content)], axes)
        for content, (_, axes) in FILES.items()
    }


@pytest.fixture
def root(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with small files in the place of MNIST, half of them packed, whose checksums are
    taken for the published ones."""
    place = folder / "archive" / "mnist"
    place.mkdir(parents=True)
    for content, (name, _) in FILES.items():
        raw = contents()[content]
        if content.startswith("train"):
            (place / f"{name}.gz").write_bytes(gzip.compress(raw))
        else:
            (place / name).write_bytes(raw)
    published = {key: hashlib.sha256(raw).hexdigest() for key, raw in contents().items()}
    monkeypatch.setattr(Mnist, "checksums", published)
    monkeypatch.delenv("PCC_DATA", raising=False)
    return folder / "archive"


def told(pcc: Pcc, *words: str, status: int = 0) -> Any:
    result = pcc("data", *words, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def test_every_source_is_listed_found_or_with_how_to_get_it(pcc: Pcc, root: Path) -> None:
    entries = {entry["name"]: entry for entry in told(pcc, "list", "--root", str(root))}
    assert list(entries) == [source.name for source in SOURCES]
    assert entries["digits"]["found"] is True
    assert entries["npz"]["found"] is None
    assert entries["mnist"]["found"] is True
    assert set(entries["mnist"]["files"]) == set(FILES)
    missing = entries["fashion_mnist"]
    assert missing["found"] is False
    assert str(root / "fashion-mnist") in missing["folders"]
    text = pcc("data", "list", "--root", str(root)).stdout
    assert "apt-get install dataset-fashion-mnist" in text
    assert all(source.name in text for source in SOURCES)


def test_the_variable_pcc_data_is_looked_at_first(
    pcc: Pcc, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PCC_DATA", str(root))
    folders = told(pcc, "path", "mnist")["folders"]
    assert folders == [
        {"folder": str(root / "mnist"), "state": "used"},
        {"folder": str(root), "state": "there"},
    ]
    text = pcc("data", "path", "mnist").stdout
    assert str(root / "mnist") in text


def test_a_source_that_is_missing_says_where_it_was_looked_for(pcc: Pcc, root: Path) -> None:
    result = pcc("data", "path", "fashion_mnist", "--root", "nowhere")
    assert result.exit_code == 3
    assert "nowhere/fashion_mnist" in result.stdout
    assert "PC501" in result.stderr
    assert "apt-get" in result.stderr


def test_a_source_inside_a_package_is_looked_for_in_no_folder(pcc: Pcc) -> None:
    result = pcc("data", "path", "digits")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "part of scikit-learn" in result.stderr


def test_files_are_compared_by_their_unpacked_contents(pcc: Pcc, root: Path) -> None:
    checks = told(pcc, "check", "mnist", "--root", str(root))
    assert {check["content"]: check["verdict"] for check in checks} == dict.fromkeys(
        FILES, "as published"
    )
    for check in checks:
        assert check["sha256"] == hashlib.sha256(contents()[check["content"]]).hexdigest()
    assert "as published" in pcc("data", "check", "mnist", "--root", str(root)).stdout


def test_another_file_and_a_damaged_one_are_told_apart(pcc: Pcc, root: Path) -> None:
    other = root / "mnist" / "t10k-labels-idx1-ubyte"
    other.write_bytes(other.read_bytes() + b"\0")
    packed = root / "mnist" / "train-images-idx3-ubyte.gz"
    packed.write_bytes(packed.read_bytes()[:-4])
    result = pcc("data", "check", "mnist", "--root", str(root), "--json")
    assert result.exit_code == 3
    verdicts = {check["content"]: check["verdict"] for check in json.loads(result.stdout)}
    assert verdicts["test labels"] == "another file"
    assert verdicts["train images"] == "damaged"
    assert verdicts["train labels"] == "as published"
    for part in ("PC503", "PC502", str(other), str(packed)):
        assert part in result.stderr


def test_a_file_that_may_not_be_read_is_not_called_damaged(
    pcc: Pcc, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_open(monkeypatch, root / "mnist" / "t10k-labels-idx1-ubyte")
    result = pcc("data", "check", "mnist", "--root", str(root))
    assert result.exit_code == 3
    assert "unreadable" in result.stdout
    assert "error[PC507]" in result.stderr
    assert "cannot be read: Permission denied" in result.stderr


def test_only_a_source_that_was_asked_for_has_to_be_there(pcc: Pcc, root: Path) -> None:
    checks = told(pcc, "check", "--root", str(root))
    verdicts = {check["source"]: check["verdict"] for check in checks}
    assert verdicts["fashion_mnist"] == "missing"
    assert verdicts["digits"] == "readable"
    told(pcc, "check", "fashion_mnist", "--root", str(root), status=3)


def test_what_inflates_without_end_is_not_read_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "LARGEST", 4 * datasets.BLOCK)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(64 * datasets.BLOCK), 1))
    read = hashlib.sha256(bytes(4 * datasets.BLOCK)).hexdigest()
    assert datasets.content_digest(path) == read


@pytest.mark.skipif(not FASHION.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_the_packaged_fashion_mnist_is_as_published(pcc: Pcc) -> None:
    checks = told(pcc, "check", "fashion_mnist")
    assert [check["verdict"] for check in checks] == ["as published"] * 4


def test_unreadable_data_of_a_package_is_told(pcc: Pcc, monkeypatch: pytest.MonkeyPatch) -> None:
    from pccompiler.components.sources import base, digits

    class Broken(digits.Digits):
        """A source that cannot be read."""

        name: ClassVar[str] = "digits"

        def load(self, folders: object) -> Any:
            raise base.damaged_file(Path("digits.csv"), "half of it is gone", "install it again")

    monkeypatch.setattr(datasets, "SOURCES", (Broken,))
    result = pcc("data", "check", "digits")
    assert result.exit_code == 3
    assert "half of it is gone" in result.stderr
