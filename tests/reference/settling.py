"""Judges of predictive coding that settles by fixed points, by colours, and inside ranges.

A step goes over the colours in order, each with a fresh gradient. With p the node's precision,

    fixed_point   x <- (1 - d) clip(x - (dF/dx) / p) + d x

clip being into the node's range, where it has one; other optimisers clip what they arrive at.
A relaxation starts inside the ranges; where there are some, the feedforward pass is no equilibrium.

`output: clamp_nudge` holds the outputs at o - beta dC/do, o where the free phase left them: at
their predictions, if it was a feedforward pass. Their energy stays 1/2 ||x - mu||^2, and the
contrast of E is that of a nudge; as beta vanishes so does the contrast, settled or not.

The gradients are those of the judges that these extend. No error is masked before information
arrives, which under these optimisers is a matter of rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.reference.activations import Array
from tests.reference.energy_network import EnergyNetwork, Phase, States
from tests.reference.energy_network import Trace as EnergyTrace
from tests.reference.equilibrium_learning import Colours, Update
from tests.reference.inverse_activations import clip
from tests.reference.network import Tree
from tests.reference.unrolled_network import Held, Trace, UnrolledNetwork

Ranges = dict[str, tuple[float | None, float | None]]
NO_RANGE = (None, None)


def ranges_of(spec: Mapping[str, Any]) -> Ranges:
    nodes = spec["nodes"].items()
    return {name: tuple(node["range"]) for name, node in nodes if node.get("range")}


def moved(
    update: Update, p: float, ranges: Ranges, node: str, states: States, gradient: States, t: int
) -> Array:
    """The state of a node after step t, counted from 1."""
    x, g, own = states[node], gradient[node], ranges.get(node, NO_RANGE)
    if update.name != "fixed_point":
        return clip(x + update.change(node, g, t), own)
    damping = update.options.get("damping", 0.0)
    return (1 - damping) * clip(x - g / p, own) + damping * x


def inside(states: States, free: tuple[str, ...], ranges: Ranges) -> States:
    """Where a relaxation starts."""
    return states | {n: clip(states[n], ranges.get(n, NO_RANGE)) for n in free}


class SettlingNetwork(EnergyNetwork):
    """Predictive coding on directed acyclic graphs.

    `colours`: the order of an asynchronous step, by phase; without them all nodes move at once.
    """

    def __init__(
        self, spec: Mapping[str, Any], colours: Mapping[str, Colours] | None = None
    ) -> None:
        self.colours, self.ranges = colours or {}, ranges_of(spec)
        super().__init__(spec)

    def feedforward_is_equilibrium(self) -> bool:
        return super().feedforward_is_equilibrium() and not self.ranges

    def _phases(self) -> list[Phase]:
        if not self._holds_nudged():
            return super()._phases()
        free = Phase("free", self.inputs, relaxes=not self.feedforward_is_equilibrium())
        held = self.inputs + self.outputs
        nudges = self.nudges().items()
        return [free, *(Phase(n, held, beta=beta, start="free") for n, beta in nudges)]

    def _holds_nudged(self) -> bool:
        return self.rule[1].get("output") == "clamp_nudge"

    def has_loss_as_energy(self, node: str, phase: Phase) -> bool:
        return super().has_loss_as_energy(node, phase) and not self._holds_nudged()

    def trace(self, params: Tree, batch: Mapping[str, Array], phase_name: str) -> EnergyTrace:
        phase = self.phases[phase_name]
        if phase.start is not None:
            start = dict(self.trace(params, batch, phase.start).states[-1])
        else:
            start = self.start(params, batch, phase)
        if self._holds_nudged() and phase.start is not None:
            for name in self.outputs:
                x = start[name]
                start[name] = x - phase.beta * self.loss_slope(batch[name], x)
        return self.settle(params, batch, phase, start)

    def start(self, params: Tree, batch: Mapping[str, Array], phase: Phase) -> States:
        held = {name: np.asarray(batch[name], dtype=np.float64) for name in phase.clamped}
        size = len(next(iter(held.values())))
        if self.init == "feedforward" or not phase.relaxes:
            return self.feedforward(params, held, size)
        return {n: held.get(n, np.zeros((size, *v.shape))) for n, v in self.nodes.items()}

    def settle(
        self, params: Tree, batch: Mapping[str, Array], phase: Phase, states: States
    ) -> EnergyTrace:
        trace, update = EnergyTrace(), Update(*self.optimizer)
        free = tuple(name for name in self.nodes if name not in phase.clamped)
        steps = self.steps_of(phase)
        if phase.relaxes:
            states = inside(states, free, self.ranges)
        for t in range(steps + 1):
            trace.states.append(states)
            trace.energies.append(self.node_energies(params, states, phase))
            if t == steps:
                break
            for colour in self.colours.get(phase.name) or (free,):
                gradient = self.state_gradient(params, states, batch, phase)
                states = states | {
                    n: moved(
                        update, self.nodes[n].precision, self.ranges, n, states, gradient, t + 1
                    )
                    for n in colour
                }
        return trace

    def _phase_gradient(self, params: Tree, batch: Mapping[str, Array], name: str) -> Tree:
        end = self.trace(params, batch, name).states[-1]
        return self.energy_gradient(params, end, self.phases[name])

    def _free_relaxation(self, params: Tree, held: Mapping[str, Array]) -> States:
        phase = Phase("prediction", self.inputs)
        return self.settle(params, held, phase, self.start(params, held, phase)).states[-1]


class SettlingUnrolled(UnrolledNetwork):
    """Predictions from two sides, with clamped outputs, without time.

    `colours`: the order of an asynchronous step, by phase: `clamped` and `prediction`.
    """

    def __init__(
        self, spec: Mapping[str, Any], colours: Mapping[str, Colours] | None = None
    ) -> None:
        super().__init__(spec)
        self.colours, self.ranges = colours or {}, ranges_of(spec)

    def descend(self, params: Tree, states: States, held: Held, steps: int) -> Trace:
        trace, update = Trace(), Update(*self.optimizer)
        free = tuple(name for name, copies in held.items() if not all(copies))
        outputs_free = any(node.name in free for node in self.with_role("output"))
        phase = "prediction" if outputs_free else "clamped"
        states = inside(states, free, self.ranges)
        for k in range(steps + 1):
            trace.states.append(states)
            trace.energies.append(self.energies(params, states, held))
            if k == steps:
                break
            for colour in self.colours.get(phase) or (free,):
                gradient, _ = self.derivatives(params, states, held)
                states = states | {
                    n: moved(
                        update, self.nodes[n].precision, self.ranges, n, states, gradient, k + 1
                    )
                    for n in colour
                }
        return trace
