"""What every operator promises: its shape rule, its parameters, its type and its cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.initializers import Constant, Normal
from pccompiler.components.operators import OPERATORS, Dense, Flatten, Operator, ShapeError

BATCH = 3


@dataclass(frozen=True)
class Case:
    """An operator, the shape that it receives and the one that the target asks for."""

    operator: Operator
    shape: tuple[int, ...]
    wanted: tuple[int, ...] | None = None

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
    return params, jnp.asarray(rng.normal(size=(BATCH, *case.shape)), dtype)


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
    params, x = draw(case, "float64")
    together = case.operator.apply(params, x)
    alone = case.operator.apply(params, x[1:2])
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
