"""The evidence of a training step: what phases, energies and losses have to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from pccompiler.components.vocabulary import Array, Params
from pccompiler.lowering.network import Equations, Hold, States, at_all_times
from pccompiler.lowering.plan import UpdatePlan
from pccompiler.lowering.randomness import named_key
from pccompiler.lowering.relaxation import Record, Settled, run_phase, settled_energies


@dataclass
class TrainingEvidence:
    """The evidence of one training step (see `components.vocabulary.Evidence`).

    Phases run when their states are first asked for, and once; what is learned on the way
    about energies, loss and predictions is kept for the metrics.
    """

    plan: UpdatePlan
    params: Params
    batch: Mapping[str, Array]
    key: Array
    observe: Record | None = None
    hold: Hold | None = None
    start: Mapping[str, Array] | None = None
    running: Mapping[str, Any] | None = None
    """Statistics that normalising operators use; without them they use those of the batch."""

    def __post_init__(self) -> None:
        self.batch = at_all_times(self.plan.graph, self.batch)
        self._settled: dict[str, Settled] = {}
        self._energies: dict[str, dict[str, Array]] = {}
        self.loss: Array | None = None
        self.predictions: States | None = None

    def equations(self, params: Params) -> Equations:
        """The network with these parameters."""
        return Equations(self.plan.copies, params, self.running)

    def settled(self, name: str) -> Settled:
        """The end of a phase, run once."""
        if name not in self._settled:
            phase = self.plan.phase(name)
            earlier = phase.phase.start
            with jax.named_scope(name):
                self._settled[name] = run_phase(
                    self.plan,
                    phase,
                    self.equations(self.params),
                    self.batch,
                    self.settled(earlier) if earlier else None,
                    observe=self.observe,
                    key=named_key(self.key, name),
                    hold=self.hold,
                    states=self.start,
                )
        return self._settled[name]

    def states(self, phase: str) -> States:
        return self.settled(phase).states

    def outputs(self) -> States:
        """The predicted state of each output node; logits under cross-entropy."""
        states = self.states(self.plan.prediction.phase.name)
        return {name: states[name] for name in self.plan.outputs}

    def read(self) -> States:
        """What prediction reads: states (batch, *shape) at the last time, or (batch, time,
        *shape) where targets hold at every one."""
        states, time = self.states(self.plan.prediction.phase.name), self.plan.graph.time
        last = time is not None and not time.every
        return {name: states[name][:, -1] if last else states[name] for name in self.plan.read}

    def energy_gradient(self, phase: str) -> Params:
        plan, settled = self.plan.phase(phase), self.settled(phase)

        def mean_energy(params: Params) -> tuple[Array, dict[str, Array]]:
            per_node = settled_energies(plan, self.equations(params), settled)
            zero = jnp.zeros((), jax.tree.leaves(settled.states)[0].dtype)
            return sum((energy.mean() for energy in per_node.values()), start=zero), per_node

        gradient, self._energies[phase] = jax.grad(mean_energy, has_aux=True)(self.params)
        return gradient

    def energies(self, phase: str) -> dict[str, Array]:
        """Energy per node and sample at the end of a phase."""
        if phase not in self._energies:
            self._energies[phase] = settled_energies(
                self.plan.phase(phase), self.equations(self.params), self.settled(phase)
            )
        return self._energies[phase]

    def loss_gradient(self) -> Params:
        def mean_loss(params: Params) -> tuple[Array, States]:
            outputs = replace(self, params=params).outputs()
            return sample_loss(self.plan, self.batch, outputs).mean(), outputs

        (self.loss, self.predictions), gradient = jax.value_and_grad(mean_loss, has_aux=True)(
            self.params
        )
        return gradient


def sample_loss(plan: UpdatePlan, batch: Mapping[str, Array], outputs: States) -> Array:
    """Loss per sample, shape (batch,), summed over the outputs and the times of targets."""
    equations = Equations(plan.copies, {})
    losses = [equations.loss(name, batch[name], outputs[name]) for name in plan.outputs]
    if not losses:
        size, dtype = next(iter(batch.values())).shape[0], next(iter(batch.values())).dtype
        return jnp.zeros((size,), dtype)
    return sum(losses[1:], start=losses[0])


def sample_accuracy(plan: UpdatePlan, batch: Mapping[str, Array], outputs: States) -> Array:
    """Part of the outputs, positions and times of targets whose largest entry is the target's,
    per sample."""
    time = plan.graph.time
    first = time.steps - 1 if time and not time.every else 0
    hits = [
        (outputs[name].argmax(-1) == batch[name].argmax(-1)).astype(outputs[name].dtype)
        for name in plan.outputs
    ]
    means = [
        (hit if time is None else hit[:, first:]).reshape(hit.shape[0], -1).mean(1) for hit in hits
    ]
    return sum(means[1:], start=means[0]) / len(means)
