"""Imagining and completing digits: what networks trained on them know, as pictures and numbers.

    python benchmarks/generation.py [--out docs/images]

- `bidirectional_mlp` is trained on the digits' training split. Clamped to a label alone, it relaxes
  into an image; ten times for each class, from starts with random hidden states. A support
  vector machine trained on real digits says how many show the class that was asked for.
- The same network, and the decoder `generative_mlp`, complete the lower half of test digits.
- `associative_memory` completes the digits that it has been shown.

Completions are compared, on the missing pixels and in units of the standardised data, with
the mean image of the training split: the best guess that does not look at the digit.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from sklearn.svm import SVC

import pccompiler as pcc
from runtime.training.session import open_session

SPECS = Path(__file__).parent.parent / "specs"
STEPS = 400


class Trained:
    """A spec, trained, with its data."""

    def __init__(self, name: str, folder: Path, overrides: tuple[str, ...] = ()) -> None:
        overrides = ("prediction.method=relax", f"prediction.steps={STEPS}", *overrides)
        spec = SPECS / f"{name}.yaml"
        self.run: pcc.Run = pcc.fit(spec, folder / name, overrides, plots=False)
        self.data = open_session(spec, overrides).data

    def relax(self, held: dict[str, Any], **how: Any) -> np.ndarray:
        """The image at rest with these nodes held."""
        images = self.run.model.predict(self.run.params, held, read=["image"], **how)
        return np.asarray(images["image"])

    def complete(self, images: np.ndarray) -> np.ndarray:
        """The images with their lower half filled in."""
        mask = np.broadcast_to(np.arange(64) < 32, images.shape)
        return self.relax({}, clamp={"image": (images, mask)})

    def imagine(self, labels: np.ndarray, seed: int = 0) -> np.ndarray:
        """An image for each label (one-hot), from random hidden states."""
        rng = np.random.default_rng(seed)
        starts = {
            node.name: rng.normal(size=(len(labels), *(node.shape or ()))).astype(np.float32)
            for node in self.run.model.graph.nodes
            if node.role == "hidden"
        }
        return self.relax({"label": labels}, states=starts)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, default=Path())
    out = arguments.parse_args().out
    print(f"{jax.devices()[0].device_kind}, {STEPS} inference steps to imagine and complete")
    with tempfile.TemporaryDirectory() as folder:
        rows = study(Path(folder))
    draw(rows, out / "generation.png")


def study(folder: Path) -> list[tuple[str, np.ndarray]]:
    """Prints the numbers; returns rows of images with their titles."""
    both, decoder, memory = (
        Trained(name, folder)
        for name in ("bidirectional_mlp", "generative_mlp", "associative_memory")
    )
    train, test = both.data.train, both.data.test
    judge = SVC().fit(train["image"], train["label"].argmax(-1))
    real = judge.score(test["image"], test["label"].argmax(-1))
    labels = np.repeat(np.eye(10, dtype=np.float32), 10, axis=0)
    imagined = both.imagine(labels)
    right = judge.score(imagined, labels.argmax(-1))
    print(
        f"imagined digits that the judge reads as asked: {right:.0%} (real test digits {real:.1%})"
    )
    rows = [("imagined from labels", imagined.reshape(10, 10, 64)[:, 0])]
    for title, network, images in (
        ("bidirectional_mlp, test digits", both, test["image"]),
        ("generative_mlp, test digits", decoder, decoder.data.test["image"]),
        ("associative_memory, shown digits", memory, memory.data.train["image"]),
    ):
        completed = network.complete(images)
        mean = network.data.train["image"].mean(0)
        error, baseline = (
            float(((guess - images)[:, 32:] ** 2).mean()) for guess in (completed, mean)
        )
        print(f"{title}: squared error of missing pixels {error:.3f}, mean image {baseline:.3f}")
        rows += [(title, images[:10]), ("lower half filled in", completed[:10])]
    return rows


def draw(rows: list[tuple[str, np.ndarray]], file: Path) -> None:
    """A row of ten images for each title."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(rows), 10, figsize=(8, 1.0 * len(rows)))
    for line, (title, images) in zip(axes, rows, strict=True):
        line[0].set_title(title, loc="left", fontsize=8)
        for axis, image in zip(line, images, strict=True):
            axis.imshow(image.reshape(8, 8), cmap="gray", vmin=-1, vmax=2)
            axis.axis("off")
    figure.tight_layout(pad=0.4)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    print(f"picture: {file}")


if __name__ == "__main__":
    main()
