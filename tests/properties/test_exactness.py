"""Compiled programs against the NumPy reference, number by number, on generated networks."""

from __future__ import annotations

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from pccompiler.passes import OPTIONAL
from tests.properties.programs import agree, expected, run
from tests.strategies import OPTIMIZERS, Case, cases, examples, shuffled


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_states_energies_gradients_and_predictions_are_the_references(optimizer: str) -> None:
    """After every inference step of every phase, for every node."""

    @examples(7)
    @given(cases(optimizers=OPTIMIZERS[optimizer]))
    def holds(case: Case) -> None:
        found, wanted = run(case), expected(case)
        if "gradients" not in wanted:
            del found["gradients"]
        agree(found, wanted, 1e-10)

    holds()


@pytest.mark.parametrize("name", OPTIONAL)
def test_leaving_out_a_pass_changes_no_number(name: str) -> None:
    @examples(3)
    @given(cases())
    def holds(case: Case) -> None:
        agree(run(case, disable=(name,)), run(case), 1e-10)

    holds()


@examples(2)
@given(cases())
def test_leaving_out_all_passes_changes_no_number(case: Case) -> None:
    agree(run(case, disable=OPTIONAL), run(case), 1e-10)


@examples(3)
@given(cases(), st.data())
def test_the_order_of_declaration_changes_no_number(case: Case, data: st.DataObject) -> None:
    other = data.draw(shuffled(case.spec))
    note(f"shuffled: {other}")
    agree(run(case, spec=other), run(case), 1e-12)
