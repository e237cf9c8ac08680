"""Embedding, reshape and scale, and how options are written in a spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.operators import Embedding, Operator, Reshape, Scale, ShapeError

TABLE = np.arange(8.0).reshape(4, 2)


def test_a_one_hot_token_and_its_number_have_the_same_row() -> None:
    numbers = jnp.array([[0, 3], [1, 1]])
    rows = Embedding(units=2).apply(
        {"weight": jnp.asarray(TABLE)}, jax.nn.one_hot(numbers, 4, dtype=jnp.float64)
    )
    looked_up = Embedding(units=2, indices=True, vocabulary=4).apply(
        {"weight": jnp.asarray(TABLE)}, numbers.astype(jnp.float64)
    )
    np.testing.assert_array_equal(rows, [[[0, 1], [6, 7]], [[2, 3], [2, 3]]])
    np.testing.assert_array_equal(looked_up, rows)


def test_a_soft_token_has_the_mean_of_the_rows() -> None:
    y = Embedding(units=2).apply({"weight": jnp.asarray(TABLE)}, jnp.array([[0.5, 0.0, 0.5, 0.0]]))
    np.testing.assert_array_equal(y, [[2.0, 3.0]])


def test_numbers_have_no_gradient_and_their_rows_add_up_theirs() -> None:
    operator = Embedding(units=2, indices=True, vocabulary=4)

    def total(weight: Any, x: Any) -> Any:
        return operator.apply({"weight": weight}, x).sum()

    rows, numbers = jax.grad(total, argnums=(0, 1))(
        jnp.asarray(TABLE), jnp.array([[0.0, 3.0, 3.0]])
    )
    np.testing.assert_array_equal(rows, [[1, 1], [0, 0], [0, 0], [2, 2]])
    np.testing.assert_array_equal(numbers, np.zeros((1, 3)))


def test_a_number_outside_the_vocabulary_gives_nan() -> None:
    operator = Embedding(units=2, indices=True, vocabulary=4)
    y = operator.apply({"weight": jnp.asarray(TABLE)}, jnp.array([[-1.0, 2.0, 4.0]]))
    np.testing.assert_array_equal(y, [[[np.nan] * 2, [4, 5], [np.nan] * 2]])


def test_only_one_hot_tokens_make_an_embedding_linear() -> None:
    assert Embedding().linear
    assert not Embedding(indices=True).linear


def test_reshape_is_row_major_and_fills_in_what_remains() -> None:
    operator = Reshape(shape=(2, -1))
    assert operator.output_shape((3, 4), None) == (2, 6)
    x = jnp.arange(12.0).reshape(1, 3, 4)
    np.testing.assert_array_equal(operator.apply({}, x), np.arange(12).reshape(1, 2, 6))


def test_scale_multiplies_by_its_number_or_by_one_that_each_channel_learns() -> None:
    x = jnp.array([[1.0, 2.0]])
    np.testing.assert_array_equal(Scale(factor=3.0).apply({}, x), [[3.0, 6.0]])
    learned = Scale(factor=3.0, learned=True)
    np.testing.assert_array_equal(learned.apply({"scale": jnp.array([2.0, -1.0])}, x), [[2, -2]])
    [start] = learned.parameters((5, 2), (5, 2)).values()
    drawn = start.initializer.sampler()(jax.random.key(0), start.shape, jnp.float64)
    np.testing.assert_array_equal(drawn, [3.0, 3.0])


@pytest.mark.parametrize(
    ("operator", "shape", "message", "help"),
    [
        (Embedding(), (3, 4), "size of its rows", "units: 64"),
        (Embedding(indices=True, units=2), (3,), "size of the vocabulary", "vocabulary: 1000"),
        (Embedding(units=2, vocabulary=5), (3, 4), "tokens of size 4", "indices: true"),
        (Reshape(shape=(5, 2)), (3, 4), "12 entries", "stay the same"),
        (Reshape(shape=(5, -1)), (3, 4), "12 entries", "what remains"),
        (Reshape(shape=(-1, -1)), (3, 4), "cannot make", "at most one"),
        (Reshape(shape=(0, 12)), (3, 4), "cannot make", "at least 1"),
    ],
)
def test_mistakes_are_told_with_help(
    operator: Operator, shape: tuple[int, ...], message: str, help: str
) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        operator.output_shape(shape, None)
    assert help in caught.value.help


def test_an_embedding_of_numbers_has_no_transpose() -> None:
    with pytest.raises(ShapeError, match="no transpose") as caught:
        Embedding(indices=True, vocabulary=4).transposed((3,), (3, 2))
    assert "one-hot" in caught.value.help


SPEC = """
pcc: 1
name: tiny
nodes:
  a: {role: input, shape: [8, 8, 1]}
  b: {role: output, shape: [%s]}
edges:
  - {from: a, to: b, op: %s}
"""


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        ("{conv: {kernel: [3, 1], padding: valid, groups: 1}}", "6, 8, 4"),
        ("[conv, {max_pool: 2}, {reshape: [-1]}]", "16"),
        ("[{max_pool: [2, 4]}, {upsample: [2, 4]}, {scale: 0.5}]", "8, 8, 1"),
        ("[{avg_pool: {window: 3, stride: 1}}, flatten, {dense: {units: 4}}]", "4"),
        ("[{reshape: [8, 8]}, layer_norm, {attention: {heads: 2}}, rms_norm, flatten, dense]", "4"),
        ("[{conv: {channels: 2, padding: 1}}, batch_norm, relu, global_avg_pool]", "2"),
    ],
)
def test_specs_write_operators_in_their_short_forms(
    op: str, shape: str, spec_errors: Callable[..., Any]
) -> None:
    if "channels" not in op:
        op = op.replace("[conv,", "[{conv: {channels: 1}},")
    assert spec_errors(SPEC % (shape, op)) == ()


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ("{conv: {padding: sam}}", "unknown padding `sam`"),
        ("{conv: {padding: -1}}", "must be at least 0, found the number -1"),
        ("{conv: {kernel: 0}}", "must be at least 1, found the number 0"),
        ("{conv: {kernel: [3, 0]}}", "must be at least 1, found the number 0"),
        ("{max_pool: {window: 0}}", "must be at least 1, found the number 0"),
        ("{upsample: {factor: two}}", "must be a whole number or a list, found the text `two`"),
        ("{batch_norm: {momentum: 1}}", "must be less than 1, found the number 1"),
        ("reshape", "lacks the key `shape`"),
    ],
)
def test_an_option_that_cannot_be_is_one_message(
    op: str, message: str, spec_errors: Callable[..., Any]
) -> None:
    [problem] = spec_errors(SPEC % ("4", op))
    assert message in problem.message
    assert problem.help
