"""Names and shapes that do not fit are told clearly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

from tests.lowering.networks import batch, compiled, parameters


@pytest.fixture(scope="module")
def model() -> Any:
    return compiled()


@pytest.mark.parametrize("what", ["infer", "trace", "gradients", "predict"])
def test_an_unknown_node_is_named_with_the_known_ones(model: Any, what: str) -> None:
    with pytest.raises(ValueError, match=r"no node `z`.*x, h, y"):
        getattr(model, what)(parameters(model), {**batch(), "z": np.zeros((3, 1))})


@pytest.mark.parametrize("keyword", ["clamp", "states"])
def test_an_unknown_node_in_a_keyword_is_named(model: Any, keyword: str) -> None:
    with pytest.raises(ValueError, match="no node `z`"):
        model.infer(parameters(model), batch(), **{keyword: {"z": np.zeros((3, 1))}})


@pytest.mark.parametrize("shape", [(3, 5), (3,), (3, 4, 1), ()])
def test_a_wrong_shape_is_told_with_the_wanted_one(model: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"`x` wants shape \(batch, 4\), got"):
        model.infer(parameters(model), {**batch(), "x": np.zeros(shape)})


@pytest.mark.parametrize("keyword", ["clamp", "states"])
def test_a_wrong_shape_in_a_keyword_is_told(model: Any, keyword: str) -> None:
    with pytest.raises(ValueError, match=r"`h` wants shape \(batch, 3\)"):
        model.infer(parameters(model), batch(), **{keyword: {"h": np.zeros((3, 2))}})


def test_an_unknown_phase_is_named_with_the_known_ones(model: Any) -> None:
    with pytest.raises((KeyError, ValueError), match=r"no phase `nudged`.*clamped"):
        model.infer(parameters(model), batch(), phase="nudged")


@pytest.mark.parametrize("what", ["infer", "trace", "gradients"])
def test_a_node_that_the_batch_lacks_is_named(model: Any, what: str) -> None:
    with pytest.raises(ValueError, match="`y`"):
        getattr(model, what)(parameters(model), {"x": batch()["x"]})


def test_a_batch_without_the_input_is_told(model: Any) -> None:
    with pytest.raises(ValueError, match="`x`"):
        model.predict(parameters(model), {})


def test_a_training_batch_without_the_target_is_told(model: Any) -> None:
    with pytest.raises(ValueError, match="`y`"):
        model.step(model.init_training(jax.random.key(0)), {"x": batch()["x"]})


def test_nodes_with_different_numbers_of_samples_are_told(model: Any) -> None:
    with pytest.raises(ValueError, match="`y`"):
        model.infer(parameters(model), {"x": batch(3)["x"], "y": batch(2)["y"]})


def test_a_mask_that_does_not_fit_its_node_is_told(model: Any) -> None:
    held = (np.zeros((3, 3)), np.ones((3, 7), bool))
    with pytest.raises(ValueError, match="`h`"):
        model.infer(parameters(model), batch(), clamp={"h": held})


def test_an_energy_of_states_that_are_not_all_given_is_told(model: Any) -> None:
    with pytest.raises(ValueError, match="`h`"):
        model.energy(parameters(model), batch())


def messages(call: Callable[[], Any]) -> str:
    with pytest.raises(ValueError, match="parameters come first") as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("what", ["infer", "trace", "gradients", "predict"])
def test_arguments_in_another_order_are_told_without_their_numbers(model: Any, what: str) -> None:
    params, given, ask = parameters(model), batch(), getattr(model, what)
    assert "an array of shape (3, 4) in place of the arrays" in messages(
        lambda: ask(params, given["x"])
    )
    assert "an array of shape (3, 4) in place of the parameters" in messages(
        lambda: ask(given["x"], given)
    )
    assert "found an array of `x` among the parameters" in messages(lambda: ask(given, params))
    assert "a list in place of the arrays" in messages(lambda: ask(params, [given["x"]]))


def test_one_node_to_read_is_still_a_list(model: Any) -> None:
    with pytest.raises(ValueError, match=r"write read=\['h'\]"):
        model.predict(parameters(model), {"x": batch()["x"]}, read="h")


def of_another_network() -> Any:
    """Those of a network whose hidden node is wider."""
    nodes = {
        "x": {"shape": [4], "role": "input"},
        "h": {"shape": [5], "activation": "tanh"},
        "y": {"shape": [2], "role": "output"},
    }
    return parameters(compiled(nodes=nodes))


@pytest.mark.parametrize("what", ["infer", "gradients", "predict"])
def test_parameters_of_another_shape_are_told_by_edge_expected_and_found(
    model: Any, what: str
) -> None:
    with pytest.raises(ValueError, match=r"`x->h` wants .*t \[4, 3\].*found .*t \[4, 5\]"):
        getattr(model, what)(of_another_network(), batch())


def test_so_they_are_in_a_training_step_and_in_the_energy(model: Any) -> None:
    state = model.init_training(jax.random.key(0))
    other = replace(state, params=of_another_network())
    with pytest.raises(ValueError, match="`x->h` wants"):
        model.step(other, batch())
    states = model.infer(parameters(model), batch())
    with pytest.raises(ValueError, match="`x->h` wants"):
        model.energy(of_another_network(), states, batch())


def test_an_edge_without_parameters_is_named(model: Any) -> None:
    params = parameters(model)
    with pytest.raises(ValueError, match=r"`h->y` wants .*nothing under that name.*holds `x->h`"):
        model.predict({"x->h": params["x->h"]}, {"x": batch()["x"]})


def test_an_array_in_the_place_of_an_edge_is_told_by_its_shape(model: Any) -> None:
    params = {**parameters(model), "x->h": np.zeros((4, 3))}
    with pytest.raises(ValueError, match=r"`x->h` wants weight .*found an array of shape \[4, 3\]"):
        model.predict(params, {"x": batch()["x"]})


def test_parameters_of_further_edges_do_no_harm(model: Any) -> None:
    """One set serves a network with feedback edges and the form that leaves them out."""
    params = parameters(model)
    more = {**params, "y->h": params["h->y"]}
    mine = model.predict(params, {"x": batch()["x"]})
    np.testing.assert_array_equal(model.predict(more, {"x": batch()["x"]})["y"], mine["y"])
