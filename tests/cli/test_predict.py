"""`pcc predict` with nodes that are held, read and masked: files, messages and exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
    assert dream.stderr == "wrote 4 predictions to dream.png\n"
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
        ("decoder.yaml -o a.npz", 3, "decoder.yaml"),
    ],
)
def test_a_mistake_is_one_message_with_its_exit_code(
    pcc: Pcc, folder: Path, run: str, words: str, status: int, told: str
) -> None:
    result = pcc("predict", run, *words.split())
    assert told in result.output
    assert result.exit_code == status
    assert result.output.count("error[") <= 1
    assert not list(folder.glob("a.*"))
