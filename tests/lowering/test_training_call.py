"""Many training steps in one call: the same steps, one program, and a safe stop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pccompiler as pcc
from tests.lowering.networks import batch, close, compiled, same_bits

OPTIMISED = True

SAMPLES, SIZE, CAPACITY = 20, 4, 6

RULES: dict[str, Any] = {
    "clamp": "predictive_coding",
    "nudge": {"predictive_coding": {"output": "nudge"}},
    "backprop": "backprop",
}


def model_with(rule: Any = "predictive_coding", **sections: Any) -> pcc.CompiledModel:
    return compiled(learning={"rule": rule, "optimizer": "adam", "schedule": "cosine"}, **sections)


def fresh(model: pcc.CompiledModel, dtype: Any = jnp.float32) -> Any:
    return model.init_training(jax.random.key(3), horizon=50, dtype=dtype)


def data_and_order(capacity: int = CAPACITY) -> tuple[Any, np.ndarray]:
    order = np.random.default_rng(1).integers(0, SAMPLES, (capacity, SIZE)).astype(np.int32)
    return batch(SAMPLES), order


def in_calls(model: pcc.CompiledModel, counts: list[int]) -> Any:
    """The state after calls of these many steps, one after another."""
    data, order = data_and_order()
    state, done = fresh(model), 0
    for count in counts:
        rows = np.roll(order, -done, axis=0)
        state, _, completed = model.train(state, data, rows, count)
        assert int(completed) == count
        done += count
    return state


def programs(jitted: Any) -> int:
    """How many programs a jitted function has been compiled to."""
    return jitted._cache_size()


@pytest.mark.parametrize("rule", RULES)
def test_a_call_of_k_steps_is_k_steps(rule: str) -> None:
    model = model_with(RULES[rule])
    data, order = data_and_order()
    many, metrics, completed = model.train(fresh(model, jnp.float64), data, order, 4)
    one = fresh(model, jnp.float64)
    for i in range(4):
        one, single = model.step(one, {name: rows[order[i]] for name, rows in data.items()})
        close(jax.tree.map(lambda leaf, i=i: leaf[i], metrics), single, 1e-13)
    assert (int(completed), int(many.step), int(one.step)) == (4, 4, 4)
    close(many.params, one.params, 1e-13)
    close(many.optimizer_state, one.optimizer_state, 1e-13)


@pytest.mark.parametrize("rule", ["clamp", "backprop"])
def test_how_steps_are_split_into_calls_changes_no_bit(rule: str) -> None:
    model = model_with(RULES[rule])
    whole = in_calls(model, [6])
    same_bits(in_calls(model, [1, 2, 3]), whole)
    same_bits(in_calls(model, [5, 0, 1]), whole)


def test_the_length_of_a_call_is_no_part_of_the_program() -> None:
    model = model_with(name="counted")
    data, order = data_and_order()
    state = fresh(model)
    for count in (1, 3, 6, 0, 2):
        state, _, _ = model.train(state, data, order, count)
    assert programs(model._train) == 1


def test_the_horizon_is_no_part_of_the_program() -> None:
    model = model_with(name="counted")
    state = fresh(model)
    for horizon in (10, 20):
        model.step(replace(state, horizon=jnp.int32(horizon)), batch(SIZE))
    assert programs(model._step) == 1


def test_a_call_of_no_steps_gives_the_state_back() -> None:
    model = model_with()
    data, order = data_and_order()
    state, _, completed = model.train(fresh(model), data, order, 0)
    assert int(completed) == 0
    same_bits(state, fresh(model))


def test_neither_train_nor_step_consumes_its_state() -> None:
    model = model_with()
    data, order = data_and_order()
    state = fresh(model)
    model.step(state, batch(SIZE))
    model.train(state, data, order, 2)
    same_bits(state, fresh(model))


def with_a_row(data: dict[str, np.ndarray], value: float) -> dict[str, np.ndarray]:
    """The data and one more sample, whose inputs all have this value."""
    bad = {"x": np.full((1, 4), value), "y": data["y"][:1]}
    return {name: np.concatenate([rows, bad[name]]) for name, rows in data.items()}


@pytest.mark.parametrize("bad", [0, 2, 5])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_batch_that_is_not_finite_ends_the_call_before_its_update(bad: int, value: float) -> None:
    model = model_with()
    data, order = data_and_order()
    data = with_a_row(data, value)
    order = order.copy()
    order[bad, 1] = SAMPLES
    state, metrics, completed = model.train(fresh(model), data, order, CAPACITY)
    assert (int(completed), int(state.step)) == (bad, bad)
    assert not np.isfinite(metrics["energy"]["clamped"][bad])
    assert np.isfinite(metrics["energy"]["clamped"][:bad]).all()
    before, _, _ = model.train(fresh(model), data, order, bad)
    same_bits(state, before)


def test_a_bad_batch_beyond_the_count_does_not_matter() -> None:
    model = model_with()
    data, order = data_and_order()
    data = with_a_row(data, np.nan)
    order = order.copy()
    order[3] = SAMPLES
    _, _, completed = model.train(fresh(model), data, order, 3)
    assert int(completed) == 3


def test_an_update_that_overflows_stops_the_next_step() -> None:
    """A finite gradient times a rate of 1e38 is infinite in float32; the step after it sees
    that its energies are not finite."""
    sgd = {"sgd": {"learning_rate": 3e38}}
    model = compiled(learning={"optimizer": sgd})
    data, order = data_and_order()
    data = {name: 1e3 * rows for name, rows in data.items()}
    state, _, completed = model.train(fresh(model), data, order, CAPACITY)
    assert (int(completed), int(state.step)) == (1, 1)


def test_diagnose_finds_nothing_in_a_good_batch() -> None:
    model = model_with()
    assert model.diagnose(fresh(model), batch(SIZE)) is None


def test_diagnose_names_the_node_that_was_moved_out_of_range() -> None:
    """With a rate of 1e30 the first update of h is beyond float32 after its square: step 2."""
    model = compiled(inference={"optimizer": {"sgd": {"learning_rate": 1e30}}})
    blame = model.diagnose(fresh(model), batch(SIZE))
    assert blame is not None
    assert (blame.phase, blame.node, blame.step) == ("clamped", "h", 2)


@pytest.mark.parametrize("edge", ["x->h", "h->y"])
def test_diagnose_blames_the_target_of_a_broken_edge_at_the_first_step(edge: str) -> None:
    model = model_with()
    state = fresh(model)
    broken = jax.tree.map(lambda leaf: leaf * np.float32(np.nan), state.params[edge])
    blame = model.diagnose(replace(state, params={**state.params, edge: broken}), batch(SIZE))
    assert blame is not None
    assert (blame.phase, blame.step) == ("clamped", 1)
    # h starts at its prediction, so a broken x->h is seen in h first, and h->y in y
    assert blame.node == edge[-1]
