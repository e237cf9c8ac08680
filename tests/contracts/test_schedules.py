"""Every schedule's factor at chosen fractions of training, by formula."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pccompiler.components.schedules import (
    SCHEDULES,
    ConstantRate,
    Cosine,
    Schedule,
    Step,
    WarmupCosine,
)

ROOT = np.sqrt(0.5)


@dataclass(frozen=True)
class Case:
    """A schedule and its factor at some fractions."""

    schedule: Schedule
    factors: dict[float, float]


CASES: dict[str, tuple[Case, ...]] = {
    "constant": (Case(ConstantRate(), {0.0: 1.0, 0.5: 1.0, 1.0: 1.0}),),
    "cosine": (
        Case(Cosine(), {0.0: 1.0, 0.25: (1 + ROOT) / 2, 0.5: 0.5, 1.0: 0.0}),
        Case(Cosine(end=0.2), {0.0: 1.0, 0.5: 0.6, 0.75: 0.2 + 0.4 * (1 - ROOT), 1.0: 0.2}),
    ),
    "warmup_cosine": (
        Case(WarmupCosine(), {0.0: 0.0, 0.05: 0.5, 0.1: 1.0, 0.55: 0.5, 1.0: 0.0}),
        Case(
            WarmupCosine(warmup_fraction=0.5, start=0.2, peak=1.2, end=0.4),
            {0.0: 0.2, 0.25: 0.7, 0.5: 1.2, 0.75: 0.8, 1.0: 0.4},
        ),
    ),
    "step": (
        Case(Step(), {0.0: 1.0, 0.49: 1.0, 0.5: 0.1, 0.74: 0.1, 0.75: 0.01, 1.0: 0.01}),
        Case(Step(at=(0.25,), gamma=0.5), {0.0: 1.0, 0.25: 0.5, 1.0: 0.5}),
        Case(Step(at=(), gamma=0.5), {0.0: 1.0, 0.5: 1.0, 1.0: 1.0}),
    ),
}

every_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{member.name}-{number}")
        for member in SCHEDULES
        for number, case in enumerate(CASES.get(member.name, ()))
    ],
)


@pytest.mark.parametrize("member", SCHEDULES, ids=lambda member: member.name)
def test_every_schedule_has_cases_here_at_start_middle_and_end(member: type[Schedule]) -> None:
    assert CASES.get(member.name), f"add an entry to CASES for the schedule `{member.name}`"
    for case in CASES[member.name]:
        assert {0.0, 1.0} < set(case.factors)


@every_case
def test_factor_is_the_formula_also_under_jit(case: Case) -> None:
    for fraction, factor in case.factors.items():
        for function in (case.schedule.factor, jax.jit(case.schedule.factor)):
            value = function(jnp.asarray(fraction))
            assert value.shape == ()
            np.testing.assert_allclose(value, factor, atol=1e-14)


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(case: Case, dtype: str) -> None:
    assert case.schedule.factor(jnp.asarray(0.3, dtype)).dtype == dtype


@every_case
def test_only_a_schedule_without_a_horizon_ignores_the_fraction(case: Case) -> None:
    values = {float(case.schedule.factor(jnp.asarray(p))) for p in case.factors}
    if len(values) > 1:
        assert case.schedule.needs_horizon


@every_case
def test_factor_is_never_negative(case: Case) -> None:
    factors = jax.vmap(case.schedule.factor)(jnp.linspace(0, 1, 101))
    assert jnp.all(factors >= 0)
