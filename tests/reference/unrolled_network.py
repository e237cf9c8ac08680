"""A NumPy judge of networks with time, feedback and nodes that pass their prediction through.

Node n has copies (n, t), t = 0 .. T-1 (without `time` one copy); a forward edge of delay d
reads its source at t - d, a feedback edge at t + d. With act = act_n,

    mu[n,t] = act( sum over present forward terms of gain pipeline(x) )    concat: joined
    nu[n,t] = act( mean over present feedback terms of gain pipeline(x) )  merge sum: their sum

A term is absent where its source's copy is outside 0 .. T-1, or passes through and has no
prediction itself; mu and nu are absent where all their terms are. A node that passes through
has x = mu; the others have states, and with ef = x - mu, eb = x - nu, p the precision,

    predictive_coding        p E(x, mu)                    (feedback edges are left out)
    bidirectional, summed    p/2 ||ef + eb||^2
    bidirectional, separate  p (a_f E(x, mu) + a_b E(x, nu))

over what is present. A root's prior adds its own precision/2 ||x - mean||^2. An output held
at its target has only p loss(target, mu), in the bidirectional form a held input only
p a_b feedback_loss(x, nu).

Derivatives by hand: with c = dE/dmu, a term's output has the cotangent gain c act'(pre), and
`pull` takes it to the source and the parameters; for nu it is gain c act'(pre) / (number of
terms). What reaches a copy that passes through goes on as a cotangent of its mu.
No automatic differentiation, and nothing of the compiler, is used here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.reference.activations import SLOPES, VALUES, Array
from tests.reference.network import Tree, option, softmax, tree_map
from tests.reference.unrolled_energy import (
    Local,
    Prediction,
    Term,
    summed_term,
    term_of,
    total,
)
from tests.reference.unrolled_graph import (
    Edge,
    Node,
    canonical_order,
    pull,
    read_edges,
    read_nodes,
    run,
    sweep_order,
    zeros_like,
)

States = dict[str, Array]
"""Arrays by node, inside this file always (batch, T, *shape)."""

Held = dict[str, tuple[bool, ...]]
"""For every node with a state, which of its copies are held at data."""


@dataclass
class Trace:
    """Row 0 is the start, row k what stands after inference step k. Energies are (batch, T)."""

    states: list[States] = field(default_factory=list)
    energies: list[States] = field(default_factory=list)


class UnrolledNetwork:
    """A spec with its energy, its inference, and predictive coding with held outputs."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        time, energy = spec.get("time"), spec.get("energy", {})
        self.timed = time is not None
        self.copies = time["steps"] if time else 1
        self.every = bool(time) and time.get("targets", "last") == "every"
        self.form, options = option(energy.get("form", "predictive_coding"))
        self.summed = options.get("errors", "summed") == "summed"
        self.weights = options.get("forward_weight", 1.0), options.get("feedback_weight", 1.0)
        self.loss = option(energy.get("loss", "squared_error"))
        self.feedback_loss = option(energy.get("feedback_loss", "squared_error"))
        self.nodes = read_nodes(spec)
        written = read_edges(spec, self.nodes)
        place = {n: i for i, n in enumerate(canonical_order(self.nodes, written.values()))}
        self.edges = sorted(
            (e for e in written.values() if self.form == "bidirectional" or not e.feedback),
            key=lambda e: (place[e.target], place[e.source], e.name),
        )
        self.sweep = sweep_order(self.nodes, self.edges)
        inference = spec.get("inference", {})
        self.init = option(inference.get("init", "feedforward"))[0]
        steps = inference.get("steps", 20)
        self.steps = steps if isinstance(steps, int) else steps["clamped"]
        self.prediction_steps = spec.get("prediction", {}).get("steps", self.steps)
        self.optimizer = option(inference.get("optimizer", "sgd"))

    # The graph ------------------------------------------------------------------------------

    def with_role(self, role: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.role == role]

    def variables(self) -> list[Node]:
        return [node for node in self.nodes.values() if not node.passes]

    def incoming(self, node: str, feedback: bool = False) -> list[Edge]:
        return [e for e in self.edges if e.target == node and e.feedback == feedback]

    def target_copies(self) -> tuple[bool, ...]:
        return tuple(self.every or t == self.copies - 1 for t in range(self.copies))

    def held(self, *roles: str) -> Held:
        everywhere, nowhere = (True,) * self.copies, (False,) * self.copies
        copies = {"input": everywhere, "output": self.target_copies()}
        return {n.name: copies[n.role] if n.role in roles else nowhere for n in self.variables()}

    def predicts_by_a_sweep(self) -> bool:
        roots = {name for name in self.nodes if not self.incoming(name)}
        inputs = {node.name for node in self.with_role("input")}
        return self.form == "predictive_coding" and roots == inputs and self.sweep is not None

    # Predictions ----------------------------------------------------------------------------

    def present_terms(
        self, params: Tree, states: States, node: str, t: int, feedback: bool
    ) -> Iterator[tuple[Edge, int, Array]]:
        """(edge, time that it reads, what it reads there)."""
        for edge in self.incoming(node, feedback):
            time = t + edge.delay if feedback else t - edge.delay
            if not 0 <= time < self.copies:
                continue
            if not self.nodes[edge.source].passes:
                yield edge, time, states[edge.source][:, time]
            elif (passed := self.predict(params, states, edge.source, time)) is not None:
                yield edge, time, passed.value

    def predict(
        self, params: Tree, states: States, node: str, t: int, feedback: bool = False
    ) -> Prediction | None:
        """mu, or nu, of the copy (node, t); None where it is absent."""
        this = self.nodes[node]
        present = list(self.present_terms(params, states, node, t, feedback))
        if not present:
            return None
        averaged = feedback and not this.sums_feedback
        pre = np.zeros((len(present[0][2]), *this.shape))
        terms: list[Term] = []
        spans = self._spans(node, feedback)
        for edge, time, x in present:
            factor = edge.gain / len(present) if averaged else edge.gain
            terms.append(Term(edge, time, x, factor, spans[edge.name]))
            pre[..., spans[edge.name]] += factor * run(edge, params.get(edge.owner, {}), x)[0]
        activation = this.activation
        return Prediction(VALUES[activation](pre), SLOPES[activation](pre), tuple(terms))

    def _spans(self, node: str, feedback: bool) -> dict[str, slice]:
        """The part of the target's last axis that each incoming edge contributes to."""
        edges = self.incoming(node, feedback)
        if feedback or not self.nodes[node].concatenates:
            return {edge.name: slice(None) for edge in edges}
        spans, start = {}, 0
        for edge in edges:
            sizes = [operator.sizes[1] for operator in edge.operators if operator.kind == "dense"]
            width = sizes[-1] if sizes else self.nodes[edge.source].shape[-1]
            spans[edge.name] = slice(start, start + width)
            start += width
        if start != self.nodes[node].shape[-1]:
            raise ValueError(f"{node} has {self.nodes[node].shape[-1]} units, its edges {start}")
        return spans

    # The energy and its derivatives ---------------------------------------------------------

    def local(
        self, params: Tree, states: States, held: Held, node: Node, t: int
    ) -> tuple[Local | None, Prediction | None, Prediction | None]:
        """The energy of a copy, None where it has none, and its predictions."""
        mu = self.predict(params, states, node.name, t)
        nu = self.predict(params, states, node.name, t, feedback=True)
        x, p = states[node.name][:, t], node.precision
        is_held = held[node.name][t]
        own = node.energy or ("gaussian", {})
        terms: list[Local] = []
        if node.prior is not None and not is_held:
            mean, precision = node.prior
            terms.append(term_of(precision, ("gaussian", {}), x, mean, None))
        if is_held and node.role == "output":
            if mu is not None:
                weight = 1.0 if self.summed else self.weights[0]
                terms.append(term_of(p * weight, node.energy or self.loss, x, mu.value, "by_mu"))
        elif is_held and self.form == "bidirectional" and not self.incoming(node.name):
            if nu is not None:
                weight = 1.0 if self.summed else self.weights[1]
                energy = node.energy or self.feedback_loss
                terms.append(term_of(p * weight, energy, x, nu.value, "by_nu"))
        elif self.form == "bidirectional" and self.summed:
            if mu is not None or nu is not None:
                terms.append(summed_term(p, x, mu, nu))
        else:
            if mu is not None:
                terms.append(term_of(p * self.weights[0], own, x, mu.value, "by_mu"))
            if nu is not None:
                terms.append(term_of(p * self.weights[1], own, x, nu.value, "by_nu"))
        return total(terms), mu, nu

    def energies(self, params: Tree, states: States, held: Held) -> States:
        """The energy of every node with a state, (batch, T); zero where there is none."""
        found: States = {}
        for node in self.variables():
            values = np.zeros(states[node.name].shape[:2])
            for t in range(self.copies):
                here, _, _ = self.local(params, states, held, node, t)
                if here is not None:
                    values[:, t] = here.value
            found[node.name] = values
        return found

    def derivatives(self, params: Tree, states: States, held: Held) -> tuple[States, Tree]:
        """dE/dx of the batch sum, zero at held copies; dE/dparams of the batch mean."""
        by_state, by_params = zeros_like(states), zeros_like(params)

        def push(prediction: Prediction | None, cotangent: Array | None) -> None:
            if prediction is None or cotangent is None:
                return
            before = cotangent * prediction.slope
            for term in prediction.terms:
                dy, owner = term.factor * before[..., term.span], term.edge.owner
                own, gradient = params.get(owner, {}), by_params.get(owner, {})
                dx = pull(term.edge, own, term.x, dy, gradient)
                source = term.edge.source
                if self.nodes[source].passes:
                    push(self.predict(params, states, source, term.time), dx)
                else:
                    by_state[source][:, term.time] += dx

        for node in self.variables():
            for t in range(self.copies):
                here, mu, nu = self.local(params, states, held, node, t)
                if here is not None:
                    by_state[node.name][:, t] += here.by_x
                    push(mu, here.by_mu)
                    push(nu, here.by_nu)
        for name, copies in held.items():
            by_state[name][:, list(copies)] = 0.0
        size = len(next(iter(states.values())))
        return by_state, tree_map(lambda leaf: leaf / size, by_params)

    # Inference ------------------------------------------------------------------------------

    def start(self, params: Tree, data: States, held: Held, feedforward: bool) -> States:
        """Held copies at data; the others at zero, or in time order at their predictions."""
        size = len(next(iter(data.values())))
        states = {n.name: np.zeros((size, self.copies, *n.shape)) for n in self.variables()}
        for name, copies in held.items():
            if any(copies):
                states[name][:, list(copies)] = data[name][:, list(copies)]
        if not feedforward:
            return states
        if self.sweep is None:
            raise ValueError("a cycle without delay has no feedforward pass")
        for t in range(self.copies):
            for name in self.sweep:
                if name not in states or held[name][t]:
                    continue
                mu = self.predict(params, states, name, t)
                if mu is not None:
                    states[name][:, t] = mu.value
        return states

    def descend(self, params: Tree, states: States, held: Held, steps: int) -> Trace:
        """All free copies at once, down the gradient of the batch sum."""
        trace, memory = Trace(), {}
        for k in range(steps + 1):
            trace.states.append(states)
            trace.energies.append(self.energies(params, states, held))
            if k == steps:
                break
            gradient, _ = self.derivatives(params, states, held)
            states = dict(states)
            for name, g in gradient.items():
                change, memory[name] = self._update(g, memory.get(name), k + 1)
                states[name] = states[name] + change
        return trace

    def _update(self, g: Array, memory: Any, k: int) -> tuple[Array, Any]:
        name, options = self.optimizer
        if name == "sgd":
            velocity = g if memory is None else options.get("momentum", 0.0) * memory + g
            return -options.get("learning_rate", 0.1) * velocity, velocity
        b1, b2 = options.get("b1", 0.9), options.get("b2", 0.999)
        first, second = (0.0, 0.0) if memory is None else memory
        first, second = b1 * first + (1 - b1) * g, b2 * second + (1 - b2) * g**2
        root = np.sqrt(second / (1 - b2**k)) + options.get("eps", 1e-8)
        return -options.get("learning_rate", 0.05) * first / (1 - b1**k) / root, (first, second)

    def trace(self, params: Tree, batch: Mapping[str, Array]) -> Trace:
        """The phase in which inputs and targets are held."""
        held, data = self.held("input", "output"), self.inward(batch)
        start = self.start(params, data, held, self.init == "feedforward")
        return self.descend(params, start, held, self.steps)

    # Learning and prediction ----------------------------------------------------------------

    def gradients(self, params: Tree, batch: Mapping[str, Array]) -> Tree:
        held, states = self.held("input", "output"), self.trace(params, batch).states[-1]
        return self.derivatives(params, states, held)[1]

    def prediction(self, params: Tree, batch: Mapping[str, Array]) -> States:
        """The outputs, (batch, *shape) of the last copy, or of every one (batch, T, *shape)."""
        held = self.held("input")
        data = self.inward({node.name: batch[node.name] for node in self.with_role("input")})
        if self.predicts_by_a_sweep():
            states = self.start(params, data, held, feedforward=True)
        else:
            start = self.start(params, data, held, self.init == "feedforward")
            states = self.descend(params, start, held, self.prediction_steps).states[-1]
        outputs = {node.name: states[node.name] for node in self.with_role("output")}
        return outputs if self.every else {name: x[:, -1] for name, x in outputs.items()}

    # Arrays ---------------------------------------------------------------------------------

    def inward(self, batch: Mapping[str, Array]) -> States:
        """Data with a time axis: what has none is repeated over time."""
        found: States = {}
        for name, values in batch.items():
            x = np.asarray(values, dtype=np.float64)
            if x.ndim == 1 + len(self.nodes[name].shape):
                x = np.repeat(x[:, None], self.copies, axis=1)
            found[name] = x
        return found

    def outward(self, states: States) -> States:
        """States as the compiled network gives them: without a time axis where it has none."""
        return states if self.timed else {name: x[:, 0] for name, x in states.items()}

    def draw_params(self, rng: np.random.Generator, scale: float = 1.0) -> Tree:
        """Normal weights of variance scale^2/fan_in and biases of deviation 0.3 scale."""
        params: Tree = {}
        for edge in self.edges:
            if not edge.owns_parameters:
                continue
            tree = params.setdefault(edge.name, {})
            for operator in edge.operators:
                if operator.kind != "dense":
                    continue
                spread = scale / np.sqrt(operator.sizes[0])
                own = {"weight": rng.normal(size=operator.sizes) * spread}
                if operator.bias:
                    own["bias"] = 0.3 * scale * rng.normal(size=operator.sizes[1])
                tree.update(own if operator.key is None else {operator.key: own})
        return params

    def draw_batch(self, rng: np.random.Generator, size: int) -> dict[str, Array]:
        """Inputs constant or changing in time; targets are probabilities for cross-entropy."""
        batch: dict[str, Array] = {}
        for node in (*self.with_role("input"), *self.with_role("output")):
            output = node.role == "output"
            sequence = self.timed and (self.every if output else rng.random() < 0.6)
            values = rng.normal(size=(size, *((self.copies,) if sequence else ()), *node.shape))
            if output and node.energy is None and self.loss[0] == "cross_entropy":
                values = softmax(2 * values)
            batch[node.name] = values
        return batch

    def draw_states(self, rng: np.random.Generator, size: int) -> States:
        return {n.name: rng.normal(size=(size, self.copies, *n.shape)) for n in self.variables()}
