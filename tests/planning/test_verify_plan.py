"""Plans broken by hand: the invariant and the phase are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import pccompiler as pcc
from pccompiler.ir.verify import CompilerBugError
from pccompiler.planning.plan import PhasePlan, Stretch, UpdatePlan
from pccompiler.planning.verify import verify_plan
from tests.lowering.networks import spec


def plan_of(disable: tuple[str, ...] = ()) -> UpdatePlan:
    return pcc.check(spec(), disable=disable).plan


def with_stretch(index: int, **changes: object) -> Callable[[PhasePlan], PhasePlan]:
    def change(phase: PhasePlan) -> PhasePlan:
        stretches = list(phase.stretches)
        if stretches:
            stretches[index] = replace(stretches[index], **changes)  # pyright: ignore
        return phase.replace(stretches=tuple(stretches))

    return change


def without_first(phase: PhasePlan) -> PhasePlan:
    return phase.replace(stretches=phase.stretches[1:])


def unmasked(phase: PhasePlan) -> PhasePlan:
    first: Stretch = phase.stretches[0] if phase.stretches else phase.end
    everything = replace(first, live=tuple(phase.energies), arrivals={})
    return phase.replace(stretches=(everything, *phase.stretches[1:]))


BROKEN: dict[str, tuple[Callable[[PhasePlan], PhasePlan], str]] = {
    "a step is missing": (without_first, "the stretches cover every step once, in order"),
    "the last step is missing": (with_stretch(-1, last=4), "the stretches cover every step once"),
    "a step comes twice": (with_stretch(1, first=1), "the stretches cover every step once"),
    "an energy is left out": (
        with_stretch(-1, live=("y",)),
        "every energy that information has reached is live",
    ),
    "an error is not masked": (unmasked, "the error of h is masked until information reaches it"),
    "a node does not move": (
        with_stretch(-1, moving=()),
        "every node that information has reached moves",
    ),
    "a stale value is reused": (
        with_stretch(-1, reused=frozenset({"h->y"})),
        "the source of the reused edge h->y has not moved",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_plan_names_the_invariant_the_pass_and_the_phase(fault: str) -> None:
    change, invariant = BROKEN[fault]
    plan = plan_of()
    broken = replace(plan, phases=tuple(change(phase) for phase in plan.phases))
    with pytest.raises(CompilerBugError) as caught:
        verify_plan(broken, after="some_pass")
    [problem] = caught.value.diagnostics
    assert problem.code == "PC901"
    assert problem.message.startswith(f"after the pass `some_pass`: {invariant}")
    assert problem.message.endswith("(clamped)")
    assert "plan chain" in problem.help


@pytest.mark.parametrize("disable", [(), ("hoist",), ("wavefront",), ("hoist", "wavefront")])
def test_good_plans_pass(disable: tuple[str, ...]) -> None:
    verify_plan(plan_of(disable), after="plan")


def test_an_unknown_phase_is_named_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"no phase `free`; there are: clamped"):
        plan_of().phase("free")
