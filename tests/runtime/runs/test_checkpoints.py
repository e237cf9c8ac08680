"""Checkpoints that are cut, flipped, deleted, left over, foreign, or cannot be written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.diagnostics.diagnostic import DataError
from runtime.runs.checkpoints import MANIFEST, META, SPEC, STATE, Checkpoints
from runtime.runs.position import Best, Position
from tests.runtime.helpers import forbid, full_disk, refuse_to_open


def state_at(step: int) -> dict[str, Any]:
    """A pytree with every kind of leaf that a training state may hold."""
    return {
        "params": {"x->h": {"weight": jnp.full((2, 3), step + 0.1), "bias": jnp.zeros(3)}},
        "moments": (jnp.ones((2, 3), jnp.bfloat16), jnp.zeros((0, 3)), None),
        "step": jnp.int32(step),
        "key": jax.random.key_data(jax.random.key(step)),
        "done": jnp.array(True),
    }


def position_at(step: int, best: int | None = None) -> Position:
    found = Best("accuracy", 0.5, best, 1) if best is not None else None
    return Position(step, steps_per_epoch=10, horizon=100, best=found)


@pytest.fixture
def saved(tmp_path: Path) -> Checkpoints:
    """Checkpoints of steps 10, 20 and 30."""
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=3)
    for step in (10, 20, 30):
        checkpoints.save(state_at(step), position_at(step), "name: tiny\n")
    return checkpoints


def latest_step(checkpoints: Checkpoints) -> int:
    checkpoint, _ = checkpoints.latest()
    assert checkpoint is not None
    return checkpoint.position.step


def test_every_leaf_comes_back_with_its_bits_shape_and_dtype(saved: Checkpoints) -> None:
    checkpoint, warnings = saved.latest(strict=True)
    assert checkpoint is not None
    assert warnings == ()
    restored = checkpoint.restore(state_at(0))
    assert jax.tree.structure(restored) == jax.tree.structure(state_at(30))
    for found, expected in zip(
        jax.tree.leaves(restored), jax.tree.leaves(state_at(30)), strict=True
    ):
        assert isinstance(found, jax.Array)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()


def test_progress_comes_back(saved: Checkpoints) -> None:
    position = Position(44, 10, 100, Best("loss", 0.25, 40, 4), 1, True, "a", "b", {"jax": "1"})
    saved.save(state_at(44), position, "name: text\n")
    checkpoint = saved.load("000044")
    assert checkpoint.position == position
    assert checkpoint.spec_text == "name: text\n"
    written = json.loads((checkpoint.folder / META).read_text())
    assert (written["epoch"], written["batch_in_epoch"]) == (4, 4)


@pytest.mark.parametrize("file", [STATE, META, SPEC, MANIFEST])
@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_file_is_noticed_and_the_checkpoint_before_is_used(
    saved: Checkpoints, file: str, damage: str
) -> None:
    path = saved.folder / "000030" / file
    content = bytearray(path.read_bytes())
    if damage == "delete":
        path.unlink()
    elif damage == "truncate":
        path.write_bytes(content[:-1] if file != MANIFEST else content[:-5])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    checkpoint, warnings = saved.latest()
    assert checkpoint is not None
    assert checkpoint.position.step == 20
    [warning] = warnings
    assert (warning.code, warning.severity) == ("PC530", "warning")
    assert "000030" in warning.message
    with pytest.raises(DataError, match="PC530"):
        saved.latest(strict=True)


def test_every_flipped_bit_of_the_parameters_is_noticed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    path = checkpoints.save({"w": jnp.ones(2)}, position_at(1), "name: tiny\n") / STATE
    content = path.read_bytes()
    for bit in range(8 * (len(content) - 8), 8 * len(content)):  # the two numbers
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(DataError, match="does not match the SHA-256"):
            checkpoints.load("000001")


def test_when_all_are_damaged_it_says_so_and_does_not_begin_anew(saved: Checkpoints) -> None:
    for name in saved.names():
        (saved.folder / name / STATE).unlink()
    with pytest.raises(DataError, match="PC532") as error:
        saved.latest()
    assert len(error.value.diagnostics) == 4


def test_without_checkpoints_there_is_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none").latest() == (None, ())


def test_stray_folders_and_files_are_ignored(saved: Checkpoints) -> None:
    for name in ("3", "000999", "latest", "000031.old", ".tmp-000040"):
        (saved.folder / name).mkdir()
    (saved.folder / ".tmp-000040" / STATE).write_bytes(b"half")
    (saved.folder / "000777").write_text("a file, not a folder")
    assert saved.names() == ("000030", "000020", "000010")
    assert saved.latest(strict=True)[1] == ()


def test_leftovers_of_a_killed_save_are_cleared_by_the_next(saved: Checkpoints) -> None:
    leftover = saved.folder / ".tmp-000040"
    leftover.mkdir()
    (leftover / STATE).write_bytes(b"half")
    saved.save(state_at(40), position_at(40), "name: tiny\n")
    assert not list(saved.folder.glob(".tmp-*"))
    assert latest_step(saved) == 40


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"step": jnp.float32(0)}, r"\['step'\] is int32, expected float32"),
        ({"key": jnp.zeros(3, jnp.uint32)}, r"\['key'\] has shape \(2,\), expected \(3,\)"),
        ({"new": jnp.zeros(1)}, r"it has no array \['new'\]"),
        ({"params": {}}, r"it has an array \['params'\]\['x->h'\]\['bias'\]"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused_by_the_leaf(
    saved: Checkpoints, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DataError, match=f"PC531.*{problem}"):
        saved.load("000030").restore(state_at(0) | change)


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (10, 20, 30, 40, 50):
        checkpoints.save(state_at(step), position_at(step, best=min(step, 20)), "name: tiny\n")
    assert checkpoints.names() == ("000050", "000040", "000020")


def test_the_best_of_the_checkpoint_before_stays_for_the_case_of_damage(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step, best in ((10, 10), (20, 10), (30, 10), (40, 40)):
        checkpoints.save(state_at(step), position_at(step, best), "name: tiny\n")
    assert checkpoints.names() == ("000040", "000030", "000010")


def test_saving_after_a_fallback_never_leaves_only_damaged_ones(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    for step in (10, 20):
        checkpoints.save(state_at(step), position_at(step), "name: tiny\n", prune=False)
    (tmp_path / "000020" / STATE).write_bytes(b"damaged")
    assert latest_step(checkpoints) == 10
    checkpoints.save(state_at(15), position_at(15), "name: tiny\n")
    assert checkpoints.names() == ("000015",)


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(saved: Checkpoints) -> None:
    (saved.folder / "000030" / STATE).write_bytes(b"damaged")
    saved.save(state_at(30), position_at(30), "name: tiny\n")
    assert latest_step(saved) == 30
    assert saved.latest(strict=True)[1] == ()


def test_a_full_disk_is_told_and_leaves_the_older_checkpoint_intact(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    big = {"w": jnp.ones((100, 100))}
    checkpoints.save(big, position_at(10), "name: tiny\n")
    with full_disk(after=8192), pytest.raises(DataError, match=r"PC522.*cannot write") as error:
        checkpoints.save(big, position_at(20), "name: tiny\n")
    assert "000020" in str(error.value)
    assert checkpoints.names() == ("000010",)
    assert checkpoints.latest(strict=True)[1] == ()
    assert not list(tmp_path.glob(".tmp-*")), "the half-written one gives its space back"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file")
    with pytest.raises(DataError, match="PC522"):
        Checkpoints(tmp_path / "checkpoints").save(
            {"w": jnp.ones(1)}, position_at(1), "name: tiny\n"
        )


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
@pytest.mark.parametrize("name", [MANIFEST, STATE])
def test_a_checkpoint_that_cannot_be_read_is_not_passed_over(
    saved: Checkpoints, number: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_open(monkeypatch, saved.folder / "000030" / name, number)
    with pytest.raises(DataError, match=rf"PC533.*cannot read \S+{name}: {os.strerror(number)}"):
        saved.latest()


def test_a_folder_of_checkpoints_that_cannot_be_read_is_told(
    saved: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(monkeypatch, "iterdir")
    with pytest.raises(DataError, match=r"PC533.*Permission denied"):
        saved.latest()


def test_a_manifest_of_brackets_is_damaged(saved: Checkpoints) -> None:
    (saved.folder / "000030" / MANIFEST).write_text("[" * 100_000)
    with pytest.raises(DataError, match="PC530"):
        saved.load("000030")
    assert latest_step(saved) == 20


def edited(checkpoints: Checkpoints, file: str, content: bytes) -> None:
    """Puts other content into the newest checkpoint, with a manifest that is true of it."""
    folder = checkpoints.folder / "000030"
    (folder / file).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][file] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"step": -1}, "step"),
        ({"step": "30"}, "step"),
        ({"step": 30.5}, "step"),
        ({"step": None}, "step"),
        ({"steps_per_epoch": 0}, "steps_per_epoch"),
        ({"horizon": True}, "horizon"),
        ({"best": "30"}, "best"),
        ({"best": {"metric": "loss", "value": 1.0, "step": -3, "epoch": 1}}, "best.step"),
        ({"best": {"metric": "loss"}}, "best.value"),
        ({"stale_epochs": []}, "stale_epochs"),
        ({"diverged": "no"}, "diverged"),
        ({"versions": [1]}, "versions"),
    ],
)
def test_edited_metadata_is_damage_and_the_checkpoint_before_is_used(
    saved: Checkpoints, changes: dict[str, Any], named: str
) -> None:
    values = json.loads((saved.folder / "000030" / META).read_text())
    edited(saved, META, json.dumps(values | changes).encode())
    checkpoint, [warning] = saved.latest()
    assert checkpoint is not None
    assert checkpoint.position.step == 20
    assert warning.code == "PC530"
    assert f"{META} cannot be read: {named}: " in warning.message


@pytest.mark.parametrize("text", ["null", "[]", "3", "{", "{}", "[" * 100_000])
def test_metadata_of_another_form_is_damage(saved: Checkpoints, text: str) -> None:
    edited(saved, META, text.encode())
    with pytest.raises(DataError, match=r"PC530(.|\n)*meta.json cannot be read"):
        saved.latest(strict=True)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name: \xff", "codec"),
        (b"name: tiny\n\tpcc: 1\n", "line 2, column 1"),
        (b"tiny", "a spec is a mapping"),
        (b"[" * 2_000, "nested more than"),
    ],
)
def test_a_saved_spec_that_cannot_be_read_is_damage(
    saved: Checkpoints, content: bytes, told: str
) -> None:
    edited(saved, SPEC, content)
    checkpoint, [warning] = saved.latest()
    assert checkpoint is not None
    assert checkpoint.position.step == 20
    assert told in warning.message
