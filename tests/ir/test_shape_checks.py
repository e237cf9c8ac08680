"""What only shapes can tell is wrong: a single class, and statistics of a single value."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc

FIVE = {"dense": {"units": 5}}
NORMALISED = ["dense", "batch_norm"]
IMAGES: dict[str, Any] = {"shape": [4, 4, 2], "role": "input"}


def network(
    *, y: dict[str, Any] | None = None, op: Any = "dense", **sections: Any
) -> dict[str, Any]:
    """x -> h -> y; `op` on the edge into h."""
    return {
        "pcc": 1,
        "name": "small",
        "nodes": {
            "x": {"shape": [2], "role": "input"},
            "h": {"shape": [3]},
            "y": {"shape": [1], "role": "output", **(y or {})},
        },
        "edges": [{"from": "x", "to": "h", "op": op}, {"from": "h", "to": "y"}],
        **sections,
    }


def data(batch_size: int) -> dict[str, Any]:
    return {"source": {"npz": "d.npz"}, "batch_size": batch_size}


def codes(spec: dict[str, Any]) -> list[str]:
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(spec)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


@pytest.mark.parametrize(
    "spec",
    [
        network(energy={"loss": "cross_entropy"}),
        network(y={"energy": "categorical"}),
        network(y={"energy": {"categorical": "logits"}}),
        network(y={"shape": [5, 1]}, op="dense", energy={"loss": "cross_entropy"})
        | {
            "edges": [
                {"from": "x", "to": "h"},
                {"from": "h", "to": "y", "op": [FIVE, {"reshape": {"shape": [5, 1]}}]},
            ]
        },
        network(y={"shape": [2]})
        | {
            "nodes": {
                "x": {"shape": [1], "role": "input"},
                "y": {"shape": [2], "role": "output"},
            },
            "edges": [
                {"from": "x", "to": "y"},
                {"from": "y", "to": "x", "kind": "feedback"},
            ],
            "energy": {"form": "bidirectional", "feedback_loss": "cross_entropy"},
        },
        network(
            energy={"form": "hopfield", "loss": "cross_entropy"},
            learning={"rule": "equilibrium_propagation"},
        ),
    ],
    ids=["loss", "energy", "logits", "positions", "feedback", "hopfield"],
)
def test_a_distribution_over_one_class_is_an_error_of_check(spec: dict[str, Any]) -> None:
    assert codes(spec) == ["PC332"]


@pytest.mark.parametrize(
    "spec",
    [
        network(),
        network(y={"energy": "bernoulli"}),
        network(y={"energy": "bernoulli"}, energy={"loss": "cross_entropy"}),
        network(y={"shape": [2]}, energy={"loss": "cross_entropy"}),
    ],
    ids=["squared", "bernoulli", "bernoulli chosen", "two classes"],
)
def test_what_is_no_distribution_over_one_class_is_accepted(spec: dict[str, Any]) -> None:
    pcc.check(spec)


def test_the_message_names_node_and_loss_and_says_what_to_do() -> None:
    with pytest.raises(pcc.SpecError) as caught:
        pcc.check(network(energy={"loss": "cross_entropy"}))
    [told] = caught.value.diagnostics
    assert told.message.startswith("the loss cross_entropy of `y`")
    assert told.path == "nodes.y"
    assert "bernoulli" in told.help


def test_statistics_of_a_single_value_are_an_error_where_the_spec_has_the_batch_size() -> None:
    assert codes(network(op=NORMALISED, data=data(1))) == ["PC333"]
    pcc.check(network(op=NORMALISED, data=data(2)))
    pcc.check(network(op=NORMALISED))


def test_positions_and_times_count_among_the_values_of_a_statistic() -> None:
    pictures = network(op=["batch_norm", "flatten", "dense"], data=data(1))
    pictures["nodes"] = {**pictures["nodes"], "x": IMAGES}
    pcc.check(pictures)
    pcc.check(network(op=NORMALISED, data=data(1), time={"steps": 2}))
    assert codes(network(op=NORMALISED, data=data(1), time={"steps": 1})) == ["PC333"]


def test_an_edge_that_reads_one_time_only_has_one_value_however_long_the_network() -> None:
    spec = network(op=NORMALISED, data=data(1), time={"steps": 2})
    spec["edges"] = [{**spec["edges"][0], "delay": 1}, spec["edges"][1]]
    assert codes(spec) == ["PC333"]


def test_statistics_of_a_single_value_are_refused_by_the_python_interface() -> None:
    model = pcc.compile(network(op=NORMALISED, inference={"steps": 1}))
    state = model.init_training(jax.random.key(0))
    one = {"x": np.ones((1, 2)), "y": np.ones((1, 1))}
    many = {name: np.repeat(array, 4, axis=0) for name, array in one.items()}
    order = np.zeros((1, 1), np.int32)
    states = {**one, "h": np.ones((1, 3))}
    for refused in (
        lambda: model.step(state, one),
        lambda: model.train(state, many, order, 1),
        lambda: model.trajectories(state, one),
        lambda: model.gradients(state.params, one),
        lambda: model.infer(state.params, one),
        lambda: model.energy(state.params, states, one),
    ):
        with pytest.raises(ValueError, match="batch_norm on edge `x->h`"):
            refused()


def test_one_sample_is_predicted_with_running_statistics() -> None:
    model = pcc.compile(network(op=NORMALISED))
    state = model.init_training(jax.random.key(0))
    found = model.predict(state.params, {"x": np.ones((1, 2))}, aux=state.aux)["y"]
    assert np.isfinite(np.asarray(found)).all()
