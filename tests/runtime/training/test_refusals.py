"""Runs that must not begin or go on: changed, in use, without data, diverged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pccompiler.components.sources.npz import Npz
from pccompiler.diagnostics.diagnostic import DataError, RunError, SpecError
from runtime.training.fit import resume
from runtime.training.opened_run import Run, load_run
from runtime.training.session import open_session
from tests.runtime.helpers import Spec, bits, changed, refusal, train

# -- refusals ----------------------------------------------------------------------------


def test_a_run_folder_in_use_is_refused(tiny: Spec, finished: Run) -> None:
    with finished.folder.locked(), pytest.raises(DataError, match="PC521"):
        resume(finished.path, plots=False)
    assert refusal(DataError, tiny, finished.path).code == "PC520"


def test_a_changed_spec_is_shown_and_refused_unless_allowed(finished: Run) -> None:
    with pytest.raises(DataError, match="PC524") as error:
        resume(finished.path, ["training.epochs=4"], plots=False)
    assert "was saved: training.epochs was 3, is 4" in str(error.value)
    longer = resume(finished.path, ["training.epochs=4"], allow_changed=True, plots=False)
    assert longer.result is not None
    assert longer.result["epoch"] == 4
    assert int(longer.state().horizon) == 20
    assert "epochs: 4" in longer.folder.spec.read_text()


def test_a_spec_edited_in_the_run_folder_is_noticed(finished: Run) -> None:
    text = finished.folder.spec.read_text()
    finished.folder.spec.write_text(text.replace("steps: 3", "steps: 30"))
    with pytest.raises(DataError, match="PC524"):
        resume(finished.path, plots=False)


def test_a_spec_of_other_sizes_does_not_fit_the_checkpoint(finished: Run) -> None:
    with pytest.raises(DataError, match=r"PC531.*\['h->y'\]\['weight'\] has shape \(4, 3\)"):
        resume(finished.path, ["nodes.h.shape=[5]"], allow_changed=True, plots=False)
    # The attempt changed nothing: the run still continues with its own spec.
    before = bits(finished)
    assert bits(resume(finished.path, plots=False)) == before


def test_changed_data_is_refused_unless_allowed(tiny: Spec, tmp_path: Path, blobs: Path) -> None:
    arrays = dict(np.load(blobs))
    copy_of_data = tmp_path / "data.npz"
    np.savez(copy_of_data, **arrays)
    run = train(tiny, tmp_path / "run", data={"source": {"npz": str(copy_of_data)}})
    np.savez(copy_of_data, **(arrays | {"x": arrays["x"] + np.eye(60, 6)}))
    with pytest.raises(DataError, match=r"PC526.*data\.npz holds other data"):
        resume(run.path, plots=False)
    with pytest.raises(DataError, match=r"PC526.*data\.npz.*allow_changed=True"):
        run.evaluate()
    assert run.evaluate(allow_changed=True).samples == 12
    with pytest.warns(RuntimeWarning, match="PC569"):
        resume(run.path, allow_changed=True, plots=False)


@pytest.mark.parametrize(
    ("override", "comes_first"),
    [
        ("data.batch_size=4", "earlier"),
        ("data.root=here", "here"),
        ("data.source.npz=blobs.npz", "here"),
        ("data={source: {npz: blobs.npz}, batch_size: 4}", "here"),
    ],
)
def test_data_stays_where_a_run_found_it_unless_an_override_says_which(
    tiny: Spec,
    tmp_path: Path,
    blobs: Path,
    monkeypatch: pytest.MonkeyPatch,
    override: str,
    comes_first: str,
) -> None:
    for name in ("earlier", "here"):
        (tmp_path / name).mkdir()
        shutil.copy(blobs, tmp_path / name)
    monkeypatch.setenv("PCC_DATA", str(tmp_path / "here"))
    monkeypatch.chdir(tmp_path)
    spec = changed(tiny, data={"source": {"npz": "blobs.npz"}})
    session = open_session(spec, [override], [tmp_path / "earlier"])
    [found] = Npz(path="blobs.npz").files(session.data_folders).values()
    assert found.parent.name == comes_first


def test_what_is_odd_in_the_data_is_told_before_training(
    tiny: Spec, tmp_path: Path, blobs: Path
) -> None:
    arrays = dict(np.load(blobs))
    np.savez(tmp_path / "data.npz", **(arrays | {"y": arrays["y"] + 1}))
    spec = changed(tiny, data={"source": {"npz": str(tmp_path / "data.npz")}})
    spec["nodes"]["y"]["shape"] = [4]
    assert [warning.code for warning in open_session(spec).warnings] == ["PC514"]


def test_another_environment_is_warned_of(finished: Run) -> None:
    path = finished.path / "environment.json"
    entries = json.loads(path.read_text())
    entries[0]["versions"]["jaxlib"] = "0.0.1"
    path.write_text(json.dumps(entries))
    with pytest.warns(RuntimeWarning, match=r"PC525.*jaxlib: 0\.0\.1, now"):
        resume(finished.path, plots=False)


def test_a_batch_larger_than_the_data_is_refused_before_a_folder_is_made(
    tiny: Spec, tmp_path: Path
) -> None:
    spec = changed(tiny, data={"batch_size": 44})
    assert refusal(SpecError, spec, tmp_path / "run").code == "PC512"
    assert not (tmp_path / "run").exists()


def test_a_spec_without_data_is_refused(tiny: Spec, tmp_path: Path) -> None:
    spec = {key: value for key, value in tiny.items() if key != "data"}
    assert refusal(SpecError, spec, tmp_path / "run").code == "PC506"


@pytest.mark.parametrize("training", [{"early_stop": {"patience": 2}}, {"monitor": "accuracy"}])
def test_a_monitor_that_does_not_exist_is_refused(
    tiny: Spec, tmp_path: Path, blobs: Path, training: dict[str, Any]
) -> None:
    source = {"npz": {"path": str(blobs), "target": "value"}}
    spec = changed(tiny, training=training, data={"validation": 0.0, "source": source})
    spec["nodes"]["y"]["shape"] = [1]
    assert refusal(SpecError, spec, tmp_path / "run").code == "PC513"


def test_missing_data_is_told_with_the_file(tiny: Spec, tmp_path: Path) -> None:
    spec = changed(tiny, data={"source": {"npz": "none.npz"}})
    assert "`none.npz` is missing" in refusal(DataError, spec, tmp_path / "run").message


# -- divergence --------------------------------------------------------------------------


def test_divergence_names_the_node_and_step_and_keeps_every_good_state(
    tiny: Spec, tmp_path: Path
) -> None:
    # The parameters grow by a factor of 1e6, so the first steps are finite and a later one is not.
    spec = changed(
        tiny,
        learning={"optimizer": {"sgd": {"learning_rate": 1e6}}},
        training={"checkpoint_every": {"steps": 1}, "keep_checkpoints": 1},
    )
    diagnostic = refusal(RunError, spec, tmp_path / "run")
    assert diagnostic.code == "PC540"
    assert "node `" in diagnostic.message
    assert "learning_rate of learning.optimizer (now 1e+06)" in diagnostic.help
    run = load_run(tmp_path / "run")
    last = run.metrics[-1]
    assert last["kind"] == "diverged"
    assert last["node"] in ("h", "y")
    assert last["phase"] == "clamped"
    saved = run.state()
    assert int(saved.step) == last["step"] - 1, "the state before the bad batch"
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(saved.params))


def test_divergence_of_the_inference_names_its_rate_and_step(tiny: Spec, tmp_path: Path) -> None:
    spec = changed(tiny, inference={"optimizer": {"sgd": {"learning_rate": 1e30}}, "steps": 9})
    spec["nodes"]["h"]["activation"] = "identity"
    with pytest.warns(RuntimeWarning, match="PC337"):
        diagnostic = refusal(RunError, spec, tmp_path / "run")
    assert "at step 1 (epoch 1)" in diagnostic.message
    assert "inference step" in diagnostic.message
    assert "lower the learning_rate of inference.optimizer (now 1e+30)" in diagnostic.help
    assert int(load_run(tmp_path / "run").state().step) == 0


def test_divergence_saves_nothing_over_older_checkpoints(tiny: Spec, tmp_path: Path) -> None:
    run = train(tiny, tmp_path / "run", training={"keep_checkpoints": 1})
    good = set(run.folder.checkpoints().names())
    rate = [
        "training.epochs=6",
        "inference.optimizer.sgd.learning_rate=1e30",
        "inference.steps=9",
    ]
    with pytest.raises(RunError, match="PC540"):
        resume(run.path, rate, allow_changed=True, plots=False)
    assert good <= set(run.folder.checkpoints().names())


def test_parameters_that_overflow_do_not_push_out_the_last_good_checkpoint(
    tiny: Spec, tmp_path: Path
) -> None:
    sgd = {"learning_rate": 0.01, "weight_decay": 0.0}
    run = train(
        tiny,
        tmp_path / "run",
        learning={"optimizer": {"sgd": sgd}},
        training={"keep_checkpoints": 1, "checkpoint_every": {"steps": 1}},
        data={"validation": 0.0},
    )
    [good] = run.folder.checkpoints().names()
    sgd = ["learning.optimizer.sgd.learning_rate=3e38", "learning.optimizer.sgd.weight_decay=1e3"]
    with pytest.raises(RunError, match="PC540"):
        resume(run.path, ["training.epochs=4", *sgd], allow_changed=True, plots=False)
    overflowed = run.folder.checkpoints().names()[0]
    assert int(overflowed) == int(good) + 1
    assert good in run.folder.checkpoints().names()
