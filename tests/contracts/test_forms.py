"""What every energy form promises of its term: curvature, rest, and what it is made of."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.energies import Gaussian, Laplace
from pccompiler.components.forms import (
    FORMS,
    BidirectionalForm,
    EnergyForm,
    HopfieldForm,
    Predicted,
)

CASES: tuple[EnergyForm, ...] = (
    *(form() for form in FORMS),
    BidirectionalForm(errors="separate", forward_weight=0.5, feedback_weight=3.0),
    HopfieldForm(nonlinearity="rho"),
)
WITH_POTENTIAL = [name for name, activation in ACTIVATIONS.items() if activation.potential]
PREDICTIONS = [(True, False), (False, True), (True, True)]
TERMS = [
    pytest.param(form, forward, feedback, id=f"{forward}-{feedback}-{form.written()}")
    for form in CASES
    for forward, feedback in PREDICTIONS
    if forward or not form.feedforward_is_minimum  # else there is no term
]

every_form = pytest.mark.parametrize("form", CASES, ids=lambda form: str(form.written()))


def draw(seed: int) -> Any:
    """States of three samples, inside the range of every activation."""
    return jnp.asarray(np.random.default_rng(seed).uniform(0.1, 0.4, size=(3, 4)))


def own_energy(
    form: EnergyForm, name: str, forward: bool, feedback: bool, x: Any, energy: Any = None
) -> Any:
    """The sum over samples of a node's term and potential, its predictions fixed."""
    predictions = [
        Predicted(draw(seed)) if there else None for seed, there in ((1, forward), (2, feedback))
    ]
    total = form.term(energy or Gaussian(), x, *predictions).sum()
    potential = form.potential(ACTIVATIONS[name], x)
    return total if potential is None else total + potential.sum()


@pytest.mark.parametrize(("form", "forward", "feedback"), TERMS)
@pytest.mark.parametrize("name", WITH_POTENTIAL)
def test_the_curvature_is_the_second_derivative_and_none_where_that_is_not_constant(
    form: EnergyForm, name: str, forward: bool, feedback: bool
) -> None:
    claimed = form.curvature(ACTIVATIONS[name], forward, feedback)
    along = jnp.asarray(np.random.default_rng(9).normal(size=(3, 4)))

    def second(x: Any) -> float:
        def slope(step: Any) -> Any:
            return jax.grad(lambda x: own_energy(form, name, forward, feedback, x))(
                x + step * along
            )

        return float((jax.jvp(slope, (0.0,), (1.0,))[1] * along).sum() / (along * along).sum())

    found = [second(draw(seed)) for seed in (3, 4)]
    if claimed is None and name != "leaky_relu":  # whose curvature is constant on either side
        assert abs(found[0] - found[1]) > 1e-6
    elif claimed is not None:
        np.testing.assert_allclose(found, claimed, rtol=1e-9)


@pytest.mark.parametrize("form", [f for f in CASES if f.rests_at_minimum], ids=str)
@pytest.mark.parametrize("name", ["identity", "tanh"])
def test_at_rest_the_own_energy_balances_the_pull_of_the_others(
    form: EnergyForm, name: str
) -> None:
    activation, x, pull = ACTIVATIONS[name], draw(5), 0.1 * draw(6)
    curvature = form.curvature(activation, True, False)
    mu = draw(1)

    def term(x: Any) -> Any:
        return form.term(Gaussian(), x, Predicted(mu), None).sum()

    def potential(x: Any) -> Any:
        own = form.potential(activation, x)
        return 0.0 * x.sum() if own is None else own.sum()

    rest = form.at_rest(activation, curvature, x, jax.grad(term)(x) + pull)
    left = jax.grad(term)(rest) + pull + jax.grad(potential)(rest)
    np.testing.assert_allclose(left, 0, atol=1e-12)


@every_form
def test_a_form_sums_energies_exactly_if_its_term_is_the_energy_of_the_forward_prediction(
    form: EnergyForm,
) -> None:
    x, mu, nu = draw(3), draw(1), draw(2)
    term = form.term(Laplace(), x, Predicted(mu), Predicted(nu) if form.uses_feedback else None)
    alone = Laplace().value(x, mu)
    potential = form.potential(ACTIVATIONS["identity"], x)
    assert bool(jnp.allclose(term, alone) and potential is None) == form.sums_energies
