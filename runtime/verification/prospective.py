"""Prospective configuration: whether learning moves activity to where inference had put it.

Predictive coding infers first: with the target t clamped, the states go from the free prediction
x to the equilibrium x* = argmin_x F(x). Only then does it change the weights, so that the free
prediction x' after the update comes closer to x*. Two cosines tell how well it does, y being
the outputs among the free states:

    target alignment     cos(y' - y, t - y)            1: straight at the target
    prospective index    cos(x'_n - x_n, x*_n - x_n)   1: node n went where inference had put it

both after one plain gradient step of the parameters, params - rate * gradient, on one sample.
Backpropagation is measured with the same formulas, x* being that of predictive coding.

Source: Song, Millidge, Salvatori, Lukasiewicz, Xu & Bogacz 2024, Inferring neural activity
before plasticity as a foundation for learning beyond backpropagation, Nature Neuroscience 27.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pccompiler.components.rules import BASELINE, DEFAULT
from pccompiler.components.vocabulary import Array, Params, Role
from pccompiler.diagnostics.diagnostic import SpecError
from pccompiler.driver import check, compile
from pccompiler.ir.graph import Graph
from pccompiler.lowering.model import CompiledModel
from pccompiler.lowering.states import States
from pccompiler.spec.load import SpecLike
from runtime.data.binding import nodes_with_data
from runtime.verification.prospective_theory import (
    linear_chain,
    mean_chain_alignment,
    moves_straight,
)
from runtime.verification.random_batch import random_batch
from runtime.verification.rows import Row

CODING, PLAIN = DEFAULT.name, BASELINE.name
RULES = (CODING, PLAIN)

AT_REST = 1e-6
"""The largest |dF/dx| that counts as an equilibrium."""

EXACT = 1e-6
"""Tolerance of a cosine against theory, given the residual."""


@dataclass(frozen=True)
class Pair:
    """The same network under predictive coding with a clamped output, and backpropagation."""

    coding: CompiledModel
    plain: CompiledModel

    @classmethod
    def of(cls, spec: SpecLike, overrides: Sequence[str] = ()) -> Pair:
        """Compiles a spec twice. Raises SpecError as `pccompiler.compile` does, also where
        there is no output, and so no loss to backpropagate."""
        return cls(*(compile(spec, [*overrides, f"learning.rule={rule}"]) for rule in RULES))

    def under(self, rule: str) -> CompiledModel:
        """The network under one of the two rules, by its name."""
        return {CODING: self.coding, PLAIN: self.plain}[rule]

    @property
    def graph(self) -> Graph:
        """The network that both have in common."""
        return self.coding.graph

    @property
    def hidden(self) -> tuple[str, ...]:
        """The nodes that inference moves while the target is clamped, outputs left out."""
        model = self.coding
        free = model.plan.phase(model.plan.reported).free
        return tuple(name for name in free if self.graph.node[name].role is Role.HIDDEN)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["alignment", "index", "residual"],
    meta_fields=[],
)
@dataclass(frozen=True)
class Outcome:
    """The effect of one update: the target alignment by rule, the prospective index by rule and
    hidden node, and the largest |dF/dx| that was left where predictive coding learned."""

    alignment: dict[str, Array]
    index: dict[str, dict[str, Array]]
    residual: Array


def measure(
    pair: Pair,
    params: Params,
    batch: Mapping[str, Array],
    rate: float,
    *,
    start: States | None = None,
    aux: Any = None,
) -> Outcome:
    """One update of each rule from the same parameters on the same batch.

    `start` says where the relaxation starts instead of the spec's own start, such as at a
    solution that is known. A pure function: vmap it over samples or seeds. On batches of
    several samples the cosines are of all of them together.
    """
    coding = pair.coding
    equilibrium = coding.infer(params, batch, states=start, aux=aux)
    before = free_states(pair, params, batch, aux)
    alignment: dict[str, Array] = {}
    index: dict[str, dict[str, Array]] = {}
    for rule in RULES:
        where = start if rule == CODING else None
        learned = gradient_step(pair.under(rule), params, batch, rate, states=where, aux=aux)
        after = free_states(pair, learned, batch, aux)
        alignment[rule] = target_alignment(pair, before, after, batch)
        index[rule] = prospective_index(pair, before, after, equilibrium)
    return Outcome(alignment, index, residual(coding, params, equilibrium, batch, aux))


def free_states(
    pair: Pair, params: Params, batch: Mapping[str, Array], aux: Any = None
) -> dict[str, Array]:
    """The states with only the inputs clamped: the phase that backpropagation predicts with."""
    return dict(pair.plain.infer(params, batch, aux=aux))


def gradient_step(
    model: CompiledModel, params: Params, batch: Mapping[str, Array], rate: float, **how: Any
) -> Params:
    """params - rate * the gradient of the model's rule; frozen edges stay, scaled ones are
    scaled. `how`: keywords of `model.gradients`."""
    gradient = model.gradients(params, batch, **how)
    rates = {name: rate * model.graph.edge[name].update_scale for name in params}
    return {
        name: jax.tree.map(lambda p, g, r=rates[name]: p - r * g, params[name], gradient[name])
        for name in params
    }


def consolidate(
    pair: Pair,
    params: Params,
    batch: Mapping[str, Array],
    states: Mapping[str, Array],
    rate: float,
    steps: int,
) -> Params:
    """The parameters after many gradient steps of predictive coding with the hidden states
    clamped: the weights take over the activity that inference has found."""
    held = {name: states[name] for name in pair.hidden}

    def step(_: Array, params: Params) -> Params:
        return gradient_step(pair.coding, params, batch, rate, clamp=held)

    return lax.fori_loop(0, steps, step, params)


def target_alignment(
    pair: Pair,
    before: Mapping[str, Array],
    after: Mapping[str, Array],
    batch: Mapping[str, Array],
) -> Array:
    """cos(y' - y, t - y) over all outputs, at the times of targets.

    y is what a target is compared with: the output itself, or the probabilities that it
    stands for as logits. NaN where the prediction does not move, or is right already.
    """
    moved, wanted = [], []
    for name in pair.plain.plan.outputs:
        energy = pair.graph.target_energy(pair.graph.node[name])
        old, new = (
            energy.expected(_at_targets(pair.graph, states[name])) for states in (before, after)
        )
        target = batch[name]
        if pair.graph.time is not None and target.ndim == before[name].ndim:
            target = _at_targets(pair.graph, target)
        elif pair.graph.time is not None:
            target = jnp.broadcast_to(target[:, None], old.shape)  # the same at all times
        moved.append((new - old).ravel())
        wanted.append((target - old).ravel())
    return _cosine(jnp.concatenate(moved), jnp.concatenate(wanted))


def prospective_index(
    pair: Pair,
    before: Mapping[str, Array],
    after: Mapping[str, Array],
    equilibrium: Mapping[str, Array],
) -> dict[str, Array]:
    """cos(x' - x, x* - x) of every hidden node. NaN where one of the two does not move."""
    return {
        name: _cosine(after[name] - before[name], equilibrium[name] - before[name])
        for name in pair.hidden
    }


def residual(
    model: CompiledModel,
    params: Params,
    states: Mapping[str, Array],
    batch: Mapping[str, Array],
    aux: Any = None,
) -> Array:
    """The largest |dF/dx| over the states that are free in the phase that the rule reports:
    zero at an equilibrium."""
    plan = model.plan.phase(model.plan.reported)

    def total(free: States) -> Array:
        return model.energy(params, {**states, **free}, batch, aux=aux)["total"].sum()

    slopes = jax.grad(total)({name: states[name] for name in plan.free})
    for name in set(plan.free) & set(plan.clamped):  # held at the times of targets
        there = np.array(model.plan.copies.targets)
        slopes[name] = slopes[name][:, ~there]
    largest = [jnp.abs(slope).max(initial=0.0) for slope in slopes.values()]
    return jnp.stack(largest).max() if largest else jnp.zeros(())


def prospective_rows(
    spec: SpecLike,
    overrides: Sequence[str] = (),
    *,
    batch: Mapping[str, Array] | None = None,
    samples: int = 4,
    rate: float = 1e-3,
    steps: int = 2000,
    seed: int = 0,
) -> list[Row]:
    """Both cosines on the user's own network at fresh parameters, in float64.

    Every sample of `batch` (default: `random_batch`) makes an update of its own, with plain
    gradient steps of `rate`; the numbers are means over samples. Inference goes on until the
    states are at rest, for `steps` at most, with the momentum that this takes.
    Raises SpecError for a spec that is wrong; one that backpropagation cannot learn gives a
    single row that says why.
    """
    rested = [*overrides, *_to_rest(spec, overrides, steps), f"learning.rule={CODING}"]
    # its relaxation, if any, is differentiated, which a stop would not allow
    plain = [*overrides, "inference.stop=null", f"learning.rule={PLAIN}"]
    try:
        resting = compile(spec, rested)
        pair = Pair(compile(spec, [*rested, "inference.steps=1"]), compile(spec, plain))
    except SpecError as error:
        reason = error.diagnostics[0].message
        return [Row("prospective configuration", "", "outputs with targets", reason, None)]
    with jax.enable_x64(True):
        key = jax.random.key(seed)
        state = resting.init_training(key, horizon=1, dtype=jnp.float64, batch_size=1)
        given = batch or random_batch(pair.graph, _with_data(pair), samples, seed)
        rows = {name: jnp.asarray(x, jnp.float64)[:, None] for name, x in given.items()}

        def one(sample: States) -> Outcome:
            states = resting.infer(state.params, sample, aux=state.aux)
            free = resting.plan.phase(resting.plan.reported).free
            start = {name: states[name] for name in free}
            return measure(pair, state.params, sample, rate, start=start, aux=state.aux)

        outcome = jax.device_get(jax.jit(jax.vmap(one))(rows))
    edges, theory = linear_chain(pair.graph), {}
    if edges and len(pair.hidden) == len(edges) - 1:  # all of them are free
        theory = mean_chain_alignment(edges, state.params, given, rate)
    return _as_rows(pair, outcome, theory, rate)


def _with_data(pair: Pair) -> list[str]:
    """The nodes that take data under one of the rules."""
    plans = (pair.under(rule).plan for rule in RULES)
    return list(dict.fromkeys(name for plan in plans for name in nodes_with_data(plan)))


def _to_rest(spec: SpecLike, overrides: Sequence[str], steps: int) -> list[str]:
    """Overrides for an inference that goes on to the equilibrium.

    Momentum of 0.9 keeps every rate stable that is stable without, and comes to rest sooner. Adam
    never comes to rest at a fixed rate.
    """
    own = check(spec, overrides).spec.inference.optimizer
    rate = 0.05 if own.rate is None or own.seeks_rest else own.rate
    return [
        f"inference.optimizer={{sgd: {{learning_rate: {rate}, momentum: 0.9}}}}",
        f"inference.steps={steps}",
        "inference.stop={residual: 1.0e-12, floor: 1.0e-9}",
    ]


def _as_rows(pair: Pair, outcome: Outcome, theory: Mapping[str, float], rate: float) -> list[Row]:
    """`theory`: the target alignment by rule, where there is a closed form of it."""
    left = float(np.max(outcome.residual))
    at_rest = left < AT_REST
    found = f"{left:.1e}" + ("" if at_rest else ": not reached, what follows is approximate")
    expected = f"largest |dF/dx| below {AT_REST:g}"
    rows = [Row("equilibrium with the target clamped", "", expected, found, at_rest or None)]
    update = f"after one update at rate {rate:g}"
    alignment = _means(outcome.alignment)
    expected, passed = "no number: the network is no linear chain", None
    if theory and at_rest:
        expected = f"{_both(theory)} (closed form)"
        passed = all(_is(alignment[rule], theory[rule]) for rule in RULES)
    rows.append(Row(f"target alignment {update}", "", expected, _both(alignment), passed))
    model = pair.coding
    held = model.plan.phase(model.plan.reported).clamped
    for node in pair.hidden:
        index = _means({rule: values[node] for rule, values in outcome.index.items()})
        expected, passed = "no number; 1 is straight to where inference was", None
        if at_rest and moves_straight(pair.graph, node, held):
            expected = f"{CODING} 1: it is affine in what is clamped"
            passed = _is(index[CODING], 1.0)
        rows.append(Row(f"prospective index {update}", node, expected, _both(index), passed))
    return rows


def _means(by_rule: Mapping[str, Array]) -> dict[str, float]:
    """The mean over samples under each rule."""
    return {rule: float(np.mean(values)) for rule, values in by_rule.items()}


def _is(cosine: float, theory: float) -> bool:
    """Whether a cosine is what theory says; one that is undefined, where nothing moves, is not
    against it."""
    return not abs(cosine - theory) >= EXACT


def _at_targets(graph: Graph, x: Array) -> Array:
    """States at the times of targets, (batch, times, *shape); without time as they are."""
    if graph.time is None or graph.time.every:
        return x
    return x[:, -1:]


def _cosine(a: Array, b: Array) -> Array:
    a, b = a.ravel(), b.ravel()
    return (a @ b) / (jnp.linalg.norm(a) * jnp.linalg.norm(b))


def _both(values: Mapping[str, float]) -> str:
    return ", ".join(f"{rule} {values[rule]:.4f}" for rule in RULES)
