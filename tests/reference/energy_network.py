"""A NumPy judge of predictive coding and backpropagation on directed acyclic graphs.

    E = sum over non-root nodes n of p_n E_n(x_n, mu_n)        p_n the node's precision
    F = E + beta sum over nudged outputs of C(target, x)

E_n = 1/2 ||x_n - mu_n||^2, except that a clamped output's is the loss. With the generalised
error e_n = -dE_n/dmu_n (equal to x_n - mu_n for the Gaussian), everything follows by hand:

    dF/dx_n      = p_n (x_n - mu_n) - sum over outgoing edges J^T [p_m e_m act_m'] + beta dC/dx_n
    dF/dparams_e = - (1/batch) sum over samples, K^T [p_m e_m act_m']

J, K the Jacobians of the edge's pipeline by its source and by its parameters, m its target.
No automatic differentiation, and nothing of the compiler, is used here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tests.reference.activations import Array
from tests.reference.network import Network, Tree, option, pull, softmax, tree_map

States = dict[str, Array]
NEVER = 10**9


@dataclass(frozen=True)
class Phase:
    """`relaxes` is False for a feedforward sweep; `start` names the phase it starts from."""

    name: str
    clamped: tuple[str, ...]
    nudged: tuple[str, ...] = ()
    beta: float = 0.0
    relaxes: bool = True
    start: str | None = None


@dataclass
class Trace:
    """Row 0 is the start, row t what stands after inference step t.

    `arrival[n]` is the first step at which the error of n can be non-zero.
    """

    states: list[States] = field(default_factory=list)
    energies: list[States] = field(default_factory=list)
    arrival: dict[str, int] = field(default_factory=dict)

    def steps(self) -> int:
        return len(self.states) - 1

    def live_at_end(self) -> set[str]:
        return {node for node, step in self.arrival.items() if step <= self.steps() + 1}


class EnergyNetwork(Network):
    """A spec with its energy, its inference and its learning rule."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        super().__init__(spec)
        inference = spec.get("inference", {})
        self.init = option(inference.get("init", "feedforward"))[0]
        self.steps = inference.get("steps", 20)
        self.optimizer = option(inference.get("optimizer", "sgd"))
        self.rule = option(spec.get("learning", {}).get("rule", "predictive_coding"))
        self.phases = {phase.name: phase for phase in self._phases()}

    # Phases ---------------------------------------------------------------------------------

    def _phases(self) -> list[Phase]:
        name, options = self.rule
        relaxes = not self.feedforward_is_equilibrium()
        free = Phase("free", self.inputs, relaxes=relaxes)
        if name == "backprop":
            return [free]
        if options.get("output", "clamp") == "clamp":
            return [Phase("clamped", self.inputs + self.outputs)]
        return [
            free,
            *(
                Phase(nudge, self.inputs, self.outputs, beta, start="free")
                for nudge, beta in self.nudges().items()
            ),
        ]

    def nudges(self) -> dict[str, float]:
        _, options = self.rule
        beta, variant = options.get("beta", 0.1), options.get("variant", "centred")
        both = {"nudged": beta, "nudged_negative": -beta}
        kept = {"positive": ["nudged"], "negative": ["nudged_negative"], "centred": list(both)}
        return {name: both[name] for name in kept[variant]}

    def steps_of(self, phase: Phase) -> int:
        if not phase.relaxes:
            return 0
        if isinstance(self.steps, int):
            return self.steps
        longest = max(self.steps.values())  # a prediction takes as many as the longest phase
        return longest if phase.name == "prediction" else self.steps[phase.name]

    # The energy and its gradients -----------------------------------------------------------

    def has_loss_as_energy(self, node: str, phase: Phase) -> bool:
        return node in self.outputs and node in phase.clamped

    def loss_value(self, target: Array, prediction: Array) -> Array:
        axes = tuple(range(1, prediction.ndim))
        if self.loss == "squared_error":
            return 0.5 * ((target - prediction) ** 2).sum(axis=axes)
        shifted = prediction - prediction.max(axis=-1, keepdims=True)
        log_softmax = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return -(target * log_softmax).sum(axis=axes)

    def loss_slope(self, target: Array, prediction: Array) -> Array:
        """dC/dprediction. Targets of cross-entropy need not sum to one."""
        if self.loss == "squared_error":
            return prediction - target
        return softmax(prediction) * target.sum(axis=-1, keepdims=True) - target

    def node_energies(
        self, params: Tree, states: States, phase: Phase, live: set[str] | None = None
    ) -> States:
        """p_n E_n per sample for every non-root node; zero where the error is masked."""
        energies: States = {}
        for name, node in self.nodes.items():
            if not self.incoming(name):
                continue
            mu, x = self.prediction(params, states, name), states[name]
            if self.has_loss_as_energy(name, phase):
                value = self.loss_value(x, mu)
            else:
                value = 0.5 * ((x - mu) ** 2).sum(axis=tuple(range(1, x.ndim)))
            masked = live is not None and name not in live
            energies[name] = np.zeros_like(value) if masked else node.precision * value
        return energies

    def external_energy(self, states: States, batch: Mapping[str, Array], phase: Phase) -> Array:
        """beta C per sample."""
        size = len(next(iter(states.values())))
        return np.zeros(size) + sum(
            phase.beta * self.loss_value(batch[name], states[name]) for name in phase.nudged
        )

    def backward_errors(
        self, params: Tree, states: States, phase: Phase, live: set[str] | None = None
    ) -> States:
        """-dE/d(pre-activation) of every non-root node: p_n e_n act_n', zero where masked."""
        errors: States = {}
        for name, node in self.nodes.items():
            if not self.incoming(name):
                continue
            mu, x = self.prediction(params, states, name), states[name]
            error = -self.loss_slope(x, mu) if self.has_loss_as_energy(name, phase) else x - mu
            if live is not None and name not in live:
                error = np.zeros_like(error)
            errors[name] = node.precision * error * self.activation_slope(params, states, name)
        return errors

    def state_gradient(
        self,
        params: Tree,
        states: States,
        batch: Mapping[str, Array],
        phase: Phase,
        live: set[str] | None = None,
    ) -> States:
        """dF/dx of the batch sum, for the free nodes."""
        errors = self.backward_errors(params, states, phase, live)
        gradient: States = {}
        for name, node in self.nodes.items():
            if name in phase.clamped:
                continue
            total = np.zeros_like(states[name])
            if self.incoming(name) and (live is None or name in live):
                total += node.precision * (states[name] - self.prediction(params, states, name))
            for edge in self.outgoing(name):
                own = params.get(edge.name, {})
                total -= pull(edge, own, states[name], errors[edge.target])[0]
            if name in phase.nudged:
                total += phase.beta * self.loss_slope(batch[name], states[name])
            gradient[name] = total
        return gradient

    def energy_gradient(
        self, params: Tree, states: States, phase: Phase, live: set[str] | None = None
    ) -> Tree:
        """dF/dparams, the batch mean, at fixed states (beta C holds no parameters)."""
        errors = self.backward_errors(params, states, phase, live)
        return self._edge_gradients(params, states, {n: -error for n, error in errors.items()})

    def _edge_gradients(self, params: Tree, states: States, cotangents: States) -> Tree:
        gradients: Tree = {}
        for edge in self.edges:
            if edge.name not in params:
                continue
            x = states[edge.source]
            _, own = pull(edge, params[edge.name], x, cotangents[edge.target])
            gradients[edge.name] = tree_map(partial(np.multiply, 1 / len(x)), own)
        return gradients

    # Inference ------------------------------------------------------------------------------

    def arrivals(self, phase: Phase, live: set[str], steps: int) -> dict[str, int]:
        """For every non-root node the first step at which its error can be non-zero.

        `live` nodes have one at step 1. A free node moves at the end of step t if its own or
        a successor's error is live at t, or if it is nudged; from step t + 1 on, its own and
        its successors' errors are live.
        """
        arrival = {n: 1 if n in live else NEVER for n in self.nodes if self.incoming(n)}
        for t in range(1, steps + 1):
            now = {node for node, step in arrival.items() if step <= t}
            moved = [
                node
                for node in self.nodes
                if node not in phase.clamped
                and (
                    node in phase.nudged
                    or node in now
                    or any(edge.target in now for edge in self.outgoing(node))
                )
            ]
            for node in moved:
                for reached in (node, *(edge.target for edge in self.outgoing(node))):
                    if reached in arrival:
                        arrival[reached] = min(arrival[reached], t + 1)
        return arrival

    def trace(self, params: Tree, batch: Mapping[str, Array], phase_name: str) -> Trace:
        """The phase step by step, after the phases that it starts from."""
        phase = self.phases[phase_name]
        held = {name: np.asarray(batch[name], dtype=np.float64) for name in phase.clamped}
        size = len(next(iter(held.values())))
        unsure = {node for node in self.nodes if self.incoming(node)}
        if phase.start is not None:
            before = self.trace(params, batch, phase.start)
            start, live = before.states[-1], before.live_at_end()
        elif self.init == "feedforward" or not phase.relaxes:
            start = self.feedforward(params, held, size)
            live = unsure & set(phase.clamped)
        else:
            start = {n: held.get(n, np.zeros((size, *v.shape))) for n, v in self.nodes.items()}
            live = unsure
        return self._descend(params, batch, phase, start, live)

    def _descend(
        self,
        params: Tree,
        batch: Mapping[str, Array],
        phase: Phase,
        start: States,
        live_at_start: set[str],
    ) -> Trace:
        steps = self.steps_of(phase)
        trace = Trace(arrival=self.arrivals(phase, live_at_start, steps))
        states, memory = start, {}
        for t in range(1, steps + 2):
            live = {node for node, step in trace.arrival.items() if step <= t}
            trace.states.append(states)
            trace.energies.append(self.node_energies(params, states, phase, live))
            if t > steps:
                return trace
            gradient = self.state_gradient(params, states, batch, phase, live)
            states = dict(states)
            for node, g in gradient.items():
                update, memory[node] = self._update(g, memory.get(node), t)
                states[node] = states[node] + update
        return trace

    def _update(self, g: Array, memory: Any, t: int) -> tuple[Array, Any]:
        name, options = self.optimizer
        if name == "sgd":
            velocity = g if memory is None else options.get("momentum", 0.0) * memory + g
            return -options.get("learning_rate", 0.1) * velocity, velocity
        b1, b2 = options.get("b1", 0.9), options.get("b2", 0.999)
        first, second = (0.0, 0.0) if memory is None else memory
        first, second = b1 * first + (1 - b1) * g, b2 * second + (1 - b2) * g**2
        root = np.sqrt(second / (1 - b2**t)) + options.get("eps", 1e-8)
        return -options.get("learning_rate", 0.05) * first / (1 - b1**t) / root, (first, second)

    # Learning and prediction ----------------------------------------------------------------

    def gradients(self, params: Tree, batch: Mapping[str, Array]) -> Tree:
        """What the rule hands to the optimiser."""
        name, options = self.rule
        if name == "backprop":
            return self.loss_gradient(params, batch)
        if options.get("output", "clamp") == "clamp":
            return self._phase_gradient(params, batch, "clamped")
        betas = {"free": 0.0, **self.nudges()}
        if options.get("variant", "centred") == "centred":
            del betas["free"]
        high, low = max(betas, key=betas.__getitem__), min(betas, key=betas.__getitem__)
        return tree_map(
            lambda a, b: (a - b) / (betas[high] - betas[low]),
            self._phase_gradient(params, batch, high),
            self._phase_gradient(params, batch, low),
        )

    def _phase_gradient(self, params: Tree, batch: Mapping[str, Array], name: str) -> Tree:
        trace = self.trace(params, batch, name)
        live = trace.live_at_end()
        return self.energy_gradient(params, trace.states[-1], self.phases[name], live)

    def predict(self, params: Tree, batch: Mapping[str, Array]) -> States:
        """The outputs of the feedforward pass, or of the relaxation where there are free roots."""
        held = {name: np.asarray(batch[name], dtype=np.float64) for name in self.inputs}
        if self.feedforward_is_equilibrium():
            states = self.feedforward(params, held, len(next(iter(held.values()))))
        else:
            states = self._free_relaxation(params, held)
        return {name: states[name] for name in self.outputs}

    def _free_relaxation(self, params: Tree, held: Mapping[str, Array]) -> States:
        size = len(next(iter(held.values())))
        phase = Phase("prediction", self.inputs)
        unsure = {node for node in self.nodes if self.incoming(node)}
        if self.init == "feedforward":
            start, live = self.feedforward(params, held, size), unsure & set(self.inputs)
        else:
            start = {n: held.get(n, np.zeros((size, *v.shape))) for n, v in self.nodes.items()}
            live = unsure
        return self._descend(params, held, phase, start, live).states[-1]

    def mean_loss(self, params: Tree, batch: Mapping[str, Array]) -> float:
        """The batch mean of the loss of the prediction, summed over the outputs."""
        predictions = self.predict(params, batch)
        return float(sum(self.loss_value(batch[n], predictions[n]).mean() for n in self.outputs))

    def loss_gradient(self, params: Tree, batch: Mapping[str, Array]) -> Tree:
        """d/dparams of the mean loss of the feedforward prediction, by reverse accumulation."""
        if not self.feedforward_is_equilibrium():
            raise NotImplementedError("the relaxation is not differentiated here")
        held = {name: np.asarray(batch[name], dtype=np.float64) for name in self.inputs}
        states = self.feedforward(params, held, len(next(iter(held.values()))))
        cotangents: States = {}
        for node in reversed(self.nodes):
            total = np.zeros_like(states[node])
            if node in self.outputs:
                total += self.loss_slope(np.asarray(batch[node], np.float64), states[node])
            for edge in self.outgoing(node):
                own = params.get(edge.name, {})
                total += pull(edge, own, states[node], cotangents[edge.target])[0]
            if self.incoming(node):
                cotangents[node] = total * self.activation_slope(params, states, node)
        return self._edge_gradients(params, states, cotangents)
