"""What every operator promises: its shape rule, its parameters, its type and its cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.initializers import Constant, Normal
from pccompiler.components.operators import (
    OPERATORS,
    Attention,
    AvgPool,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    MaxPool,
    Operator,
    Reshape,
    RMSNorm,
    Scale,
    ShapeError,
    Upsample,
)
from pccompiler.components.operators.base import Transposed

BATCH = 3


@dataclass(frozen=True)
class Case:
    """An operator, the shape that it receives and the one that the target asks for.

    `tokens`: the input holds whole numbers below this one, each of them at least once.
    """

    operator: Operator
    shape: tuple[int, ...]
    wanted: tuple[int, ...] | None = None
    tokens: int | None = None

    def __str__(self) -> str:
        options = ",".join(f"{k}={v}" for k, v in self.operator.model_dump(mode="json").items())
        return f"{self.operator.name}({options}){self.shape}to{self.wanted}"


CASES: dict[str, tuple[Case, ...]] = {
    "dense": (
        Case(Dense(units=5), (4,)),
        Case(Dense(), (4,), (7,)),
        Case(Dense(bias=False), (1,), (1,)),
        Case(Dense(units=2, weight_init=Normal(std=1.0), bias_init=Constant(value=3.0)), (2, 3)),
        Case(Dense(), (2, 1, 3), (2, 1, 6)),
    ),
    "conv": (
        Case(Conv(channels=3), (6, 5, 2)),
        Case(Conv(), (4, 4, 2), (4, 4, 5)),
        Case(Conv(channels=2, kernel=(3, 2), stride=(2, 1), padding="valid"), (7, 5, 2)),
        Case(Conv(channels=4, kernel=2, padding=1, dilation=2, bias=False), (5, 6, 3)),
        Case(Conv(channels=4, groups=2), (4, 5, 6)),
        Case(Conv(channels=6, groups=3), (4, 5, 3)),
        Case(Conv(channels=4, kernel=2, padding="valid"), (2, 2, 3)),
        Case(Conv(channels=4, kernel=5, padding=4), (8, 2)),
    ),
    "conv_transpose": (
        Case(ConvTranspose(channels=3), (6, 5, 2)),
        Case(ConvTranspose(stride=2), (4, 4, 2), (8, 8, 5)),
        Case(ConvTranspose(channels=2, kernel=(3, 2), stride=(2, 1), padding=(1, 0)), (3, 5, 2)),
        Case(ConvTranspose(channels=4, kernel=3, dilation=2, padding="valid", bias=False), (6, 3)),
    ),
    "embedding": (
        Case(Embedding(units=5), (4,)),
        Case(Embedding(vocabulary=3), (2, 3), (2, 6)),
        Case(Embedding(units=5, indices=True, vocabulary=4), (2, 3), tokens=4),
        Case(Embedding(indices=True, vocabulary=3), (1,), (1, 2), tokens=3),
    ),
    "attention": (
        Case(Attention(), (3, 4)),
        Case(Attention(heads=2, bias=False), (5, 6), (5, 6)),
        Case(Attention(heads=3, causal=True), (4, 6)),
    ),
    "max_pool": (
        Case(MaxPool(), (4, 6, 3)),
        Case(MaxPool(window=3, stride=2), (6, 8, 2)),
        Case(MaxPool(window=(2, 3)), (5, 7, 1)),
        Case(MaxPool(window=2), (7, 3)),
    ),
    "avg_pool": (
        Case(AvgPool(), (4, 6, 3)),
        Case(AvgPool(window=3, stride=1), (5, 4, 2)),
        Case(AvgPool(window=(2, 1, 2)), (4, 3, 6, 2)),
    ),
    "global_avg_pool": (Case(GlobalAvgPool(), (4, 6, 3)), Case(GlobalAvgPool(), (5, 2), (2,))),
    "upsample": (
        Case(Upsample(), (4, 3, 2)),
        Case(Upsample(factor=(1, 3)), (2, 2, 1), (2, 6, 1)),
        Case(Upsample(factor=3), (4, 2)),
    ),
    "layer_norm": (
        Case(LayerNorm(), (4,)),
        Case(LayerNorm(scale=False), (2, 3)),
        Case(LayerNorm(bias=False, eps=0.1), (2, 2, 5)),
    ),
    "rms_norm": (Case(RMSNorm(), (4,)), Case(RMSNorm(scale=False), (2, 3))),
    "batch_norm": (
        Case(BatchNorm(), (4,)),
        Case(BatchNorm(scale=False, momentum=0.5), (3, 2)),
        Case(BatchNorm(bias=False, frozen=False), (2, 3, 5)),
    ),
    "reshape": (
        Case(Reshape(shape=(2, 6)), (3, 4)),
        Case(Reshape(shape=(-1, 2)), (3, 4), (6, 2)),
        Case(Reshape(shape=(2, 2, 1)), (4,)),
    ),
    "scale": (Case(Scale(factor=0.5), (4,)), Case(Scale(factor=2.0, learned=True), (2, 3))),
    "flatten": (Case(Flatten(), (4,)), Case(Flatten(), (2, 3)), Case(Flatten(), (2, 1, 3), (6,))),
}


def cases_of(member: type[Operator]) -> tuple[Case, ...]:
    if member.name in ACTIVATIONS:
        return Case(member(), (4,)), Case(member(), (2, 3), (2, 3))
    return CASES.get(member.name, ())


EVERY_CASE = [pytest.param(c, id=str(c)) for member in OPERATORS for c in cases_of(member)]


def draw(case: Case, dtype: Any) -> tuple[dict[str, Any], Any]:
    """Parameters and a batch, from NumPy so that initialisers play no part."""
    rng = np.random.default_rng(0)
    output = case.operator.output_shape(case.shape, case.wanted)
    params = {
        name: jnp.asarray(rng.normal(size=parameter.shape), dtype)
        for name, parameter in case.operator.parameters(case.shape, output).items()
    }
    x = rng.normal(size=(BATCH, *case.shape))
    if case.tokens is not None:
        x = rng.permutation(np.arange(x.size) % case.tokens).reshape(x.shape)
    return params, jnp.asarray(x, dtype)


@pytest.mark.parametrize("member", OPERATORS, ids=lambda member: member.name)
def test_every_operator_has_cases_here(member: type[Operator]) -> None:
    assert cases_of(member), f"add an entry to CASES for the operator `{member.name}`"


@pytest.mark.parametrize("case", EVERY_CASE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shape_rule_is_what_apply_computes_and_the_dtype_is_kept(case: Case, dtype: str) -> None:
    result = jax.eval_shape(case.operator.apply, *draw(case, dtype))
    assert result.shape == (BATCH, *case.operator.output_shape(case.shape, case.wanted))
    assert result.dtype == dtype


@pytest.mark.parametrize("case", EVERY_CASE)
def test_an_operator_says_how_many_tokens_it_reads_by_number(case: Case) -> None:
    assert case.operator.token_count == case.tokens


@pytest.mark.parametrize("case", EVERY_CASE)
def test_the_size_of_the_batch_may_be_a_symbol_both_ways(case: Case) -> None:
    """As `jax.export` has it, for programs that run at any size."""
    (size,) = jax.export.symbolic_shape("size")
    transpose, output = transpose_of(case)
    there = jax.ShapeDtypeStruct((size, *case.shape), jnp.float32)
    back = jax.ShapeDtypeStruct((size, *output), jnp.float32)
    params, _ = draw(case, "float32")
    assert jax.eval_shape(case.operator.apply, params, there).shape == back.shape
    if transpose is not None:
        assert jax.eval_shape(transpose.apply, params, back).shape == there.shape


@pytest.mark.parametrize("case", EVERY_CASE)
def test_apply_reads_exactly_the_declared_parameters(case: Case) -> None:
    params, x = draw(case, "float64")
    jax.eval_shape(case.operator.apply, params, x)
    for name in params:
        rest = {other: value for other, value in params.items() if other != name}
        with pytest.raises(KeyError):
            jax.eval_shape(case.operator.apply, rest, x)


@pytest.mark.parametrize("case", EVERY_CASE)
def test_every_entry_of_every_parameter_can_change_the_output(case: Case) -> None:
    params, x = draw(case, "float64")
    gradients = jax.grad(lambda p: (case.operator.apply(p, x) ** 2).sum())(params)
    assert all(jnp.all(gradient != 0) for gradient in gradients.values())


@pytest.mark.parametrize("case", EVERY_CASE)
def test_samples_do_not_see_their_batch_mates(case: Case) -> None:
    """Given the statistics, where it normalises by those of the batch."""
    params, x = draw(case, "float64")
    statistics = case.operator.measure(x)
    together = case.operator.apply_with(params, statistics, x)
    alone = case.operator.apply_with(params, statistics, x[1:2])
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("case", EVERY_CASE)
def test_linear_operators_are_linear_up_to_a_bias_and_no_others_claim_to_be(case: Case) -> None:
    params, x = draw(case, "float64")
    apply = case.operator.apply
    at_zero = apply(params, jnp.zeros_like(x))
    y = jnp.flip(x, axis=0) + 0.7
    sums = apply(params, 2.0 * x + y) - at_zero
    parts = 2.0 * (apply(params, x) - at_zero) + (apply(params, y) - at_zero)
    assert bool(jnp.allclose(sums, parts, atol=1e-12)) == case.operator.linear


@pytest.mark.parametrize("case", EVERY_CASE)
def test_the_cost_is_a_non_negative_integer(case: Case) -> None:
    output = case.operator.output_shape(case.shape, case.wanted)
    flops = case.operator.flops(case.shape, output)
    assert isinstance(flops, int)
    assert flops >= 0


@pytest.mark.parametrize("case", EVERY_CASE)
def test_the_input_that_it_asks_for_gives_the_output_that_is_wanted(case: Case) -> None:
    output = case.operator.output_shape(case.shape, case.wanted)
    wanted_input = case.operator.input_wanted(output)
    if wanted_input is not None:
        assert case.operator.output_shape(wanted_input, output) == output


@pytest.mark.parametrize("case", EVERY_CASE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_running_statistics_are_of_the_kind_that_a_batch_has(case: Case, dtype: str) -> None:
    operator = case.operator
    params, x = draw(case, dtype)
    measured = operator.measure(x)
    kinds = {name: (value.shape, value.dtype) for name, value in measured.items()}
    running = {
        name: parameter.initializer.sampler()(jax.random.key(0), parameter.shape, x.dtype)
        for name, parameter in operator.statistics(case.shape).items()
    }
    assert kinds == {name: (value.shape, value.dtype) for name, value in running.items()}
    updated = operator.updated(running, measured)
    assert kinds == {name: (value.shape, value.dtype) for name, value in updated.items()}
    own, given = operator.apply(params, x), operator.apply_with(params, measured, x)
    np.testing.assert_array_equal(own, given)
    assert given.dtype == dtype


def transpose_of(case: Case) -> tuple[Operator | None, tuple[int, ...]]:
    """The transpose, if there is one, and what it receives."""
    output = case.operator.output_shape(case.shape, case.wanted)
    try:
        return case.operator.transposed(case.shape, output), output
    except ShapeError:
        return None, output


@pytest.mark.parametrize("case", EVERY_CASE)
def test_the_transpose_leads_back_to_the_shape_of_the_input(case: Case) -> None:
    transpose, output = transpose_of(case)
    if transpose is not None:
        assert transpose.output_shape(output, case.shape) == case.shape
        y = jnp.ones((BATCH, *output), "float32")
        back = jax.eval_shape(transpose.apply, draw(case, "float32")[0], y)
        assert (back.shape, back.dtype) == ((BATCH, *case.shape), "float32")
        assert transpose.flops(output, case.shape) >= 0


@pytest.mark.parametrize("case", EVERY_CASE)
def test_the_transpose_of_a_linear_operator_is_its_adjoint_on_the_same_weights(case: Case) -> None:
    transpose, output = transpose_of(case)
    if not isinstance(transpose, Transposed):
        return
    params, x = draw(case, "float64")
    y = jnp.asarray(np.random.default_rng(1).normal(size=(BATCH, *output)))
    forwards = jnp.vdot(y, case.operator.linear_part(params, x))
    backwards = jnp.vdot(transpose.apply(params, y), x)
    np.testing.assert_allclose(forwards, backwards, rtol=1e-12)


def test_dense_multiplies_rows_by_its_weight_and_adds_its_bias() -> None:
    params = {"weight": jnp.array([[1.0, 2.0], [3.0, 4.0]]), "bias": jnp.array([0.5, -0.5])}
    np.testing.assert_array_equal(
        Dense(units=2).apply(params, jnp.array([[1.0, 10.0]])), [[31.5, 41.5]]
    )


def test_dense_costs_a_multiply_add_per_weight_and_an_add_per_bias() -> None:
    assert Dense().flops((4,), (3,)) == 2 * 4 * 3 + 3
    assert Dense(bias=False).flops((5, 4), (5, 3)) == 5 * 2 * 4 * 3


def test_dense_without_a_size_from_anywhere_is_a_shape_error_with_help() -> None:
    with pytest.raises(ShapeError) as caught:
        Dense().output_shape((4,), None)
    assert caught.value.help


def test_flatten_is_row_major() -> None:
    x = jnp.arange(12.0).reshape(2, 2, 3)
    flat = Flatten().apply({}, x)
    np.testing.assert_array_equal(flat, [np.arange(6), np.arange(6, 12)])
    assert flat.shape[1] == prod((2, 3))
