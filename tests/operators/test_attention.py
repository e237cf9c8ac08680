"""Attention against its formula, position by position."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from numpy.typing import NDArray

from pccompiler.components.operators import Attention, ShapeError

Floats = NDArray[np.float64]


def setting(operator: Attention, shape: tuple[int, int]) -> tuple[dict[str, Floats], Floats]:
    rng = np.random.default_rng(0)
    table = operator.parameters(shape, shape)
    params = {name: rng.normal(size=p.shape) for name, p in table.items()}
    return params, rng.normal(size=(2, *shape))


def attended(p: dict[str, Floats], x: Floats, heads: int, causal: bool) -> Floats:
    """One sample (positions, units), one head and one position at a time."""
    zero = np.zeros(x.shape[-1])
    q = x @ p["query_weight"] + p.get("query_bias", zero)
    k = x @ p["key_weight"]
    v = x @ p["value_weight"] + p.get("value_bias", zero)
    mixed = np.zeros_like(x)
    size = x.shape[-1] // heads
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        for position in range(len(x)):
            last = position + 1 if causal else len(x)
            scores = k[:last, part] @ q[position, part] / np.sqrt(size)
            weights = np.exp(scores) / np.exp(scores).sum()
            mixed[position, part] = weights @ v[:last, part]
    return mixed @ p["output_weight"] + p.get("output_bias", zero)


CHOICES = [
    Attention(),
    Attention(heads=2),
    Attention(heads=3, causal=True),
    Attention(heads=2, causal=True, bias=False),
]


@pytest.mark.parametrize("operator", CHOICES, ids=str)
def test_each_position_gets_the_softmax_average_of_the_values_that_it_sees(
    operator: Attention,
) -> None:
    params, x = setting(operator, (5, 6))
    y = operator.apply(jax.tree.map(jnp.asarray, params), jnp.asarray(x))
    expected = [attended(params, sample, operator.heads, operator.causal) for sample in x]
    np.testing.assert_allclose(y, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("operator", CHOICES, ids=str)
def test_the_derivatives_are_those_of_finite_differences(operator: Attention) -> None:
    params, x = setting(operator, (3, 6))
    given = (jax.tree.map(jnp.asarray, params), jnp.asarray(x))
    check_grads(jax.jit(operator.apply), given, order=1, modes=("fwd", "rev"), rtol=1e-5)


def test_with_a_causal_mask_no_position_depends_on_later_ones() -> None:
    operator = Attention(heads=2, causal=True)
    params, x = setting(operator, (4, 6))

    def first(x: Any) -> Any:
        return operator.apply(jax.tree.map(jnp.asarray, params), x)[:, :2].sum()

    gradient = jax.grad(first)(jnp.asarray(x))
    assert gradient[:, :2].all()
    assert not gradient[:, 2:].any()


def test_a_bias_of_the_keys_would_change_nothing() -> None:
    """Why there is none: q . b is the same for all keys, and a softmax forgets it."""
    params, x = setting(Attention(), (4, 6))
    shifted = dict(params)
    q = x[0] @ params["query_weight"] + params["query_bias"]
    scores = q @ (x[0] @ params["key_weight"]).T
    moved = q @ (x[0] @ params["key_weight"] + 3.0).T
    assert "key_bias" not in shifted
    np.testing.assert_allclose(
        jax.nn.softmax(jnp.asarray(scores)), jax.nn.softmax(jnp.asarray(moved)), atol=1e-9
    )


def test_its_cost_is_four_projections_and_two_products_for_each_pair_of_positions() -> None:
    cost = Attention(bias=False).flops((5, 8), (5, 8))
    assert cost - 5 * 5 * 5 == 4 * 2 * 5 * 8 * 8 + 2 * 2 * 5 * 5 * 8


@pytest.mark.parametrize(
    ("operator", "shape", "message", "help"),
    [
        (Attention(heads=3), (4, 8), "cannot cut 8 units into 3 heads", "divides the units"),
        (Attention(), (8,), r"receives \[8\]", "reshape"),
        (Attention(), (4, 4, 8), r"receives \[4, 4, 8\]", "reshape"),
    ],
)
def test_mistakes_are_told_with_help(
    operator: Attention, shape: tuple[int, ...], message: str, help: str
) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        operator.output_shape(shape, None)
    assert help in caught.value.help


def test_it_has_no_transpose_and_says_what_to_write_instead() -> None:
    with pytest.raises(ShapeError, match="no transpose") as caught:
        Attention().transposed((4, 8), (4, 8))
    assert "operators of its own" in caught.value.help
