"""`pcc predict` with nodes that are clamped, read and masked: files, messages and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Pcc

SPEC = """\
pcc: 1
name: decoder
nodes:
  label: {shape: [2], role: input}
  h: {shape: [3], activation: tanh}
  image: {shape: [4], role: output}
edges:
  - {path: label -> h -> image}
inference: {steps: 3}
learning: {optimizer: {adam: {learning_rate: 0.02}}}
data: {source: {npz: images.npz}, bind: {y: label, x: image}, batch_size: 8}
training: {epochs: 1}
"""


@pytest.fixture
def run(pcc: Pcc, folder: Path) -> str:
    """A trained decoder of images of 2 x 2 bytes, some of them in x.npy, with a mask."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = (rng.integers(0, 99, (40, 2, 2)) + 100 * y[:, None, None]).astype(np.uint8)
    np.savez(folder / "images.npz", x=x, y=y)
    (folder / "decoder.yaml").write_text(SPEC)
    np.save(folder / "x.npy", x[:3])
    np.save(folder / "mask.npy", np.array([[1, 0], [1, 0]]))
    trained = pcc("train", "decoder.yaml", "--run", "run")
    assert trained.exit_code == 0, trained.output
    return "run"


def test_a_network_predicts_imagines_completes_and_inverts(
    pcc: Pcc, folder: Path, run: str
) -> None:
    dream = pcc("predict", run, "-o", "dream.png", "--clamp", "label=1", "--samples", "4")
    assert (dream.exit_code, dream.stdout) == (0, ""), dream.output
    assert dream.stderr.endswith("wrote 4 predictions to dream.png\n")
    assert (folder / "dream.png").read_bytes().startswith(b"\x89PNG")

    held = ["--clamp", "image=x.npy", "--mask", "image=mask.npy", "--read", "image"]
    whole = pcc("predict", run, "-o", "whole.npz", *held, "--steps", "9", "--seed", "3")
    assert whole.exit_code == 0, whole.output
    images, given = np.load(folder / "whole.npz")["image"], np.load(folder / "x.npy")
    np.testing.assert_allclose(images.reshape(3, 2, 2)[:, :, 0], given[:, :, 0], rtol=1e-5)

    inverse = pcc("predict", run, "-o", "label.csv", "--clamp", "image=x.npy", "--read", "label")
    assert inverse.exit_code == 0, inverse.output
    assert (folder / "label.csv").read_text().startswith("sample,label_class,label[0],label[1]\n")

    two = pcc(
        "predict", run, "-o", "two.npz", "--clamp", "label=0", "--read", "image", "--read", "h"
    )
    assert two.exit_code == 0, two.output
    assert set(np.load(folder / "two.npz")) == {"image", "h"}


def outputs(pcc: Pcc, folder: Path, *words: str) -> dict[str, np.ndarray]:
    """What a prediction writes, by name."""
    result = pcc("predict", "run", *words, "-o", "out.json")
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    return {name: np.array(v) for name, v in json.loads((folder / "out.json").read_text()).items()}


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-5, atol=1e-5)


def test_every_kind_of_file_holds_the_same_values(pcc: Pcc, folder: Path, run: str) -> None:
    images = np.load(folder / "x.npy")
    held = ["--read", "label", "--clamp"]
    expected = outputs(pcc, folder, *held, "image=x.npy")
    assert {name: v.shape for name, v in expected.items()} == {"label_class": (3,), "label": (3, 2)}

    (folder / "pictures").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / "pictures" / f"{i}.png")
    rows = ["image[0],image[1],image[2],image[3]", *(",".join(map(str, i.ravel())) for i in images)]
    (folder / "x.csv").write_text("\n".join(rows))
    for held_file in ("image=pictures", "image=x.csv"):
        same(outputs(pcc, folder, *held, held_file), expected)
    for data in (["x.csv"], ["pictures"], [f"pictures/{i}.png" for i in range(3)]):
        same(outputs(pcc, folder, *data, "--read", "label"), expected)


def test_classes_come_from_tables_with_and_without_a_header(
    pcc: Pcc, folder: Path, run: str
) -> None:
    (folder / "named.csv").write_text("label\n0\n1\n")
    (folder / "plain.csv").write_text("0\n1\n")
    np.save(folder / "labels.npy", np.array([0, 1]))
    expected = outputs(pcc, folder, "labels.npy")
    assert expected["image"].shape == (2, 4)
    same(outputs(pcc, folder, "named.csv"), expected)
    same(outputs(pcc, folder, "plain.csv", "--no-header"), expected)
    assert pcc("predict", run, "mask.npy", "--read", "label", "-o", "y.csv").exit_code == 3
    np.savez(folder / "x.npz", image=np.load(folder / "x.npy"))
    assert pcc("predict", run, "x.npz", "--read", "label", "-o", "y.csv").exit_code == 0
    told = outputs(pcc, folder, "x.npz", "--read", "label")["label_class"]
    same(outputs(pcc, folder, "y.csv"), outputs(pcc, folder, "--clamp", "label=y.csv"))
    np.save(folder / "told.npy", told)
    same(outputs(pcc, folder, "y.csv"), outputs(pcc, folder, "told.npy"))


def test_a_picture_may_be_completed_by_a_mask_that_is_a_picture(
    pcc: Pcc, folder: Path, run: str
) -> None:
    Image.fromarray(np.load(folder / "x.npy")[0]).save(folder / "x.png")
    Image.fromarray(np.array([[9, 0], [9, 0]], np.uint8)).save(folder / "mask.png")
    held = ["x.png", "--read", "image", "--mask"]
    found = outputs(pcc, folder, *held, "image=mask.png")["image"].reshape(2, 2)
    np.testing.assert_allclose(found[:, 0], np.load(folder / "x.npy")[0, :, 0], rtol=1e-5)
    same(
        outputs(pcc, folder, *held, "image=mask.png"), outputs(pcc, folder, *held, "image=mask.npy")
    )


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ("-o a.npz", 2, "PC553"),
        ("-o a.npz --clamp lable=1", 2, "did you mean `label`?"),
        ("-o a.npz --clamp label=2", 2, "no class 2"),
        ("-o a.npz --clamp label", 2, "NODE=VALUE"),
        ("-o a.npz --clamp label=none.npy", 3, "none.npy is missing"),
        ("-o a.npz --clamp label=1 --read label", 2, "`label` is held"),
        ("-o a.npz --clamp label=1 --read hidden", 2, "no node `hidden`"),
        ("-o a.npz --clamp label=1 --samples 0", 2, "--samples"),
        ("-o a.npz --clamp label=1 --mask image=mask.npy", 2, "no value to hold"),
        ("-o a.npz --clamp label=1 --clamp image=0 --mask image=x.npy", 2, "shape (3, 2, 2)"),
        ("-o a.png --clamp label=1 --read h", 2, "`h` of shape (3,) is no picture"),
        ("-o a.txt --clamp label=1", 2, "PC551"),
        ("none.npz -o a.npz", 3, "none.npz is missing"),
        ("decoder.yaml -o a.npz", 3, "decoder.yaml: its ending"),
        ("bad.csv -o a.npz", 3, "bad.csv, line 3, column 1 (`label`): `one` is no finite number"),
        ("wide.csv -o a.npz", 3, "PC550"),
        ("named.csv -o a.npz", 3, "no array for the input `label`"),
        ("--clamp image=bad.csv --read label -o a.npz", 3, "bad.csv, line 3"),
        ("wide.png --read label -o a.npz", 3, "wide.png has 3 x 2 pixels, but `image` takes 2 x 2"),
        ("decoder.png --read label -o a.npz", 3, "decoder.png is damaged: it is not a PNG"),
        ("wide.png -o a.npz", 3, "none of the nodes that the input may hold is a picture: `label`"),
        ("--clamp label=wide.png -o a.npz", 3, "`label` is no picture, so wide.png cannot"),
        ("empty --read label -o a.npz", 3, "folder empty holds no pictures"),
        ("--clamp image=empty --read label -o a.npz", 3, "folder empty holds no pictures"),
        ("x.npy wide.png --read label -o a.npz", 2, "x.npy is no picture"),
        ("none.png --read label -o a.npz", 3, "none.png is missing"),
        ("mask.npy -o a.json --clamp label=1 --read h", 2, "no node `mask`"),
    ],
)
def test_a_mistake_is_one_message_with_its_exit_code(
    pcc: Pcc, folder: Path, run: str, words: str, status: int, told: str
) -> None:
    (folder / "bad.csv").write_text("label\n1\none\n")
    (folder / "wide.csv").write_text("1,2,3\n")
    (folder / "named.csv").write_text("lable,other\n1,2\n")
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(folder / "wide.png")
    (folder / "decoder.png").write_text(SPEC)
    (folder / "empty").mkdir()
    result = pcc("predict", run, *words.split())
    assert told in result.output
    assert result.exit_code == status
    assert result.output.count("error[") <= 1
    assert not list(folder.glob("a.*"))


def test_a_class_for_each_sample_is_held_and_what_is_left_out_or_alike_is_told(
    pcc: Pcc, folder: Path, run: str
) -> None:
    each = outputs(pcc, folder, "--clamp", "label=0,1,1", "--read", "image")["image"]
    single = [outputs(pcc, folder, "--clamp", f"label={k}", "--read", "image") for k in (0, 1, 1)]
    np.testing.assert_allclose(each, [found["image"][0] for found in single], rtol=1e-5)

    dream = ["predict", run, "-o", "dream.png", "--clamp", "label=1"]
    same = pcc(*dream, "--samples", "4")
    assert same.exit_code == 0
    assert "warning[PC543]: all 4 samples are the same" in same.stderr
    many = pcc(*dream[:-1], "label=" + ",".join("01" * 40))
    assert "warning[PC544]: dream.png shows the first 64 of 80 samples of `image`" in many.stderr
    assert many.exit_code == 0
    wrong = pcc(*dream[:-1], "label=cat")
    assert wrong.exit_code == 2
    assert "PC554" in wrong.stderr
