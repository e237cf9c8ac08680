"""Optimisers whose nodes share something, against NumPy loops over single samples."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.state_optimizers import STATE_OPTIMIZERS, Landscape, StateOptimizer
from pccompiler.components.state_optimizers.adaptive import Adaptive
from pccompiler.components.state_optimizers.anderson import Anderson
from pccompiler.components.state_optimizers.gradient import StateSGD

SAMPLES, UNITS = 3, 6
RNG = np.random.default_rng(0)
BASIS = np.linalg.qr(RNG.normal(size=(UNITS, UNITS)))[0]
CURVATURES = np.geomspace(0.1, 1.5, UNITS)
START = RNG.normal(size=(SAMPLES, UNITS))
START[0] = BASIS[:, :4] @ RNG.normal(size=4)  # no part along the two steepest directions
MATRIX = BASIS @ np.diag(CURVATURES) @ BASIS.T
"""F = 1/2 x' MATRIX x of a sample whose units are spread over two nodes."""


@pytest.fixture(autouse=True, scope="module")
def _double():
    with jax.enable_x64(True):
        yield


def split(x):
    return {"a": jnp.asarray(x[:, :2]), "b": jnp.asarray(x[:, 2:])}


def joined(states):
    return np.concatenate([np.asarray(states["a"]), np.asarray(states["b"])], axis=1)


def energies(x):
    return 0.5 * np.einsum("bi,ij,bj->b", x, MATRIX, x)


def path(optimizer: StateOptimizer, steps: int, start=START) -> list[np.ndarray]:
    """The states (batch, units) before the first step and after each."""

    def energy(states):
        x = jnp.concatenate([states["a"], states["b"]], axis=1)
        return 0.5 * jnp.einsum("bi,ij,bj->b", x, MATRIX, x)

    states = split(start)
    memory, rows = optimizer.start(states), [np.asarray(start)]
    for t in range(1, steps + 1):
        gradients = jax.grad(lambda states: energy(states).sum())(states)
        landscape = Landscape(states, partial(energy, states), energy, dict)
        updates, memory = optimizer.move(gradients, memory, t, landscape)
        states = {name: x + updates[name] for name, x in states.items()}
        rows.append(joined(states))
    return rows


def test_the_rate_of_a_sample_halves_when_its_energy_has_risen() -> None:
    rate, discount, x, rows = 2.0, 0.3, START.copy(), [START]
    rates, before = np.full(SAMPLES, rate), np.full(SAMPLES, np.inf)
    for _ in range(12):
        now = energies(x)
        rates[now > before] *= discount
        before = now
        x = x - rates[:, None] * (x @ MATRIX)
        rows.append(x)
    assert len(set(rates)) > 1, "the samples of this test find their rates at different steps"
    np.testing.assert_allclose(path(Adaptive(learning_rate=rate, discount=discount), 12), rows)


def test_a_stable_rate_stays_what_it_is() -> None:
    np.testing.assert_allclose(
        path(Adaptive(learning_rate=0.3), 8), path(StateSGD(learning_rate=0.3), 8), rtol=1e-12
    )


@pytest.mark.parametrize("memory", [1, 3])
def test_anderson_is_the_least_squares_of_the_last_steps(memory: int) -> None:
    """The ridge as rows of the least squares; a sample takes the better of two steps."""
    rate, ridge, rows = 0.5, 1e-4, [START]
    xs, fs = [[x] for x in START], [[] for _ in START]
    for _ in range(9):
        for s in range(SAMPLES):
            x, f = xs[s][-1], -rate * MATRIX @ xs[s][-1]
            fs[s].append(f)
            dx = np.diff(xs[s], axis=0)[-memory:].T
            df = np.diff(fs[s], axis=0)[-memory:].T
            plain = ahead = x + f
            if df.size:
                weights = np.sqrt(ridge) * np.diag(np.linalg.norm(df, axis=0))
                left = np.concatenate([df, weights])
                right = np.concatenate([f, np.zeros(df.shape[1])])
                gamma = np.linalg.lstsq(left, right, rcond=None)[0]
                ahead = x + f - (dx + df) @ gamma
            better = energies(ahead[None]) <= energies(plain[None])
            xs[s].append(ahead if better else plain)
        rows.append(np.stack([x[-1] for x in xs]))
    found = path(Anderson(learning_rate=rate, memory_steps=memory, ridge=ridge), 9)
    np.testing.assert_allclose(found, rows, rtol=1e-8, atol=1e-11)


def test_anderson_with_a_memory_of_all_directions_ends_where_gmres_does() -> None:
    """In exact arithmetic it solves a linear system in as many steps as there are unknowns, and
    one; rounding takes another. Plain descent has hardly begun along the flat directions."""
    anderson = Anderson(learning_rate=0.5, memory_steps=UNITS, ridge=1e-13)
    assert np.abs(path(anderson, UNITS + 2)[-1]).max() < 1e-9
    assert np.abs(path(StateSGD(learning_rate=0.5), UNITS + 2)[-1]).max() > 0.3


def test_a_step_of_anderson_is_never_above_the_plain_step_from_the_same_state() -> None:
    rate = 1.3
    rows = path(Anderson(learning_rate=rate, memory_steps=4), 25, 50 * START)
    for before, after in pairwise(rows):
        plain = before - rate * before @ MATRIX
        assert (energies(after) <= energies(plain) * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    "member", [m for m in STATE_OPTIMIZERS if m.joint], ids=lambda member: member.name
)
def test_every_joint_optimiser_has_a_test_here(member: type[StateOptimizer]) -> None:
    assert member in (Adaptive, Anderson)
