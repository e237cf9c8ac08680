"""The subject of a verification: a network in float64 with fresh parameters and a batch, and its
gradients.

Two versions of the network are measured: as the spec has it, and one whose inference goes on
until the states are at rest. The gradient that a rule is held against is that of the loss of
the prediction: by backpropagation where a feedforward pass predicts, else by the implicit
function theorem at the state of rest x* = T(x*, params), with T any step of the relaxation,

    dL/dparams = dL/dparams|x* + (dT/dparams)^T lambda,     (I - dT/dx)^T lambda = dL/dx
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.sparse.linalg import gmres

from pccompiler.components.phases import PhaseKind
from pccompiler.components.rules import BASELINE, Rule
from pccompiler.components.vocabulary import Array, Params
from pccompiler.driver import compile
from pccompiler.lowering.equations import Equations
from pccompiler.lowering.equilibrium import rest_map
from pccompiler.lowering.evidence import TrainingEvidence
from pccompiler.lowering.learning import own_arrays
from pccompiler.lowering.model import CompiledModel
from pccompiler.lowering.scores import sample_loss
from pccompiler.lowering.states import States
from pccompiler.spec.load import SpecLike
from runtime.data.binding import nodes_with_data
from runtime.verification import MOST_STEPS
from runtime.verification.random_batch import random_batch

FLOOR = 1e-12
"""The norm of the way to rest, per sample, at which a relaxation stops."""

AT_REST = 1e-9
"""The largest way to rest that counts as an equilibrium."""


@dataclass(frozen=True)
class Rest:
    """A version of a network whose inference goes on until the states are at rest, how far
    from rest each relaxing phase ends, and whether that took the calmer optimiser of states."""

    model: CompiledModel
    ways: dict[str, float]
    calmed: bool

    @property
    def reached(self) -> bool:
        """Whether every relaxing phase ends at rest."""
        return all(way < AT_REST for way in self.ways.values())


@dataclass(frozen=True)
class Subject:
    """A spec to verify, with the parameters and the batch on which everything is measured.

    Everything runs in float64: enter `jax.enable_x64(True)` around every use.
    """

    spec: SpecLike
    overrides: tuple[str, ...]
    model: CompiledModel
    params: Params
    aux: Any
    batch: States
    seed: int = 0
    most_steps: int = MOST_STEPS

    @classmethod
    def of(
        cls,
        spec: SpecLike,
        overrides: Sequence[str] = (),
        *,
        samples: int = 4,
        seed: int | None = None,
        most_steps: int = MOST_STEPS,
    ) -> Subject:
        """Fresh parameters and made-up data. Raises SpecError as `pccompiler.compile` does."""
        model = compile(spec, overrides)
        rule = model.spec.learning.rule
        if getattr(rule, "variant", None) == "random_sign":  # one of its signs, not by chance
            overrides = [*overrides, under(rule.model_copy(update={"variant": "positive"}))]
            model = compile(spec, overrides)
        seed = model.spec.training.seed if seed is None else seed
        nodes = dict.fromkeys([*nodes_with_data(model.plan), *model.plan.outputs])
        batch = random_batch(model.graph, nodes, samples, seed)
        state = model.init_training(
            jax.random.key(seed), horizon=1, dtype=jnp.float64, batch_size=samples
        )
        given = {name: jnp.asarray(x, jnp.float64) for name, x in batch.items()}
        return cls(spec, tuple(overrides), model, state.params, state.aux, given, seed, most_steps)

    # -- versions of the network ---------------------------------------------------------

    def version(self, *overrides: str) -> CompiledModel:
        """The same network with other sections than `nodes` and `edges`."""
        return compile(self.spec, [*self.overrides, *overrides])

    def resting_version(self, *overrides: str) -> CompiledModel:
        """A version whose inference goes on until the states are at rest, if they get there:
        by the spec's own optimiser of states, or by the calmer one where only that rests."""
        return self._resting_by(self.calmer if self.rest.calmed else None, *overrides)

    def _resting_by(self, optimizer: str | None, *overrides: str) -> CompiledModel:
        rule = self.model.spec.learning.rule.at_rest()
        return self.version(
            *([f"inference.optimizer={optimizer}"] if optimizer else []),
            under(rule),
            f"inference.steps={self.most_steps}",
            f"prediction.steps={self.most_steps}",
            f"inference.stop={{residual: 1.0e-300, floor: {FLOOR}}}",
            *overrides,
        )

    @property
    def calmer(self) -> str:
        """Heavy-ball descent: stable at curvatures 15 times those that the spec's own rate
        allows, and faster than it where F is flat. It comes to rest within some thousand steps
        wherever rate times curvature is above (1 - sqrt(momentum))^2 = 1e-4."""
        own = self.model.plan.state_optimizer
        rate = 0.05 if own.rate is None or own.seeks_rest else own.rate / 8
        return f"{{sgd: {{learning_rate: {rate:g}, momentum: 0.98}}}}"

    @cached_property
    def rest(self) -> Rest:
        """The version whose states come to rest. Optimisers that never do (Adam) are not tried."""
        if not self.model.plan.state_optimizer.comes_to_rest:
            return self._rest_by(self.calmer)
        own = self._rest_by(None)
        if own.reached:
            return own
        calm = self._rest_by(self.calmer)
        return calm if calm.reached else own

    def _rest_by(self, optimizer: str | None) -> Rest:
        model = self._resting_by(optimizer)
        ways = {phase: self.way_to_rest(model, phase) for phase in self.relaxing}
        return Rest(model, ways, calmed=optimizer is not None)

    @cached_property
    def relaxing(self) -> tuple[str, ...]:
        """The phases, that of the prediction included, whose states go to a state of rest."""
        plan = self.model.plan
        return tuple(
            phase.name
            for phase in (*plan.phases, plan.prediction)
            if phase.kind is PhaseKind.RELAX and phase.descent.as_configured
        )

    def way_to_rest(self, model: CompiledModel, phase: str) -> float:
        """The distance of the states after the model's steps from where each would rest if all
        others stayed; infinite where they are not finite."""
        states = model.infer(self.params, self.batch, phase=phase, aux=self.aux)
        free = {name: states[name] for name in model.plan.phase(phase).free}
        there = rest_map(model.plan, phase, states, self.batch)(self.params, free)
        distance = largest({name: there[name] - x for name, x in free.items()})
        return distance if isfinite(distance) else inf

    @property
    def resting(self) -> CompiledModel:
        """The network under its own rule, with states at rest."""
        return self.rest.model

    @property
    def predicts_forward(self) -> bool:
        """Whether a feedforward pass predicts."""
        return self.model.plan.prediction.kind is PhaseKind.FORWARD

    # -- gradients ------------------------------------------------------------------------

    def gradient(
        self, model: CompiledModel, factor: float = 1.0, key: Array | None = None
    ) -> Params:
        """The gradient that the model's rule hands to the optimiser, with every beta times
        `factor`; `key` is that of the training step, for a rule that draws."""
        key = jax.random.key(0) if key is None else key
        return self._gradient_of(model)(self.params, jnp.asarray(factor, jnp.float64), key)

    def _gradient_of(self, model: CompiledModel) -> Any:
        known = self._gradients
        if id(model) not in known:

            def gradient(params: Params, factor: Array, key: Array) -> Params:
                evidence = TrainingEvidence(
                    model.plan,
                    params,
                    self.batch,
                    key,
                    nudge=factor,
                    own=own_arrays(self.aux),
                )
                return model.plan.estimator.gradient(evidence)

            known[id(model)] = (jax.jit(gradient), model)
        return known[id(model)][0]

    @cached_property
    def _gradients(self) -> dict[int, tuple[Any, CompiledModel]]:
        """Compiled gradients by the identity of the model, which is kept so that it stays one."""
        return {}

    @cached_property
    def at_rest(self) -> tuple[States, CompiledModel]:
        """The states of the prediction at rest, and the version that they are from."""
        model = self.resting
        return model.infer(self.params, self.batch, phase="prediction"), model

    @cached_property
    def reference(self) -> Params:
        """The gradient of the loss of the prediction."""
        if self.predicts_forward:
            plain = self.version("inference.stop=null", under(BASELINE()))
            return plain.gradients(self.params, self.batch)
        return implicit_gradient(*self.at_rest, self.params, self.batch)

    def loss(self, params: Params) -> Array:
        """The mean loss of the prediction, with its states at rest."""
        model = self.at_rest[1]
        states = model.infer(params, self.batch, phase="prediction")
        return mean_loss(model, params, states, self.batch)


def under(rule: Rule) -> str:
    """The override that chooses this rule."""
    return f"learning.rule={json.dumps(rule.written())}"


def mean_loss(model: CompiledModel, params: Params, states: States, batch: States) -> Array:
    """The mean over samples of the loss of the outputs at given states."""
    plan = model.plan
    known = Equations(plan.copies, params).with_pass_through(states, {})
    outputs = {name: known[name] for name in plan.outputs}
    return sample_loss(plan, batch, outputs).mean()


def implicit_gradient(
    states: States, model: CompiledModel, params: Params, batch: States
) -> Params:
    """dL/dparams by the implicit function theorem at states of the prediction at rest."""
    plan = model.plan
    step = rest_map(plan, "prediction", states, batch)
    free = {name: states[name] for name in plan.prediction.free}

    def loss(params: Params, free: States) -> Array:
        return mean_loss(model, params, {**states, **free}, batch)

    @jax.jit
    def solved(params: Params, free: States) -> Params:
        direct, pull = jax.grad(loss, argnums=(0, 1))(params, free)
        _, back = jax.vjp(step, params, free)

        def minus_step(adjoint: States) -> States:
            return jax.tree.map(lambda a, b: a - b, adjoint, back(adjoint)[1])

        adjoint, _ = gmres(minus_step, pull, tol=1e-14, atol=0.0, restart=60, maxiter=200)
        return jax.tree.map(lambda a, b: a + b, direct, back(adjoint)[0])

    return solved(params, free)


# -- comparing gradients ------------------------------------------------------------------


def flat(tree: Any) -> np.ndarray:
    """All numbers of a tree as one vector."""
    leaves = [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(tree)]
    return np.concatenate(leaves) if leaves else np.zeros(0)


def cosine(a: Any, b: Any) -> float:
    """The cosine of two trees as vectors; nan where one is zero."""
    x, y = flat(a), flat(b)
    length = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / length) if length else float("nan")


def relative_error(a: Any, b: Any) -> float:
    """||a - b|| / ||b||; the norm of a itself where b is zero."""
    x, y = flat(a), flat(b)
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(y)
        return float(np.linalg.norm(x - y) / (length or 1.0))


def largest(arrays: Mapping[str, Array]) -> float:
    """The largest absolute entry."""
    return max((float(jnp.abs(x).max(initial=0.0)) for x in arrays.values()), default=0.0)
