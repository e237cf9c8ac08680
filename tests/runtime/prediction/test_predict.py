"""Predictions for files: the units of the training data in, classes and values out."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pccompiler.diagnostics.diagnostic import DataError, PccError, RunError, SpecError
from runtime.prediction.input_tables import read_table
from runtime.prediction.predict import predict, predict_file
from runtime.prediction.request import request_from_words
from runtime.training.fit import fit
from runtime.training.opened_run import Run, load_run
from tests.runtime.helpers import changed


@pytest.fixture(scope="module")
def run(tiny: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(tiny, tmp_path_factory.mktemp("runs") / "run", plots=False)


@pytest.fixture
def raw(blobs: Path) -> np.ndarray:
    """The features as the file has them, before scaling."""
    return np.load(blobs)["x"]


def by_hand(run: Run, raw: np.ndarray) -> np.ndarray:
    code = run.folder.encodings()["x"]
    params = jax.tree.map(np.asarray, run.params)
    scaled = (raw - code.mean) / code.deviation
    hidden = np.tanh(scaled @ params["x->h"]["weight"] + params["x->h"]["bias"])
    return hidden @ params["h->y"]["weight"] + params["h->y"]["bias"]


def test_inputs_are_scaled_like_the_training_data(run: Run, raw: np.ndarray) -> None:
    np.testing.assert_allclose(predict(run, {"x": raw})["y"], by_hand(run, raw), atol=1e-5)


def test_predictions_do_not_depend_on_how_many_there_are(
    run: Run, raw: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = predict(run, {"x": raw})["y"]
    monkeypatch.setattr("runtime.prediction.predict.BATCH", 7)
    np.testing.assert_allclose(predict(run, {"x": raw})["y"], whole, atol=1e-6)


def test_a_single_array_is_the_single_input_whatever_its_name(
    run: Run, raw: np.ndarray, tmp_path: Path
) -> None:
    np.savez(tmp_path / "in.npz", anything=raw)
    written = predict_file(run, tmp_path / "in.npz", tmp_path / "out.npz")
    assert (written.samples, written.files) == (60, (tmp_path / "out.npz",))
    written = np.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(written["y_class"], written["y"].argmax(1))


def test_a_table_has_the_class_and_a_column_per_unit(
    run: Run, raw: np.ndarray, tmp_path: Path
) -> None:
    np.savez(tmp_path / "in.npz", x=raw)
    predict_file(run, tmp_path / "in.npz", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    values = predict(run, {"x": raw})["y"]
    assert list(rows[0]) == ["sample", "y_class", "y[0]", "y[1]", "y[2]"]
    assert [int(row["y_class"]) for row in rows] == values.argmax(1).tolist()
    assert [np.float32(row["y[1]"]) for row in rows] == values[:, 1].tolist()


def test_under_cross_entropy_the_values_are_probabilities(
    tiny: dict[str, Any], tmp_path: Path, raw: np.ndarray
) -> None:
    spec = tiny | {"energy": {"loss": "cross_entropy"}}
    run = fit(spec, tmp_path / "run", plots=False)
    values = predict(run, {"x": raw})["y"]
    np.testing.assert_allclose(values.sum(1), 1, rtol=1e-5)
    assert (values > 0).all()
    accuracy = (values.argmax(1) == np.arange(60) % 3).mean()
    assert accuracy > 0.5


def problem(kind: type[PccError], run: Run, tmp_path: Path, **arrays: Any) -> str:
    np.savez(tmp_path / "in.npz", **arrays)
    with pytest.raises(kind) as error:
        predict_file(run, tmp_path / "in.npz", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    return str(error.value)


def test_a_wrong_shape_names_the_right_one(run: Run, tmp_path: Path) -> None:
    message = problem(DataError, run, tmp_path, x=np.zeros((5, 7)))
    assert "PC550" in message
    assert "has shape (7,), but the network was trained on (6,)" in message


def test_an_array_that_is_missing_is_named(run: Run, tmp_path: Path) -> None:
    message = problem(DataError, run, tmp_path, X=np.zeros((5, 6)), z=np.zeros(2))
    assert "no array for the input `x`" in message
    assert "did you mean `x`?" in message


def test_no_samples_are_refused(run: Run, tmp_path: Path) -> None:
    assert "or none" in problem(DataError, run, tmp_path, x=np.zeros((0, 6)))


def table(path: Path, names: Sequence[str]) -> Path:
    rows = [",".join(names), *[",".join("0.5" for _ in names)] * 2]
    path.write_text("\n".join(rows))
    return path


def test_arrays_and_columns_may_have_the_names_of_the_fields(
    tiny: dict[str, Any], blobs: Path, raw: np.ndarray, tmp_path: Path
) -> None:
    data = tmp_path / "named.npz"
    np.savez(data, feats=raw, kind=np.load(blobs)["y"])
    source = {"npz": {"path": str(data), "features": "feats", "target": "kind"}}
    run = fit(changed(tiny, data={"source": source}), tmp_path / "run", plots=False)
    predict_file(run, data, tmp_path / "out.npz")
    expected = predict(run, {"x": raw})["y"]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["y"], expected)
    columns = table(tmp_path / "in.csv", ["kind", *(f"feats[{i}]" for i in range(6))])
    assert predict_file(run, columns, tmp_path / "out.npz").samples == 2


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            [f"col{i}" for i in range(6)],
            r"name the columns x\[0\] to x\[5\], or leave out the head",
        ),
        ([f"x[{i}]" for i in range(5)], r"in\.csv has no column `x\[5\]`, though others of `x`"),
        ([f"x[{i}]" for i in (0, 1, 2, 4, 5)], r"no column `x\[3\]`"),
        ([f"x[{i}]" for i in range(7)], r"shape \(7,\), but the network was trained on \(6,\)"),
    ],
)
def test_columns_that_do_not_fit_are_named(
    run: Run, tmp_path: Path, names: list[str], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        predict_file(run, table(tmp_path / "in.csv", names), tmp_path / "out.csv")


def test_nan_is_refused(run: Run, tmp_path: Path) -> None:
    assert "NaN" in problem(DataError, run, tmp_path, x=np.full((2, 6), np.nan))


def test_a_missing_input_file_is_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"PC501.*none\.npz is missing"):
        predict_file(run, tmp_path / "none.npz", tmp_path / "out.csv")


def test_an_unknown_ending_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="PC551"):
        predict_file(run, tmp_path / "in.npz", tmp_path / "out.txt")


def test_an_output_that_cannot_be_written_is_told(
    run: Run, tmp_path: Path, raw: np.ndarray
) -> None:
    np.savez(tmp_path / "in.npz", x=raw)
    with pytest.raises(DataError, match="PC522"):
        predict_file(run, tmp_path / "in.npz", tmp_path / "none" / "out.csv")


# -- what is not finite, or not in its place ----------------------------------------------


def test_an_input_beyond_float32_is_named_with_sample_and_column(run: Run, tmp_path: Path) -> None:
    x = np.zeros((3, 6))
    x[1, 4] = 1e50
    message = problem(DataError, run, tmp_path, x=x)
    assert "PC550" in message
    assert "field `x` is 1e+50 in sample 1, column 4" in message


def test_a_prediction_that_is_not_finite_is_an_error_and_no_class(
    run: Run, raw: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = run.model

    class Overflowing:
        def __getattr__(self, name: str) -> Any:
            return getattr(model, name)

        def predict(self, *given: Any, **options: Any) -> Any:
            outputs = model.predict(*given, **options)
            return {"y": outputs["y"].at[2, 1].set(np.nan)}

    monkeypatch.setitem(run.__dict__, "model", Overflowing())
    with pytest.raises(RunError, match=r"PC541.*prediction of `y` is nan in sample 2, column 1"):
        predict(run, {"x": raw})


def test_inputs_with_other_axes_than_in_training_are_refused(
    tiny: dict[str, Any], raw: np.ndarray, tmp_path: Path
) -> None:
    np.savez(tmp_path / "rows.npz", x=raw.reshape(-1, 2, 3), y=np.arange(60) % 3)
    spec = changed(tiny, data={"source": {"npz": str(tmp_path / "rows.npz")}})
    run = fit(spec, tmp_path / "run", plots=False)
    rows = predict(run, {"x": raw.reshape(-1, 2, 3)})["y"]
    np.testing.assert_array_equal(predict(run, {"x": raw})["y"], rows)  # flat is safe
    with pytest.raises(DataError, match=r"PC550.*has shape \(3, 2\).*`x.transpose\(0, 2, 1\)`"):
        predict(run, {"x": raw.reshape(-1, 3, 2)})


def test_large_offsets_are_subtracted_before_the_cast_in_predictions_too(
    tiny: dict[str, Any], raw: np.ndarray, tmp_path: Path
) -> None:
    offset, y = 1.7e12, np.arange(60) % 3
    values: dict[str, np.ndarray] = {}
    for name, shift in (("plain", 0.0), ("shifted", offset)):
        np.savez(tmp_path / f"{name}.npz", x=np.round(1000 * raw) + shift, y=y)
        spec = changed(tiny, data={"source": {"npz": str(tmp_path / f"{name}.npz")}})
        run = fit(spec, tmp_path / name, plots=False)
        predict_file(run, tmp_path / f"{name}.npz", tmp_path / "out.npz")
        values[name] = np.load(tmp_path / "out.npz")["y"]
    np.testing.assert_allclose(values["shifted"], values["plain"], atol=1e-4)


def test_classes_keep_their_names_in_the_run_and_in_predictions(
    tiny: dict[str, Any], raw: np.ndarray, tmp_path: Path
) -> None:
    names = np.array(["cat", "dog", "emu"])
    np.savez(tmp_path / "named.npz", x=raw, y=names[np.arange(60) % 3])
    spec = changed(tiny, data={"source": {"npz": str(tmp_path / "named.npz")}})
    fit(spec, tmp_path / "run", plots=False)
    run = load_run(tmp_path / "run")
    assert run.encodings["y"].names == ("cat", "dog", "emu")
    for ending in ("npz", "json", "csv"):
        predict_file(run, tmp_path / "named.npz", tmp_path / f"out.{ending}")
    outputs = np.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(outputs["y_name"], names[outputs["y_class"]])
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["y_name"] == outputs["y_name"].tolist()
    with (tmp_path / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["y_name"] for row in rows] == told["y_name"]
    assert list(rows[0]) == ["sample", "y_class", "y_name", "y[0]", "y[1]", "y[2]"]
    assert read_table(tmp_path / "out.csv")["y"].tolist() == outputs["y_class"].tolist()


def test_a_header_of_numbers_is_no_sample_and_is_told(
    run: Run, raw: np.ndarray, tmp_path: Path
) -> None:
    lines = ["0,1,2,3,4,5", *(",".join(map(repr, row)) for row in raw[:2].tolist())]
    (tmp_path / "in.csv").write_text("\n".join(lines))
    written = predict_file(run, tmp_path / "in.csv", tmp_path / "out.npz")
    assert written.samples == 2
    assert [told.code for told in written.warnings] == ["PC542"]
    sure = predict_file(run, tmp_path / "in.csv", tmp_path / "out.npz", header=False)
    assert (sure.samples, sure.warnings) == (3, ())


def test_arrays_and_masks_of_other_shapes_are_refused_before_they_are_unpacked(
    run: Run, raw: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, file = tmp_path / "out.npz", tmp_path / "in.npz"
    np.savez_compressed(file, x=np.zeros((3, 7)))
    np.save(tmp_path / "in.npy", np.zeros((3, 7)))
    np.savez_compressed(tmp_path / "two.npz", x=raw[:2], unread=np.full((2, 3), np.nan))
    assert predict_file(run, tmp_path / "two.npz", out).samples == 2
    raw[0, 0] = np.nan
    np.savez_compressed(tmp_path / "nan.npz", x=raw)
    with pytest.raises(DataError, match=r"PC505.*holds NaN in sample 0"):
        predict_file(run, tmp_path / "nan.npz", out)

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("the numbers of an array are read")

    monkeypatch.setattr(np.lib.format, "read_array", read)
    for name in ("in.npz", "in.npy"):
        with pytest.raises(DataError, match=r"PC550.*a sample of `x` has shape \(7,\)"):
            predict_file(run, tmp_path / name, out)
    with pytest.raises(DataError, match=r"PC550.*a sample of `x` has shape \(7,\)"):
        predict_file(run, None, out, request=request_from_words([f"x={file}"], []))
    with pytest.raises(SpecError, match=r"PC554.*the mask of `x` has shape \(3, 7\)"):
        predict_file(run, None, out, request=request_from_words(["x=1"], [f"x={file}"]))
