"""Predictions that hold and read what the user chooses: imagining, completing, inverting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pccompiler.diagnostics.diagnostic import DataError, SpecError
from runtime.prediction.pictures import as_png, picture_of
from runtime.prediction.predict import predict, predict_file
from runtime.prediction.request import Request, request_from_words
from runtime.training.opened_run import Run
from tests.runtime.helpers import Spec, train

SIDE, CLASSES = 3, 2


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    """A decoder of tiny images of bytes, from a class and a code of its own."""
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "images.npz"
    y = np.arange(40) % CLASSES
    x = generator.integers(20, 90, (40, SIDE, SIDE)) + 100 * y[:, None, None]
    np.savez(path, x=x.astype(np.uint8), y=y)
    return {
        "pcc": 1,
        "name": "decoder",
        "nodes": {
            "label": {"shape": [CLASSES], "role": "input"},
            "code": {"shape": [2], "prior": "gaussian"},
            "h": {"shape": [4], "activation": "tanh"},
            "image": {"shape": [SIDE * SIDE], "role": "output"},
        },
        "edges": [
            {"path": "label -> h -> image"},
            {"from": "code", "to": "h"},
        ],
        "inference": {
            "init": {"normal": {"std": 1.0}},
            "optimizer": {"sgd": {"learning_rate": 0.1}},
            "steps": 5,
        },
        "learning": {"optimizer": {"adam": {"learning_rate": 0.02}}},
        "data": {"source": {"npz": str(path)}, "bind": {"y": "label", "x": "image"}},
        "training": {"epochs": 2},
    }


@pytest.fixture(scope="module")
def run(spec: Spec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(spec, tmp_path_factory.mktemp("runs") / "run", data={"batch_size": 8})


@pytest.fixture(scope="module")
def raw(spec: Spec) -> np.ndarray:
    return np.load(spec["data"]["source"]["npz"])["x"]


def settled(run: Run, inputs: dict[str, Any], read: str, steps: int, **how: Any) -> np.ndarray:
    """What the model says in its own units, by relaxing for so many steps."""
    import pccompiler

    model = pccompiler.compile(
        run.folder.spec, [f"prediction.steps={steps}", "prediction.method=relax"]
    )
    key = jax.random.fold_in(jax.random.key(how.pop("seed", 0)), 0)
    return np.asarray(model.predict(run.params, inputs, read=[read], key=key, **how)[read])


def one_hot(*classes: int) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[list(classes)]


def test_a_class_is_held_and_the_image_read_in_its_own_units(run: Run) -> None:
    found = predict(run, {}, request=Request({"label": 1}, read=("image",), steps=30))["image"]
    code = run.folder.encodings()["image"]
    units = settled(run, {"label": one_hot(1)}, "image", 30)
    expected = (units * code.deviation.ravel() + code.mean.ravel()) * 255
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.shape == (1, SIDE * SIDE)
    assert 0 < found.mean() < 255


def test_what_is_given_whole_is_all_that_is_held(run: Run, raw: np.ndarray) -> None:
    found = predict(run, {"image": raw[:4]}, request=Request(read=("label", "code"), steps=7))
    assert {name: values.shape for name, values in found.items()} == {
        "label": (4, CLASSES),
        "code": (4, 2),
    }
    image = run.folder.encodings()["image"].encode(raw[:4])
    for name, values in found.items():
        np.testing.assert_allclose(values, settled(run, {"image": image}, name, 7), atol=1e-5)


def test_where_the_mask_is_zero_an_image_is_filled_in(run: Run, raw: np.ndarray) -> None:
    mask = np.zeros((SIDE, SIDE))
    mask[0] = 7
    asked = Request({"label": 0}, {"image": mask}, ("image",))
    found = predict(run, {"image": raw[:3]}, request=asked)["image"].reshape(3, SIDE, SIDE)
    np.testing.assert_allclose(found[:, 0], raw[:3, 0], rtol=1e-5)
    assert abs(found[:, 1:] - raw[:3, 1:]).min() > 1e-3
    by_sample = np.broadcast_to(mask, (3, SIDE, SIDE))
    again = predict(
        run, {"image": raw[:3]}, request=Request({"label": 0}, {"image": by_sample}, ("image",))
    )
    np.testing.assert_array_equal(again["image"].reshape(found.shape), found)


def test_one_sample_is_repeated_and_the_seed_varies_its_random_start(run: Run) -> None:
    asked = {"clamp": {"label": 1}, "read": ("image",), "samples": 3, "steps": 1}
    first, again, other = (
        predict(run, {}, request=Request(**asked, seed=seed))["image"] for seed in (1, 1, 2)
    )
    assert first.shape == (3, SIDE * SIDE)
    assert abs(first[0] - first[1]).max() > 1e-3
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 1e-3


def test_batches_start_from_different_random_states(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.prediction.predict.BATCH", 2)
    asked = Request({"label": 1}, read=("image",), samples=4, steps=1)
    found = predict(run, {}, request=asked)["image"]
    assert abs(found[:2] - found[2:]).min(axis=1).max() > 1e-4


def test_more_steps_settle_further(run: Run, raw: np.ndarray) -> None:
    ends = [
        predict(run, {"image": raw[:4]}, request=Request(read=("code",), steps=steps))["code"]
        for steps in (1, 200, 400)
    ]
    assert abs(ends[1] - ends[2]).max() < 0.1 * abs(ends[0] - ends[2]).max()


def test_a_hidden_node_takes_a_number_for_all_units_or_an_array(run: Run) -> None:
    both = [
        predict(run, {}, request=Request({"label": 0, "code": code}, read=("h",)))["h"]
        for code in (0.5, np.full(2, 0.5), np.full((1, 2), 0.5))
    ]
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_array_equal(both[0], both[2])


def test_without_read_the_outputs_are_read_and_more_may_be_held(run: Run) -> None:
    usual = predict(run, {"label": np.array([0, 1])})
    assert list(usual) == ["image"]
    same = predict(run, {}, request=Request({"label": np.array([0, 1])}))
    np.testing.assert_array_equal(same["image"], usual["image"])
    held = predict(run, {"label": np.array([0, 1])}, request=Request({"code": 2.0}))
    units = settled(run, {"label": one_hot(0, 1), "code": np.full((2, 2), 2.0)}, "image", 5)
    code = run.folder.encodings()["image"]
    np.testing.assert_allclose(held["image"], code.decode(units), rtol=1e-5)


# -- mistakes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Request({"lable": 1}), "PC553.*no node `lable`.*did you mean `label`"),
        (Request({"label": 1}, read=("pixels",)), "PC553.*no node `pixels`"),
        (Request({"label": 2}, read=("image",)), "PC554.*no class 2.*numbers from 0 to 1"),
        (Request({"label": 0.5}, read=("image",)), "PC554.*no class 0.5"),
        (Request(read=("image",)), "PC553.*nothing is held"),
        (Request(), "PC553.*nothing is held at `label`"),
        (Request({"image": 1.0}, read=("image",)), "PC553.*`image` is held, so there is nothing"),
        (Request({"label": 1}, {"image": np.ones(9)}, ("image",)), "PC554.*but no value to hold"),
        (
            Request({"image": 1.0}, {"image": np.ones(5)}, ("image",)),
            r"PC554.*has shape \(5,\), but a sample has \(9,\)",
        ),
        (
            Request({"image": np.zeros((2, 3, 3))}, {"image": np.ones((4, 9))}, ("image",)),
            r"PC554.*has shape \(4, 9\)",
        ),
        (Request({"image": np.zeros((2, 5))}, read=("label",)), r"PC550.*has shape \(5,\)"),
        (
            Request({"image": np.zeros((2, 9)), "label": np.zeros(3, int)}, read=("h",)),
            "PC550.*`image` 2, `label` 3",
        ),
        (
            Request({"image": np.zeros((2, 9))}, read=("h",), samples=3),
            "PC550.*3 samples are asked for, but the arrays hold 2",
        ),
        (Request({"label": "three"}, read=("image",)), "PC554.*`three` for .* neither a number"),
    ],
)
def test_a_request_that_cannot_be_met_says_why(run: Run, asked: Request, told: str) -> None:
    with pytest.raises((SpecError, DataError), match=f"(?s){told}"):
        predict(run, {}, request=asked)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("label", "NODE=VALUE"),
        ("label=", "NODE=VALUE"),
        ("label=1,,2", "neither a number nor a file"),
        ("label=nan", "neither a number nor a file"),
    ],
)
def test_words_that_are_no_value_are_refused(words: str, told: str) -> None:
    with pytest.raises(SpecError, match=f"PC554.*{told}"):
        request_from_words([words], [])


def test_a_node_that_is_named_twice_is_refused() -> None:
    with pytest.raises(SpecError, match=r"PC554.*twice"):
        request_from_words(["label=1", "label=2"], [])


def test_values_and_masks_come_from_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    np.savez(tmp_path / "b.npz", image=np.ones(2), other=np.zeros(2))
    asked = request_from_words(
        [f"x={tmp_path}/a.npy", "y=-1.5e0"], [f"image={tmp_path}/b.npz"], ["z", "z"]
    )
    assert np.asarray(asked.clamp["x"]).tolist() == [0, 1, 2]
    assert asked.clamp["y"] == -1.5
    assert np.asarray(asked.masks["image"]).tolist() == [1, 1]
    assert asked.read == ("z",)
    with pytest.raises(SpecError, match=r"PC554.*none named `x`"):
        request_from_words([f"x={tmp_path}/b.npz"], [])
    with pytest.raises(DataError, match="PC501"):
        request_from_words([], [f"x={tmp_path}/none.npy"])


# -- pictures ----------------------------------------------------------------------------


def pixels(png: bytes) -> np.ndarray:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


def test_an_image_node_is_drawn_and_several_nodes_go_into_several_files(
    run: Run, raw: np.ndarray, tmp_path: Path
) -> None:
    asked = Request({"label": 1}, read=("image",), samples=5)
    written = predict_file(run, None, tmp_path / "dream.png", request=asked)
    assert (written.samples, written.files) == (5, (tmp_path / "dream.png",))
    assert len(np.unique(pixels(written.files[0].read_bytes()))) > 5
    asked = Request({"label": 1, "code": 0.0}, read=("image", "h"))
    written = predict_file(run, None, tmp_path / "both.png", request=asked)
    assert [file.name for file in written.files] == ["both-image.png", "both-h.png"]


def test_a_node_that_is_no_picture_is_named_and_nothing_is_written(
    run: Run, raw: np.ndarray, tmp_path: Path
) -> None:
    np.savez(tmp_path / "in.npz", image=raw[:2])
    for name in ("code", "label"):
        with pytest.raises(SpecError, match=f"PC551.*`{name}` of shape .* is no picture"):
            predict_file(
                run, tmp_path / "in.npz", tmp_path / "a.png", request=Request(read=(name,))
            )
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((8, 8), (8, 8, 1)),
        ((5, 7, 1), (5, 7, 1)),
        ((5, 7, 3), (5, 7, 3)),
        ((784,), (28, 28, 1)),
        ((8,), None),
        ((5, 7, 2), None),
        ((1, 7), None),
    ],
)
def test_shapes_that_are_pictures(shape: tuple[int, ...], image: tuple[int, ...] | None) -> None:
    values = np.zeros((2, *shape))
    if image is None:
        with pytest.raises(SpecError, match="PC551"):
            picture_of("n", values, None)
    else:
        assert picture_of("n", values, None).images.shape == (2, *image)


def test_black_is_the_smallest_value_and_white_the_largest() -> None:
    values = np.linspace(-3, 5, 4 * 9).reshape(4, 3, 3)
    images = picture_of("n", values, None).images
    np.testing.assert_allclose(images, (values[..., None] + 3) / 8)
    assert picture_of("n", np.ones((1, 2, 2)), None).images.max() <= 1


def test_at_most_64_samples_are_drawn_and_the_title_says_of_how_many() -> None:
    picture = picture_of("n", np.zeros((100, 2, 2)), None)
    assert len(picture.images) == 64
    assert picture.title == "n, the first 64 of 100"


def test_colours_stay_what_they_are() -> None:
    values = np.zeros((1, 2, 2, 3))
    values[..., 0] = 1
    shown = pixels(as_png(picture_of("n", values, None)))
    middle = shown[int(shown.shape[0] * 0.6), shown.shape[1] // 4]
    assert middle.tolist() == [255, 0, 0]
