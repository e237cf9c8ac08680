"""Whatever `check` accepts can be shown, drawn, compiled, trained and asked for predictions.

`python benchmarks/random_specs.py --seconds 600` tries many more, and also runs the programs.
"""

from __future__ import annotations

import os

import pytest

from pccompiler.components.energies import LOSSES, NODE_ENERGIES, PRIORS
from pccompiler.components.forms import FORMS
from pccompiler.components.operators import OPERATORS
from pccompiler.components.optimizers import OPTIMIZERS
from pccompiler.components.rules import RULES
from pccompiler.components.schedules import SCHEDULES
from pccompiler.components.state_inits import STATE_INITS
from pccompiler.components.state_optimizers import STATE_OPTIMIZERS
from pccompiler.components.updates import UPDATE_ORDERS
from tests.exercise import exercise
from tests.random_specs import random_spec

ACCEPTED = 12 * int(os.environ.get("PCC_TEST_DEPTH", "1"))
FAMILIES = (
    *(FORMS, LOSSES, NODE_ENERGIES, PRIORS, OPERATORS, OPTIMIZERS, RULES, SCHEDULES),
    *(STATE_INITS, STATE_OPTIMIZERS, UPDATE_ORDERS),
)


def test_what_check_accepts_does_everything_a_model_does() -> None:
    accepted = seed = 0
    while accepted < ACCEPTED:
        spec = random_spec(seed)
        try:
            accepted += exercise(spec)
        except Exception as error:
            error.add_note(f"seed {seed}: {spec}")
            raise
        seed += 1
    assert seed < 10 * ACCEPTED, "nearly all are refused, so that nothing is tested"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family[0].__mro__[1].__name__)
def test_every_member_of_every_family_is_drawn(family: tuple[type, ...]) -> None:
    drawn = _words(random_spec(seed) for seed in range(400))
    assert {member.name for member in family} <= drawn  # pyright: ignore


def _words(value: object) -> set[str]:
    """All keys and texts in nested values."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return {word for pair in value.items() for part in pair for word in _words(part)}
    if isinstance(value, (int, float, type(None))):
        return set()
    return {word for part in value for word in _words(part)}  # pyright: ignore
