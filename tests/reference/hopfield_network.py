"""A NumPy judge of Hopfield networks: undirected couplings on any graph.

With a_n = sum over edges e into n of gain_e pipeline_e(r_source), r_n what other nodes read,

    E = sum over free n of G_n(x_n) - sum over n of <r_n, a_n>
          - sum over lateral edges of gain (1/2 <r, r W0> + <r, b>),      F = E + beta C

    state:  r_n = x_n,        G_n the integral of the inverse of the node's activation
    rho:    r_n = rho_n(x_n), G_n = 1/2 ||x_n||^2

Clamped nodes have no G. W0 is a lateral weight with zeros on its diagonal. A node that passes
through has r = act(a) and no term of its own; an output that passes through is a readout.
C is the loss of the outputs' states, or of a readout's r.

The field of a node is f_n = -d(F - sum G)/dx_n. A forward edge A -> B beside which a feedback
edge B -> A stands is untied: its term drives B alone, and f_A has the feedback edge's pipeline
in its place (times rho_A'(x_A) in the form rho).

Derivatives are vector-Jacobian products by hand; nothing of the compiler is used here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tests.reference.activations import Array
from tests.reference.inverse_activations import INTEGRALS, INVERSES, SLOPES, VALUES
from tests.reference.network import Tree, option, softmax, tree_map
from tests.reference.pipelines import Dense, Shape, Step, draw, pull, run, steps_of

States = dict[str, Array]
Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class Node:
    name: str
    shape: Shape
    role: str
    activation: str
    passes: bool
    range: Range


@dataclass(frozen=True)
class Edge:
    """`owner` names the edge whose parameters it uses, mostly itself."""

    name: str
    source: str
    target: str
    feedback: bool
    gain: float
    steps: tuple[Step, ...]
    owner: str

    @property
    def lateral(self) -> bool:
        return self.source == self.target


@dataclass(frozen=True)
class Nudge:
    """beta C with the targets of the outputs that feel it."""

    beta: float
    targets: Mapping[str, Array]


NO_NUDGE = Nudge(0.0, {})


class HopfieldNetwork:
    """The nodes and edges of a spec, its energy, its fields, and all their derivatives."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        energy = spec.get("energy", {})
        _, options = option(energy["form"])
        self.rho = options.get("nonlinearity", "state") == "rho"
        self.loss = option(energy.get("loss", "squared_error"))[0]
        self.nodes = {name: _node(name, written) for name, written in spec["nodes"].items()}
        self.edges = [e for written in spec["edges"] for e in _edges(written, self.nodes)]
        ends = {(e.source, e.target) for e in self.edges if e.feedback}
        self.untied = {
            e.name for e in self.edges if not e.feedback and (e.target, e.source) in ends
        }
        self.inputs = self.with_role("input")
        self.outputs = self.with_role("output")
        self.variables = tuple(n.name for n in self.nodes.values() if not n.passes)

    # The graph ------------------------------------------------------------------------------

    def with_role(self, role: str) -> tuple[str, ...]:
        return tuple(node.name for node in self.nodes.values() if node.role == role)

    def into(self, node: str) -> list[Edge]:
        """The couplings written into a node, without lateral and feedback edges."""
        return [e for e in self.edges if e.target == node and not e.lateral and not e.feedback]

    def around(self, node: str) -> list[Edge]:
        return [e for e in self.edges if e.target == node and e.lateral]

    def forward_order(self) -> list[str]:
        """Sources before targets. Raises ValueError where couplings form a cycle."""
        order: list[str] = []
        while len(order) < len(self.nodes):
            ready = [
                name
                for name in self.nodes
                if name not in order and all(e.source in order for e in self.into(name))
            ]
            if not ready:
                raise ValueError("the couplings form a cycle")
            order += sorted(ready)
        return order

    # Values ---------------------------------------------------------------------------------

    def total(self, params: Tree, states: States, node: str) -> Array:
        """a_n, without lateral terms."""
        size = len(next(iter(states.values())))
        start = np.zeros((size, *self.nodes[node].shape))
        return start + sum(
            e.gain * run(e.steps, params.get(e.owner, {}), self.read(params, states, e.source))
            for e in self.into(node)
        )

    def read(self, params: Tree, states: States, node: str) -> Array:
        """r_n."""
        function = VALUES[self.nodes[node].activation]
        if self.nodes[node].passes:
            return function(self.total(params, states, node))
        return function(states[node]) if self.rho else states[node]

    def seen(self, params: Tree, states: States, output: str) -> Array:
        """What the loss compares with the target."""
        passes = self.nodes[output].passes
        return self.read(params, states, output) if passes else states[output]

    # Energies -------------------------------------------------------------------------------

    def energies(self, params: Tree, states: States, clamped: tuple[str, ...]) -> States:
        """The terms of E per sample, those of <r_n, a_n> with n."""
        found: States = {}
        for name in self.variables:
            found[name] = np.zeros(len(states[name]))
            if name not in clamped:
                found[name] += _summed(self.integral(name, states[name]))
            r = self.read(params, states, name)
            if self.into(name):
                found[name] -= _summed(r * self.total(params, states, name))
            for edge in self.around(name):
                weight, bias = _lateral(params[edge.owner])
                found[name] -= edge.gain * _summed(r * (0.5 * (r @ weight) + bias))
        return found

    def integral(self, node: str, x: Array) -> Array:
        return x**2 / 2 if self.rho else INTEGRALS[self.nodes[node].activation](x)

    def inverse(self, node: str, x: Array) -> Array:
        return x if self.rho else INVERSES[self.nodes[node].activation](x)

    def loss_value(self, params: Tree, states: States, targets: Mapping[str, Array]) -> Array:
        """C per sample."""
        value = np.zeros(len(next(iter(states.values()))))
        for name, target in targets.items():
            x = self.seen(params, states, name)
            if self.loss == "squared_error":
                value += _summed((x - target) ** 2) / 2
            else:
                shifted = x - x.max(axis=-1, keepdims=True)
                log_sum = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
                value -= _summed(target * (shifted - log_sum))
        return value

    def loss_slope(self, x: Array, target: Array) -> Array:
        """dC by what it sees. Targets of cross-entropy need not sum to one."""
        if self.loss == "squared_error":
            return x - target
        return softmax(x) * target.sum(axis=-1, keepdims=True) - target

    # Derivatives ----------------------------------------------------------------------------

    def derivatives(
        self, params: Tree, states: States, nudge: Nudge = NO_NUDGE
    ) -> tuple[States, Tree]:
        """d(F - sum G): by every state, of the batch sum; by the parameters, the batch mean.

        Where edges are untied the first is minus the field, which is no gradient.
        """
        walk = _Walk(self, params, states)
        for name in self.variables:
            r = walk.reads[name]
            if self.into(name):
                walk.by_read[name] -= self.total(params, states, name)
                walk.through(name, -r)
            for edge in self.around(name):
                weight, bias = _lateral(params[edge.owner])
                walk.by_read[name] -= edge.gain * (0.5 * (r @ (weight + weight.T)) + bias)
                walk.add(edge, _lateral_gradient(params[edge.owner], -0.5 * edge.gain, r, r))
                walk.add_bias(edge, -edge.gain * r)
        for edge in self.edges:
            if edge.feedback:
                pushed = run(edge.steps, params.get(edge.owner, {}), walk.reads[edge.source])
                walk.by_read[edge.target] -= edge.gain * pushed
        direct: States = {}
        for name, target in nudge.targets.items():
            slope = self.loss_slope(self.seen(params, states, name), target)
            if self.nodes[name].passes:
                walk.beyond(name, nudge.beta * slope)
            else:
                direct[name] = nudge.beta * slope
        by_state = {
            name: walk.by_read[name] * self.read_slope(states, name) + direct.get(name, 0.0)
            for name in self.variables
        }
        size = len(next(iter(states.values())))
        return by_state, tree_map(lambda leaf: leaf / size, walk.by_params)

    def read_slope(self, states: States, node: str) -> Array:
        slope = SLOPES[self.nodes[node].activation]
        return slope(states[node]) if self.rho else np.ones_like(states[node])

    def fields(self, params: Tree, states: States, nudge: Nudge = NO_NUDGE) -> States:
        return {name: -g for name, g in self.derivatives(params, states, nudge)[0].items()}

    def slope(self, params: Tree, states: States, nudge: Nudge, node: str) -> Array:
        """dF/dx_n of a free node, inside the range of its activation."""
        return self.inverse(node, states[node]) - self.fields(params, states, nudge)[node]

    def field_gradient(self, params: Tree, states: States, along: States) -> Tree:
        """d/dparams of the batch mean of <along, field> without a nudge, at fixed states.

        Only for networks without nodes that pass through, and where no tied edge but affine
        ones: <v_B, pipeline(r_A)> + <v_A, L^T r_B> has the second term <L v_A, r_B>.
        """
        walk = _Walk(self, params, states)
        v = {name: along[name] * self.read_slope(states, name) for name in self.variables}
        for edge in self.edges:
            own, source, target = params.get(edge.owner, {}), edge.source, edge.target
            r = walk.reads
            if edge.lateral:
                for left, right in ((v, r), (r, v)):
                    half = 0.5 * edge.gain
                    walk.add(edge, _lateral_gradient(own, half, left[source], right[source]))
                walk.add_bias(edge, edge.gain * v[source])
                continue
            walk.add(edge, pull(edge.steps, own, r[source], edge.gain * v[target])[1])
            if not edge.feedback and edge.name not in self.untied:
                assert all(step.affine for step in edge.steps)
                part = pull(edge.steps, own, v[source], edge.gain * r[target], bias=False)[1]
                walk.add(edge, part)
        size = len(next(iter(states.values())))
        return tree_map(lambda leaf: leaf / size, walk.by_params)

    # Arrays ---------------------------------------------------------------------------------

    def draw_params(self, rng: np.random.Generator, scale: float = 1.0) -> Tree:
        """Lateral weights too are drawn without symmetry, and with a diagonal."""
        params = {e.name: draw(e.steps, rng, scale) for e in self.edges if e.owner == e.name}
        return {name: own for name, own in params.items() if own}

    def draw_batch(self, rng: np.random.Generator, size: int) -> States:
        """Normal inputs; targets are normal, or probabilities under cross-entropy."""
        batch: States = {}
        for name in (*self.inputs, *self.outputs):
            values = rng.normal(size=(size, *self.nodes[name].shape))
            if name in self.outputs and self.loss == "cross_entropy":
                values = softmax(2 * values)
            batch[name] = values
        return batch

    def draw_states(self, rng: np.random.Generator, size: int) -> States:
        """States inside the ranges of the activations."""
        return {
            name: VALUES["identity" if self.rho else self.nodes[name].activation](
                rng.normal(size=(size, *self.nodes[name].shape))
            )
            for name in self.variables
        }


class _Walk:
    """Cotangents on their way back: of what nodes read, and of parameters."""

    def __init__(self, network: HopfieldNetwork, params: Tree, states: States) -> None:
        self.network, self.params, self.states = network, params, states
        self.reads = {name: network.read(params, states, name) for name in network.nodes}
        self.by_read = {name: np.zeros_like(states[name]) for name in network.variables}
        self.by_params: Tree = tree_map(np.zeros_like, params)

    def beyond(self, node: str, cotangent: Array) -> None:
        """To r of a node; where it passes through, on to what it sums."""
        if not self.network.nodes[node].passes:
            self.by_read[node] += cotangent
            return
        slope = SLOPES[self.network.nodes[node].activation]
        self.through(node, cotangent * slope(self.network.total(self.params, self.states, node)))

    def through(self, node: str, cotangent: Array) -> None:
        """From a_n to the edges written into n; not back through those that are untied."""
        for edge in self.network.into(node):
            own, r = self.params.get(edge.owner, {}), self.reads[edge.source]
            back, gradient = pull(edge.steps, own, r, edge.gain * cotangent)
            self.add(edge, gradient)
            if edge.name not in self.network.untied:
                self.beyond(edge.source, back)

    def add(self, edge: Edge, gradient: Tree) -> None:
        if gradient:
            mine = self.by_params[edge.owner]
            self.by_params[edge.owner] = tree_map(np.add, mine, gradient)

    def add_bias(self, edge: Edge, cotangent: Array) -> None:
        mine = self.by_params[edge.owner]
        if "bias" in mine:
            mine["bias"] += _rows(cotangent).sum(axis=0)


def _node(name: str, written: Mapping[str, Any]) -> Node:
    low, high = written.get("range") or (None, None)
    return Node(
        name=name,
        shape=tuple(written["shape"]),
        role=written.get("role", "hidden"),
        activation=written.get("activation", "identity"),
        passes=written.get("energy") == "none",
        range=(low, high),
    )


def _edges(written: Mapping[str, Any], nodes: Mapping[str, Node]) -> list[Edge]:
    chain = [part.strip() for part in written.get("path", "").split("->")]
    ends = list(pairwise(chain)) if "path" in written else [(written["from"], written["to"])]
    edges = []
    for source, target in ends:
        name = written.get("name") or f"{source}->{target}"
        steps = steps_of(written.get("op", "dense"), nodes[source].shape, nodes[target].shape)
        if source == target and not (len(steps) == 1 and isinstance(steps[0], Dense)):
            raise ValueError("a lateral edge is one dense operator")
        edges.append(
            Edge(
                name=name,
                source=source,
                target=target,
                feedback=written.get("kind") == "feedback",
                gain=float(written.get("gain", 1.0)),
                steps=steps,
                owner=written.get("tied_to", name),
            )
        )
    return edges


def _summed(values: Array) -> Array:
    return values.sum(axis=tuple(range(1, values.ndim)))


def _rows(values: Array) -> Array:
    return values.reshape(-1, values.shape[-1])


def _lateral(own: Tree) -> tuple[Array, Array]:
    """W0 and b."""
    weight = own["weight"]
    return weight - np.diag(np.diag(weight)), own.get("bias", np.zeros(len(weight)))


def _lateral_gradient(own: Tree, factor: float, left: Array, right: Array) -> Tree:
    """Of factor <left, right W0>, summed over samples; none by the bias."""
    product = _rows(right).T @ _rows(left)
    gradient = {"weight": factor * (product - np.diag(np.diag(product)))}
    return gradient | ({"bias": np.zeros_like(own["bias"])} if "bias" in own else {})
