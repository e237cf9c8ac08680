"""Training steps in which parameters learn at every inference step.

At step t the gradient of the states and that of the parameters are taken from the same states
and parameters, and then both are stepped. The states of the phase begin where it starts with
the parameters of the batch before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from pccompiler.components.vocabulary import Array, Params
from pccompiler.lowering.evidence import TrainingEvidence
from pccompiler.lowering.learning import OwnGradient, TrainState, own_arrays, trained_part
from pccompiler.lowering.relaxation import Relaxation, recorded_scan
from pccompiler.lowering.running import PhaseEnd, start_phase
from pccompiler.lowering.states import States

Update = Callable[[TrainState, Params, OwnGradient], TrainState]
"""(state, gradient, that of the rule's own arrays) -> the state one update further."""


def learn_while_relaxing(
    evidence: TrainingEvidence, state: TrainState, update: Update
) -> tuple[TrainState, TrainingEvidence, Params]:
    """Runs the learning phase of a plan: (the state after its updates; the evidence of its end,
    with the predictions that the step started from; the gradient of its last step)."""
    plan = evidence.plan
    phase = plan.learning_phase
    assert phase is not None
    name = phase.name
    start = start_phase(
        plan,
        phase,
        evidence.equations(evidence.params),
        evidence.batch,
        key=evidence.random_key(name),
        states=evidence.start,
    )
    [stretch] = phase.stretches

    def relaxation(params: Params) -> Relaxation:
        return Relaxation(
            plan,
            phase,
            evidence.equations(params),
            evidence.batch,
            start.states,
            {},
            evidence.observe,
            start.hold,
            evidence.beta(name),
        )

    def evidence_at(state: TrainState, free: States, t: Array) -> TrainingEvidence:
        own = own_arrays(state.aux)
        here = replace(evidence, params=state.params, own=own, observe=None)
        # what is masked at the step of the states is masked for the parameters
        at = replace(phase.end, first=t, arrivals=stretch.arrivals)
        here.use(name, phase.replace(end=at), _end({**start.states, **free}, t))
        return here

    def body(carry: Any, t: Array) -> Any:
        state, free, memory, _ = carry
        here = evidence_at(state, free, t)
        gradient = trained_part(plan, plan.estimator.gradient(here))
        own = plan.estimator.own_gradient(here)
        moved, memory, row, _ = relaxation(state.params).step(stretch, t, free, memory)
        return (update(state, gradient, own), moved, memory, gradient), row

    first = relaxation(evidence.params)
    memory = first.memory(first.free)
    zero = jax.tree.map(jnp.zeros_like, evidence.params)
    begin = (state, first.free, memory, zero)
    (state, free, _, last), rows = recorded_scan(body, begin, 1, phase.steps)
    end = replace(evidence, params=state.params, own=own_arrays(state.aux))
    taken = _end({**start.states, **free}, jnp.int32(phase.steps))
    found = replace(taken, predictions=start.predictions, observed=rows)
    end.use(name, phase, found)
    return state, end, last


def _end(states: States, taken: Array) -> PhaseEnd:
    size = next(iter(states.values())).shape[0]
    return PhaseEnd(states, {}, None, None, jnp.broadcast_to(taken, (size,)).astype(jnp.int32))
