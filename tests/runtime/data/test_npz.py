"""Arrays in .npz and .npy files as they are, and as they should not be."""

from __future__ import annotations

import io
import pickle
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pccompiler.components.sources import stored
from pccompiler.components.sources.npz import Npz
from pccompiler.components.sources.stored import read_npy, read_npz
from pccompiler.diagnostics.diagnostic import DataError
from runtime.prediction.input_files import read_inputs
from tests.runtime.helpers import forbid, refuse_to_open


def refused(source: Npz, folder: Path) -> str:
    """The message about the one problem of the source's file."""
    with pytest.raises(DataError) as error:
        source.load([folder])
    [diagnostic] = error.value.diagnostics
    assert diagnostic.help, "every message says what to do"
    return f"{diagnostic.code} {diagnostic.message}"


def write(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # pyright: ignore
    return path


def test_integer_targets_are_classes_and_others_are_numbers(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", x=np.zeros((4, 2)), y=np.array([0, 2, 1, 2]), z=np.ones((4, 1)))
    classes = Npz(path="a.npz").load([tmp_path]).train
    assert (classes["y"].kind, classes["y"].classes) == ("classes", 3)
    numbers = Npz(path="a.npz", target="z").load([tmp_path]).train
    assert numbers["z"].kind == "target"
    assert "y" not in numbers


def test_test_arrays_stand_under_the_names_of_the_training_arrays(tmp_path: Path) -> None:
    y, y_test = np.array([0, 1, 0]), np.array([0, 5])
    write(tmp_path / "a.npz", x=np.zeros((3, 2)), y=y, u=np.ones((2, 2)), v=y_test)
    dataset = Npz(path="a.npz", test_features="u", test_target="v").load([tmp_path])
    assert dataset.test is not None
    assert list(dataset.test) == ["x", "y"]
    assert dataset.train["y"].classes == dataset.test["y"].classes == 6


def test_several_features_and_no_target_are_allowed(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", left=np.zeros((3, 2)), right=np.zeros((3, 1), np.uint8))
    fields = Npz(path="a.npz", features=("left", "right"), target=None).load([tmp_path]).train
    assert [field.kind for field in fields.values()] == ["features", "features"]
    assert fields["right"].full_scale == 255


def test_objects_in_an_npz_are_refused_and_never_unpickled(tmp_path: Path) -> None:
    target = tmp_path / "executed"

    class Hostile:
        def __reduce__(self) -> object:
            return (Path.touch, (target,))

    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", buffer.getvalue() + pickle.dumps([Hostile()]))
    message = refused(Npz(path="a.npz", target=None), tmp_path)
    assert "array `x` holds Python objects" in message
    assert not target.exists()


@pytest.mark.parametrize("name", ["../../x.npy", "a/../../x.npy", "/tmp/x.npy", "..\\x", "C:/x"])
def test_an_npz_whose_members_lead_out_of_it_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "inner" / "a.npz"
    path.parent.mkdir()
    np.savez(path, x=np.zeros(3))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"out")
    with pytest.raises(DataError, match=r"PC503.*is a path that leads out of it"):
        read_npz(path, ["x"])
    assert sorted(tmp_path.rglob("*")) == [path.parent, path]


def test_an_npz_with_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros(3))
    link = zipfile.ZipInfo("y.npy")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match=r"PC503.*`y\.npy` is a link"):
        read_npz(path, ["x"])


def test_a_pickle_called_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(pickle.dumps({"x": [1, 2]}))
    assert "PC502" in refused(Npz(path="a.npz"), tmp_path)


def test_a_single_array_called_npz_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as stream:
        np.save(stream, np.ones(3))
    assert "it is a single array" in refused(Npz(path="a.npz"), tmp_path)


def test_a_missing_array_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", images=np.zeros((2, 2)), labels=np.zeros(2, int))
    message = refused(Npz(path="a.npz"), tmp_path)
    assert "has no array `x`; it holds images, labels" in message


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.array(["a", "b"]), "array `x` is text"),
        (np.array([[1.0], [np.nan]]), "holds NaN in sample 1, column 0; 1 of 2 numbers, in 1 of 2"),
        (np.zeros((3, 0)), "has 3 samples without numbers: its shape is (3, 0)"),
        (np.array(3.0), "of shape ()"),
        (np.array([1j, 2]), "is complex128"),
    ],
)
def test_arrays_that_are_no_finite_numbers_are_refused(
    tmp_path: Path, values: np.ndarray, problem: str
) -> None:
    write(tmp_path / "a.npz", x=values)
    assert problem in refused(Npz(path="a.npz", target=None), tmp_path)


def test_arrays_that_differ_in_samples_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", x=np.zeros((3, 2)), y=np.zeros(2, int))
    assert "differ in the number of samples: `x` 3, `y` 2" in refused(Npz(path="a.npz"), tmp_path)


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_a_damaged_npz_is_named(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "a.npz", x=np.zeros((300, 2)), y=np.zeros(300, int))
    content = bytearray(path.read_bytes())
    content[1000] ^= 8
    path.write_bytes(content[:2000] if damage == "truncate" else content)
    message = refused(Npz(path="a.npz"), tmp_path)
    assert message.startswith("PC502")
    assert str(path) in message


def test_npz_arrays_by_name_are_all_read_where_none_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", a=np.ones(2), b=np.ones((2, 3)))
    assert sorted(read_npz(path)) == ["a", "b"]


def test_test_features_without_their_target_are_refused() -> None:
    with pytest.raises(ValueError, match="need one array for each"):
        Npz(path="a.npz", test_features="u")


def test_a_text_called_npz_is_named_without_advice_to_unpickle_it(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("hello")
    message = refused(Npz(path="a.npz"), tmp_path)
    assert message.startswith("PC502")
    assert "it is not an .npz file" in message
    assert "pickle" not in message


def test_an_npy_file_is_read_and_checked_like_an_npz_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    assert read_npy(tmp_path / "a.npy").tolist() == [0, 1, 2]
    np.savez(tmp_path / "b.npz", x=np.ones(3))
    (tmp_path / "text.npy").write_text("hello")
    np.save(tmp_path / "nan.npy", np.array([np.nan]))
    np.save(tmp_path / "object.npy", np.array([{}]))
    for name, problem in [
        ("b.npz", "PC503.*not a single array"),
        ("text.npy", "PC502.*not an .npy file"),
        ("nan.npy", "PC505.*NaN"),
        ("object.npy", "PC505.*Python objects"),
    ]:
        with pytest.raises(DataError, match=problem):
            read_npy(tmp_path / name)


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.csv"])
def test_a_file_that_may_not_be_read_is_not_called_damaged(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.npz", x=np.zeros((2, 2)))
    np.save(tmp_path / "a.npy", np.zeros(2))
    (tmp_path / "a.csv").write_text("1,2\n")
    refuse_to_open(monkeypatch, tmp_path / name)
    told = rf"PC507\]: cannot read \S+{name}: Permission denied \(make it.* readable"
    with pytest.raises(DataError, match=told):
        read_inputs([tmp_path / name])


def test_an_array_that_does_not_fit_into_memory_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    path = write(tmp_path / "a.npz", x=np.zeros((2, 2)))
    monkeypatch.setattr(np.lib.format, "read_array", load)
    with pytest.raises(DataError, match=r"PC507.*Unable to allocate 9 TiB.*larger machine"):
        read_npz(path)


def test_a_folder_that_may_not_be_searched_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(monkeypatch, "is_file")
    assert "cannot read" in refused(Npz(path="a.npz"), tmp_path)


def test_a_folder_in_place_of_a_file_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    message = refused(Npz(path="sub"), tmp_path)
    assert message == "PC501 data file `sub` is a folder"


def zipped(path: Path, member: bytes, name: str = "x.npy", shown: int | None = None) -> Path:
    """An archive with one member; `shown` is how many bytes it claims to hold."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, member)
    if shown is not None:
        content = path.read_bytes()
        size = len(member).to_bytes(4, "little")
        assert content.count(size) == 2, "in the local header and in the list of members"
        path.write_bytes(content.replace(size, shown.to_bytes(4, "little")))
    return path


def header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    buffer = io.BytesIO()
    written = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, written)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        (b"hello", "its member `x.npy` is no array"),
        (b"", "its member `x.npy` is no array"),
        (b"\x93NUMPY", "damaged"),
        (b"\x93NUMPY\x09\x00" + bytes(20), "damaged"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((((", "damaged"),
        (header((2, 3)) + bytes(40), r"40 bytes of numbers, but its header promises \[2, 3\] of 8"),
        (header((10**12,)) + bytes(8), "8 bytes of numbers, but its header promises"),
        (header((-1, -8)) + bytes(64), "64 bytes of numbers, but its header promises"),
    ],
)
def test_a_member_of_an_archive_that_is_no_whole_array_is_damage(
    tmp_path: Path, member: bytes, problem: str
) -> None:
    path = zipped(tmp_path / "a.npz", member)
    with pytest.raises(DataError, match=f"PC502.*{problem}"):
        Npz(path="a.npz", target=None).load([tmp_path])
    with pytest.raises(DataError, match=f"PC502.*{problem}"):
        read_inputs([path])
    (tmp_path / "x.npy").write_bytes(member)
    with pytest.raises(DataError, match="PC502"):
        read_inputs([tmp_path / "x.npy"])


def test_an_array_that_inflates_beyond_what_its_archive_promises_is_damage(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.npz", header((2**16,)) + bytes(2**19), shown=2**16)
    with pytest.raises(DataError, match=r"PC502.*but its header promises"):
        read_npz(path)


def test_an_archive_with_a_password_is_told_as_one_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", x=np.zeros(3))
    content = bytearray(path.read_bytes())
    for start in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[start] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"PC502.*(password|encrypted)"):
        read_npz(path)


def no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, reading more than headers fails the test."""

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("the numbers of an array are read")

    monkeypatch.setattr(np.lib.format, "read_array", read)


def test_arrays_larger_than_the_memory_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros((2**10, 2**7)))  # 1 MiB
    np.save(tmp_path / "a.npy", np.zeros((2**10, 2**7)))
    assert path.stat().st_size < 2**13
    monkeypatch.setattr(stored, "memory_of_machine", lambda: 2**20)
    assert read_npz(path)["x"].shape == (2**10, 2**7)
    no_numbers(monkeypatch)
    monkeypatch.setattr(stored, "memory_of_machine", lambda: 2**20 - 1)
    for read in (lambda: read_npz(path), lambda: read_npy(tmp_path / "a.npy")):
        with pytest.raises(DataError, match=r"PC507.*this machine has .* of memory"):
            read()


def test_arrays_that_do_not_belong_together_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.npz", x=np.zeros((3, 2)), y=np.zeros(2, int))
    no_numbers(monkeypatch)
    assert "differ in the number of samples" in refused(Npz(path="a.npz"), tmp_path)
