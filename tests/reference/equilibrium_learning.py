"""A NumPy judge of relaxation in Hopfield networks, and of the rules that compare its phases.

A step goes over the colours in order (one colour of all free nodes, where updates are
synchronous), each with fresh fields f = -d(F - sum G)/dx:

    fixed_point   x <- (1 - d) clip(act(f)) + d x              (rho: f in the place of act(f))
    sgd, adam     clip(x - ...) along g = c x - f where G = c/2 x^2, else along g = x - act(f)

clip being into the node's range and, in the form state, into that of its activation; under rho,
into the states between which a clipping activation is not flat. A relaxation starts inside.

    equilibrium propagation   [dF(x_2) - dF(x_1)] / (beta_2 - beta_1)
      with untied edges       -<(x_2 - x_1) / (beta_2 - beta_1), df(x_free)>
    contrastive Hebbian       dE(outputs clamped to targets) - dE(free)
    coupled learning          [dE(outputs clamped to x_free - beta dC/dx) - dE(free)] / beta

where d is by the parameters, at fixed states, the mean over the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.reference.activations import Array
from tests.reference.hopfield_network import NO_NUDGE, HopfieldNetwork, Nudge, States
from tests.reference.inverse_activations import (
    INCREASING,
    QUADRATIC,
    RANGES,
    SLOPES,
    VALUES,
    clip,
)
from tests.reference.network import Tree, option, tree_map

Colours = tuple[tuple[str, ...], ...]
Batch = Mapping[str, Array]


@dataclass(frozen=True)
class Phase:
    """`held`: where the outputs are clamped, `targets` or `nudged` off their free states."""

    name: str
    beta: float = 0.0
    start: str | None = None
    held: str | None = None


@dataclass
class Trace:
    """Row 0 is the start, row t what stands after inference step t."""

    states: list[States] = field(default_factory=list)
    energies: list[States] = field(default_factory=list)

    @property
    def end(self) -> States:
        return self.states[-1]


class Update:
    """What one optimiser makes of gradients, with a memory for each node."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name, self.options = name, options
        self.memory: dict[str, Any] = {}

    def change(self, node: str, g: Array, t: int) -> Array:
        """The change of a state at step t, counted from 1."""
        if self.name == "sgd":
            before = self.memory.get(node, 0.0)
            velocity = self.options.get("momentum", 0.0) * before + g
            self.memory[node] = velocity
            return -self.options.get("learning_rate", 0.1) * velocity
        b1, b2 = self.options.get("b1", 0.9), self.options.get("b2", 0.999)
        first, second = self.memory.get(node, (0.0, 0.0))
        first, second = b1 * first + (1 - b1) * g, b2 * second + (1 - b2) * g**2
        self.memory[node] = first, second
        root = np.sqrt(second / (1 - b2**t)) + self.options.get("eps", 1e-8)
        return -self.options.get("learning_rate", 0.05) * first / (1 - b1**t) / root


class EquilibriumLearner(HopfieldNetwork):
    """A spec of a Hopfield network with its inference and its rule.

    `colours`: the order of an asynchronous step, by phase; without them all nodes move at once.
    """

    def __init__(
        self, spec: Mapping[str, Any], colours: Mapping[str, Colours] | None = None
    ) -> None:
        super().__init__(spec)
        self.colours = colours or {}
        inference = spec.get("inference", {})
        self.init = option(inference.get("init", "feedforward"))[0]
        self.steps = inference.get("steps", 20)
        self.optimizer = option(inference.get("optimizer", "sgd"))
        self.prediction_steps = spec.get("prediction", {}).get("steps")
        self.rule, self.options = option(spec["learning"]["rule"])
        self.beta = self.options.get("beta", 0.1)
        self.phases = {phase.name: phase for phase in self._phases()}

    # Phases ---------------------------------------------------------------------------------

    def _phases(self) -> list[Phase]:
        free = Phase("free")
        if self.rule == "contrastive_hebbian":
            return [free, Phase("clamped", start="free", held="targets")]
        if self.rule == "coupled_learning":
            return [free, Phase("clamped", start="free", held="nudged")]
        start = "free" if self.options.get("start", "free") == "free" else None
        both = {"nudged": self.beta, "nudged_negative": -self.beta}
        return [free, *(Phase(name, both[name], start) for name in self._nudges())]

    def _nudges(self) -> tuple[str, ...]:
        variant = self.options.get("variant", "centred")
        return {
            "positive": ("nudged",),
            "negative": ("nudged_negative",),
            "centred": ("nudged", "nudged_negative"),
        }[variant]

    def steps_of(self, phase: str) -> int:
        if phase == "prediction":
            if self.prediction_steps is not None:
                return self.prediction_steps
            phase = "free"
        return self.steps if isinstance(self.steps, int) else self.steps[phase]

    def clamped_in(self, phase: Phase) -> tuple[str, ...]:
        return self.inputs + (self.outputs if phase.held else ())

    def nudge_of(self, phase: Phase, batch: Batch) -> Nudge:
        if not phase.beta:
            return NO_NUDGE
        return Nudge(phase.beta, {name: batch[name] for name in self.outputs})

    # Relaxation -----------------------------------------------------------------------------

    def trace(self, params: Tree, batch: Batch, name: str) -> Trace:
        """A phase step by step, after the phases that it starts from."""
        phase = self.phases[name]
        start = dict(self.trace(params, batch, phase.start).end) if phase.start else None
        if start is None:
            start = self.start(params, {n: batch[n] for n in self.inputs})
        if phase.held == "targets":
            start |= {name: np.asarray(batch[name]) for name in self.outputs}
        if phase.held == "nudged":
            for output in self.outputs:
                x = start[output]
                start[output] = x - self.beta * self.loss_slope(x, batch[output])
        nudge = self.nudge_of(phase, batch)
        return self.relax(params, start, self.clamped_in(phase), nudge, name)

    def start(self, params: Tree, held: Batch) -> States:
        """Inputs at data, the others at zero, or at act(a) in forward order (rho: at a)."""
        size = len(next(iter(held.values())))
        states = {n: np.zeros((size, *self.nodes[n].shape)) for n in self.variables}
        states |= {name: np.asarray(x, dtype=np.float64) for name, x in held.items()}
        if self.init == "feedforward":
            for name in self.forward_order():
                if name in states and name not in held and self.into(name):
                    a = self.total(params, states, name)
                    states[name] = a if self.rho else VALUES[self.nodes[name].activation](a)
        return states

    def relax(
        self, params: Tree, start: States, clamped: tuple[str, ...], nudge: Nudge, phase: str
    ) -> Trace:
        free = tuple(name for name in self.variables if name not in clamped)
        states = {**start, **{name: self.within(name, start[name]) for name in free}}
        trace, update = Trace(), Update(*self.optimizer)
        steps = self.steps_of(phase)
        for t in range(steps + 1):
            trace.states.append(states)
            trace.energies.append(self.energies(params, states, clamped))
            if t == steps:
                break
            for colour in self.colours.get(phase) or (free,):
                fields = self.fields(params, states, nudge)
                moved = {n: self._moved(n, states[n], fields[n], update, t + 1) for n in colour}
                states = {**states, **moved}
        return trace

    def _moved(self, node: str, x: Array, f: Array, update: Update, t: int) -> Array:
        activation = self.nodes[node].activation
        if update.name == "fixed_point":
            damping = update.options.get("damping", 0.0)
            return (1 - damping) * self.within(node, self.aim(node, f)) + damping * x
        if not self.rho and activation in QUADRATIC:
            g = QUADRATIC[activation] * x - f
        else:
            g = x - self.aim(node, f)
        return self.within(node, x + update.change(node, g, t))

    def within(self, node: str, x: Array) -> Array:
        """The nearest state in the range of the node and between the bounds of its activation."""
        activation = self.nodes[node].activation
        low, high = RANGES.get(activation, (None, None))
        if self.rho:
            low, high = INCREASING.get(activation, (None, None))
        return clip(x, (low, high), self.nodes[node].range)

    def aim(self, node: str, f: Array) -> Array:
        """The state that minimises G(x) - f x."""
        return f if self.rho else VALUES[self.nodes[node].activation](f)

    def aim_slope(self, node: str, f: Array) -> Array:
        return np.ones_like(f) if self.rho else SLOPES[self.nodes[node].activation](f)

    # Learning and prediction ----------------------------------------------------------------

    def gradients(self, params: Tree, batch: Batch) -> Tree:
        """What the rule hands to the optimiser."""
        if self.rule == "contrastive_hebbian":
            return self._contrast(params, batch, ("clamped", 1.0), ("free", 0.0))
        if self.rule == "coupled_learning":
            return self._contrast(params, batch, ("clamped", self.beta), ("free", 0.0))
        points = [(name, self.phases[name].beta) for name in self._nudges()]
        if len(points) == 1:
            points.append(("free", 0.0))
        high, low = sorted(points, key=lambda point: point[1], reverse=True)
        if not self.untied:
            return self._contrast(params, batch, high, low)
        ends = [self.trace(params, batch, name).end for name, _ in (high, low)]
        along = {n: (ends[0][n] - ends[1][n]) / (high[1] - low[1]) for n in self.variables}
        free = self.trace(params, batch, "free").end
        return tree_map(np.negative, self.field_gradient(params, free, along))

    def _contrast(
        self, params: Tree, batch: Batch, high: tuple[str, float], low: tuple[str, float]
    ) -> Tree:
        ends = [self._phase_gradient(params, batch, name) for name, _ in (high, low)]
        return tree_map(lambda a, b: (a - b) / (high[1] - low[1]), *ends)

    def _phase_gradient(self, params: Tree, batch: Batch, name: str) -> Tree:
        nudge = self.nudge_of(self.phases[name], batch)
        return self.derivatives(params, self.trace(params, batch, name).end, nudge)[1]

    def predict(self, params: Tree, batch: Batch) -> States:
        """What the outputs say after a free relaxation."""
        start = self.start(params, {name: batch[name] for name in self.inputs})
        end = self.relax(params, start, self.inputs, NO_NUDGE, "prediction").end
        return {name: self.seen(params, end, name) for name in self.outputs}

    # The equilibrium ------------------------------------------------------------------------

    def equilibrium(self, params: Tree, batch: Batch, nudge: Nudge = NO_NUDGE) -> States:
        """What damped fixed-point steps approach: until nothing moves, or they run away."""
        states = self.start(params, {name: batch[name] for name in self.inputs})
        update = Update("fixed_point", {"damping": 0.3})
        free = [name for name in self.variables if name not in self.inputs]
        for _ in range(5000):
            fields = self.fields(params, states, nudge)
            moved = {n: self._moved(n, states[n], fields[n], update, 1) for n in free}
            change = max(np.abs(moved[n] - states[n]).max() for n in free)
            states = {**states, **moved}
            if change < 1e-15 or change > 1e6:
                break
        return states

    def implicit_gradient(self, params: Tree, batch: Batch, states: States) -> Tree:
        """dC/dparams of the batch mean at an equilibrium x*(params), by the implicit function.

        It solves x = act(f(x)) (rho: x = f(x)). With v (1 - act'(f) df/dx) = dC/dx, it is
        dC/dparams at fixed x plus <v act'(f), df/dparams>, and df/dparams = -d/dx dE/dparams.
        Derivatives of derivatives are five-point differences, of error h^4.
        """
        free = [name for name in self.variables if name not in self.inputs]
        shapes = {n: states[n].shape for n in free}
        targets = {name: batch[name] for name in self.outputs}

        def flat(parts: States) -> Array:
            return np.concatenate([parts[n].reshape(len(parts[n]), -1) for n in free], axis=1)

        def moved(direction: Array, by: float) -> States:
            new, at = dict(states), 0
            for n in free:
                size = int(np.prod(shapes[n][1:]))
                new[n] = states[n] + by * direction[:, at : at + size].reshape(shapes[n])
                at += size
            return new

        def along(function: Any, direction: Array) -> Any:
            h = 1e-3
            values = [function(moved(direction, k * h)) for k in (1, -1, 2, -2)]
            return tree_map(lambda a, b, c, d: (8 * (a - b) - (c - d)) / (12 * h), *values)

        def residual(at: States) -> Array:
            fields = self.fields(params, at)
            return flat({n: at[n] - self.aim(n, fields[n]) for n in free})

        batch_size, size = flat(states).shape
        rows = [along(residual, np.tile(unit, (batch_size, 1))) for unit in np.eye(size)]
        jacobian = np.stack(rows, axis=1)  # (batch, by j, of i)
        # d(E + C) - dE leaves what the loss alone pulls at
        pulled, by_loss = self.derivatives(params, states, Nudge(1.0, targets))
        alone, by_energy = self.derivatives(params, states)
        v = np.linalg.solve(jacobian, (flat(pulled) - flat(alone))[..., None])[..., 0]
        fields = self.fields(params, states)
        through = flat({n: self.aim_slope(n, fields[n]) for n in free})
        direct = tree_map(np.subtract, by_loss, by_energy)
        indirect = along(lambda at: self.derivatives(params, at)[1], v * through)
        return tree_map(np.subtract, direct, indirect)
