"""Data with a time axis: binding, scaling, training and prediction of sequences."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import DataError, SpecError
from pccompiler.ir.graph import Graph, Node, Stage, Time
from pccompiler.spec.models import DataSpec
from runtime.data.splits import Data, padded_batches, prepare, search_folders
from runtime.prediction.predict import predict, predict_file
from runtime.prediction.request import Request
from tests.runtime.helpers import Spec, bits, train

STEPS, FEATURES, CLASSES, SAMPLES = 3, 2, 4, 40


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sequences, a class for each of them, and a class for each of their steps."""
    generator = np.random.default_rng(0)
    x = generator.normal(5, 2, (SAMPLES, STEPS, FEATURES)) + np.arange(STEPS)[:, None]
    each = np.arange(SAMPLES * STEPS).reshape(SAMPLES, STEPS) % CLASSES
    path = tmp_path_factory.mktemp("data") / "sequences.npz"
    np.savez(path, x=x, y=each[:, -1], each=each, still=x[:, 0], path=x[:, :, 0])
    return path


def network(time: Time | None, units: tuple[int, ...] = (FEATURES,)) -> Graph:
    nodes = [
        Node("x", units, Role.INPUT, "identity", 1.0),
        Node("y", (CLASSES,), Role.OUTPUT, "identity", 1.0),
    ]
    return Graph.of("g", Stage.TYPED, nodes, [], time=time)


def load(file: Path, graph: Graph, x: str = "x", y: str = "y", **changes: Any) -> Data:
    source = {"npz": {"path": str(file), "features": x, "target": y}}
    data = DataSpec.model_validate({"source": source, "batch_size": 4} | changes)
    return prepare(data, graph, ("x", "y"), search_folders(data))


def mistake(file: Path, graph: Graph, **how: Any) -> str:
    with pytest.raises(SpecError) as error:
        load(file, graph, **how)
    [found] = error.value.diagnostics
    return f"{found.code} {found.path}: {found.message}; {found.help}"


def test_sequences_keep_their_time_axis_and_what_has_none_stays_without(file: Path) -> None:
    data = load(file, network(Time(STEPS)))
    assert data.train["x"].shape == (29, STEPS, FEATURES)
    assert data.train["y"].shape == (29, CLASSES)
    still = load(file, network(Time(STEPS)), x="still")
    assert still.train["x"].shape == (29, FEATURES)
    assert data.digest != still.digest


def test_a_node_of_one_unit_takes_sequences_of_numbers(file: Path) -> None:
    data = load(file, network(Time(STEPS), units=(1,)), x="path")
    assert data.train["x"].shape == (29, STEPS, 1)


def test_a_class_for_each_step_becomes_one_hot_at_every_step(file: Path) -> None:
    train = load(file, network(Time(STEPS, every=True)), y="each").train
    last = load(file, network(Time(STEPS)), y="y", split="random").train
    assert train["y"].shape == (29, STEPS, CLASSES)
    assert (train["y"].sum(-1) == 1).all()
    np.testing.assert_array_equal(train["y"][:, -1], last["y"])


def test_features_are_standardised_over_samples_and_times(file: Path) -> None:
    train = load(file, network(Time(STEPS))).train["x"]
    np.testing.assert_allclose(train.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(train.std((0, 1)), 1, rtol=1e-5)
    assert (np.diff(train.mean((0, 2))) > 0.1).all()  # the trend in time is kept


def test_decoding_undoes_the_encoding_with_and_without_time(file: Path) -> None:
    for x in ("x", "still"):
        data = load(file, network(Time(STEPS)), x=x)
        code = data.encodings[0]
        raw = np.load(file)[x]
        np.testing.assert_allclose(code.decode(code.encode(raw)), raw, rtol=1e-5)
        np.testing.assert_allclose(code.decode(code.encode(raw)[0]), raw[0], rtol=1e-5)


def test_batches_of_sequences_are_padded_like_others(file: Path) -> None:
    train = load(file, network(Time(STEPS))).train
    batches = list(padded_batches(train, 16))
    assert [batch["x"].shape for batch, _ in batches] == [(16, STEPS, FEATURES)] * 2
    np.testing.assert_array_equal(batches[1][0]["x"][12], train["x"][28])


@pytest.mark.parametrize(
    ("time", "how", "told"),
    [
        (Time(5), {}, "holds sequences of 3 steps, but the network has 5; set time.steps to 3"),
        (None, {}, "sequences of 3 steps, but the network has no time; add `time: {steps: 3}`"),
        (
            None,
            {"x": "still", "y": "each"},
            "no time; add `time: {steps: 3}` to the spec, or give `y` the shape",
        ),
        (
            Time(STEPS),
            {"y": "each"},
            "a target for each of the 3 steps, but the network is read at the last one only; "
            "set `time.targets: every`",
        ),
        (Time(5, every=True), {"x": "still", "y": "each"}, "set time.steps to 3"),
    ],
)
def test_sequences_that_do_not_fit_say_what_to_do(
    file: Path, time: Time | None, how: dict[str, str], told: str
) -> None:
    message = mistake(file, network(time), **how)
    assert message.startswith("PC511 data.source")
    assert told in message


def test_a_sequence_of_other_features_names_the_shape_of_one_step(file: Path) -> None:
    message = mistake(file, network(Time(STEPS), units=(7,)))
    assert "give `x` the shape [2] for each of the 3 times" in message
    longer = mistake(file, network(Time(4), units=(7,)))
    assert "give `x` the shape [2], and set time.steps to 3; or the shape [3, 2]" in longer


# -- runs --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recurrent(file: Path) -> Spec:
    """A tiny network that reads the sequences of the file."""
    return {
        "pcc": 1,
        "name": "recurrent",
        "time": {"steps": STEPS},
        "nodes": {
            "x": {"shape": [FEATURES], "role": "input"},
            "h": {"shape": [3], "activation": "tanh"},
            "y": {"shape": [CLASSES], "role": "output"},
        },
        "edges": [{"path": "x -> h -> y"}, {"from": "h", "to": "h", "kind": "recurrent"}],
        "inference": {"optimizer": {"sgd": {"learning_rate": 0.1}}, "steps": 3},
        "learning": {"rule": "predictive_coding"},
        "data": {
            "source": {"npz": {"path": str(file)}},
            "bind": {"x": "x", "y": "y"},
            "batch_size": 8,
            "validation": 0.2,
        },
        "training": {"epochs": 2},
    }


def test_a_run_on_sequences_trains_resumes_and_predicts(recurrent: Spec, tmp_path: Path) -> None:
    from runtime.training.fit import resume

    run = train(recurrent, tmp_path / "run")
    assert run.evaluate().accuracy is not None
    shorter = train(recurrent, tmp_path / "shorter", training={"epochs": 1})
    more = resume(shorter.path, ["training.epochs=2"], plots=False, allow_changed=True)
    assert bits(more) == bits(run)
    raw = np.random.default_rng(1).normal(size=(5, STEPS, FEATURES))
    outputs = predict(run, {"x": raw})["y"]
    code = run.folder.encodings()["x"]
    assert code.steps == STEPS
    states = run.model.predict(run.params, {"x": (raw - code.mean) / code.deviation})
    np.testing.assert_allclose(outputs, states["y"], atol=1e-6)
    for shape, told in [
        ((5, 4, 2), r"shape \(4, 2\), but the network was trained on \(3, 2\)"),
        ((3, 2), r"PC550.*add an axis for samples: x\[None\]"),  # not 3 samples at all times
        ((5, 2), r"PC550.*shape \(samples, 3, 2\)"),
    ]:
        with pytest.raises(DataError, match=told):
            predict(run, {"x": np.zeros(shape)})
    one = predict(run, {}, request=Request({"x": raw[0]}))["y"]
    np.testing.assert_allclose(one, outputs[:1], atol=1e-6)
    still = predict(run, {}, request=Request({"x": raw[0, 0]}))["y"]  # held at all times
    repeated = np.repeat(raw[:1, :1], STEPS, axis=1)
    np.testing.assert_allclose(still, predict(run, {"x": repeated})["y"], atol=1e-6)


def test_outputs_at_every_time_are_written_with_their_time(
    recurrent: Spec, file: Path, tmp_path: Path
) -> None:
    source = {"npz": {"path": str(file), "target": "each"}}
    spec = recurrent | {"time": {"steps": STEPS, "targets": "every"}}
    run = train(spec, tmp_path / "run", data={"source": source, "bind": {"x": "x", "each": "y"}})
    np.save(tmp_path / "x.npy", np.zeros((2, STEPS, FEATURES)))
    predict_file(run, tmp_path / "x.npy", tmp_path / "y.npz")
    written = np.load(tmp_path / "y.npz")
    assert written["y"].shape == (2, STEPS, CLASSES)
    assert written["y_class"].shape == (2, STEPS)
    predict_file(run, tmp_path / "x.npy", tmp_path / "y.csv")
    with (tmp_path / "y.csv").open() as stream:
        header = next(csv.reader(stream))
    assert header[:5] == ["sample", "y_class[0]", "y_class[1]", "y_class[2]", "y[0,0]"]


def test_a_mask_may_be_by_unit_by_time_and_by_sample(recurrent: Spec, tmp_path: Path) -> None:
    spec = recurrent | {"time": {"steps": STEPS, "targets": "every"}}
    run = train(spec, tmp_path / "run", training={"epochs": 1})
    raw = np.random.default_rng(2).normal(size=(2, STEPS, FEATURES))
    seen = np.random.default_rng(3).integers(0, 2, (2, STEPS, FEATURES))
    for mask in (seen, seen[0], seen[0, 0], seen[:, 0]):
        whole = mask[:, None] if mask.shape == (2, FEATURES) else mask
        whole = np.broadcast_to(whole, raw.shape) != 0
        asked = Request(masks={"x": mask}, read=("x",))
        found = predict(run, {"x": raw}, request=asked)["x"]
        np.testing.assert_allclose(found[whole], raw[whole], rtol=1e-5)
        assert abs(found[~whole] - raw[~whole]).min() > 1e-4
    three = np.random.default_rng(4).normal(size=(3, STEPS, FEATURES))
    with pytest.raises(SpecError, match="by sample or by time"):
        predict(run, {"x": three}, request=Request(masks={"x": np.ones((3, 2))}, read=("x",)))
