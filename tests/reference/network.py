"""A network read from a plain spec: its graph, its pipelines and their derivatives, in NumPy.

    mu_n = act_n( sum over incoming edges e of pipeline_e(x_source) )

States and errors are dictionaries by node name, of arrays (batch, *shape) in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from tests.reference.activations import SLOPES, VALUES, Array

Tree = dict[str, Any]


@dataclass(frozen=True)
class Node:
    name: str
    shape: tuple[int, ...]
    role: str
    activation: str
    precision: float


@dataclass(frozen=True)
class Operator:
    """One operator of a pipeline. `key` is where its parameters stand, None for the top."""

    kind: str
    bias: bool = False
    sizes: tuple[int, int] = (0, 0)
    key: str | None = None


@dataclass(frozen=True)
class Edge:
    name: str
    source: str
    target: str
    operators: tuple[Operator, ...]


def option(member: Any) -> tuple[str, dict[str, Any]]:
    """A member as (name, options) from the two ways of writing it."""
    if isinstance(member, str):
        return member, {}
    [(name, options)] = member.items()
    return name, dict(options or {})


class Network:
    """The nodes in forward order and the edges of a spec whose node shapes are all written."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        energy = spec.get("energy", {})
        self.loss = option(energy.get("loss", "squared_error"))[0]
        precision = energy.get("precision", 1.0)
        nodes = {
            name: Node(
                name,
                tuple(node["shape"]),
                node.get("role", "hidden"),
                node.get("activation", "identity"),
                _precision_of(name, precision),
            )
            for name, node in spec["nodes"].items()
        }
        edges = [edge for written in spec["edges"] for edge in _edges(written, nodes)]
        self.edges = tuple(edges)
        self.nodes = {name: nodes[name] for name in _forward_order(list(nodes), edges)}
        self.inputs = tuple(n.name for n in self.nodes.values() if n.role == "input")
        self.outputs = tuple(n.name for n in self.nodes.values() if n.role == "output")

    def incoming(self, node: str) -> list[Edge]:
        return [edge for edge in self.edges if edge.target == node]

    def outgoing(self, node: str) -> list[Edge]:
        return [edge for edge in self.edges if edge.source == node]

    def roots(self) -> list[str]:
        return [node for node in self.nodes if not self.incoming(node)]

    def feedforward_is_equilibrium(self) -> bool:
        """Without free roots, and without inputs whose error would pull on other nodes."""
        return set(self.roots()) == set(self.inputs)

    def preactivation(self, params: Tree, states: Mapping[str, Array], node: str) -> Array:
        incoming = self.incoming(node)
        return sum(
            run(edge, params.get(edge.name, {}), states[edge.source])[0] for edge in incoming
        )

    def prediction(self, params: Tree, states: Mapping[str, Array], node: str) -> Array:
        return VALUES[self.nodes[node].activation](self.preactivation(params, states, node))

    def activation_slope(self, params: Tree, states: Mapping[str, Array], node: str) -> Array:
        return SLOPES[self.nodes[node].activation](self.preactivation(params, states, node))

    def feedforward(self, params: Tree, held: Mapping[str, Array], batch: int) -> dict[str, Array]:
        """Every node that is not held takes its prediction, in forward order; roots are zero."""
        states: dict[str, Array] = {}
        for node in self.nodes.values():
            if node.name in held:
                states[node.name] = np.asarray(held[node.name], dtype=np.float64)
            elif self.incoming(node.name):
                states[node.name] = self.prediction(params, states, node.name)
            else:
                states[node.name] = np.zeros((batch, *node.shape))
        return states

    def draw_params(self, rng: np.random.Generator, scale: float = 1.0) -> Tree:
        """Normal weights of variance scale^2/fan_in and biases of deviation 0.3 scale."""
        params: Tree = {}
        for edge in self.edges:
            for operator in edge.operators:
                if operator.kind != "dense":
                    continue
                fan_in, _ = operator.sizes
                own = {"weight": rng.normal(size=operator.sizes) * scale / np.sqrt(fan_in)}
                if operator.bias:
                    own["bias"] = 0.3 * scale * rng.normal(size=operator.sizes[1])
                tree = params.setdefault(edge.name, {})
                tree.update(own if operator.key is None else {operator.key: own})
        return params

    def draw_batch(self, rng: np.random.Generator, size: int) -> dict[str, Array]:
        """Normal inputs; targets are normal, or probabilities under cross-entropy."""
        batch: dict[str, Array] = {}
        for name in (*self.inputs, *self.outputs):
            values = rng.normal(size=(size, *self.nodes[name].shape))
            if name in self.outputs and self.loss == "cross_entropy":
                values = softmax(2 * values)
            batch[name] = values
        return batch


def softmax(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def run(edge: Edge, params: Tree, x: Array) -> tuple[Array, list[Array]]:
    """The pipeline's output and what each operator received."""
    received: list[Array] = []
    for operator in edge.operators:
        received.append(x)
        own = params if operator.key is None else params[operator.key]
        if operator.kind == "dense":
            x = x @ own["weight"] + (own["bias"] if operator.bias else 0.0)
        elif operator.kind == "flatten":
            x = x.reshape(len(x), -1)
        else:
            x = VALUES[operator.kind](x)
    return x, received


def pull(edge: Edge, params: Tree, x: Array, dy: Array) -> tuple[Array, Tree]:
    """The vector-Jacobian products of the pipeline: (to its source, to its parameters).

    Per sample for the source, summed over the batch for the parameters.
    """
    _, received = run(edge, params, x)
    gradients: Tree = {}
    for operator, x_in in zip(reversed(edge.operators), reversed(received), strict=True):
        own = params if operator.key is None else params[operator.key]
        if operator.kind == "dense":
            rows_in, rows_out = x_in.reshape(-1, x_in.shape[-1]), dy.reshape(-1, dy.shape[-1])
            gradient = {"weight": rows_in.T @ rows_out}
            if operator.bias:
                gradient["bias"] = rows_out.sum(axis=0)
            gradients.update(gradient if operator.key is None else {operator.key: gradient})
            dy = dy @ own["weight"].T
        elif operator.kind == "flatten":
            dy = dy.reshape(x_in.shape)
        else:
            dy = dy * SLOPES[operator.kind](x_in)
    return dy, gradients


def tree_map(function: Any, *trees: Any) -> Any:
    """The function on every leaf of equal nested dictionaries."""
    first = trees[0]
    if not isinstance(first, dict):
        return function(*trees)
    return {key: tree_map(function, *(tree[key] for tree in trees)) for key in first}


def leaves(tree: Any, path: str = "") -> dict[str, Array]:
    """The arrays of nested dictionaries by a written path."""
    if not isinstance(tree, Mapping):
        return {path: np.asarray(tree)}
    found: dict[str, Array] = {}
    for key in sorted(tree):
        found |= leaves(tree[key], f"{path}/{key}")
    return found


def _precision_of(name: str, precision: Any) -> float:
    if isinstance(precision, Mapping):
        return float(precision["per_node"].get(name, 1.0))
    return float(precision)


def _edges(written: Mapping[str, Any], nodes: Mapping[str, Node]) -> list[Edge]:
    if "path" in written:
        chain = [part.strip() for part in written["path"].split("->")]
        ends = list(pairwise(chain))
    else:
        ends = [(written["from"], written["to"])]
    op = written.get("op", "dense")
    pipeline = op if isinstance(op, list | tuple) else [op]
    return [
        Edge(
            written.get("name") or f"{source}->{target}",
            source,
            target,
            _operators(pipeline, nodes[source].shape, nodes[target].shape),
        )
        for source, target in ends
    ]


def _operators(
    pipeline: Sequence[Any], shape: tuple[int, ...], target: tuple[int, ...]
) -> tuple[Operator, ...]:
    dense_count = sum(option(member)[0] == "dense" for member in pipeline)
    operators: list[Operator] = []
    seen = 0
    for kind, options in map(option, pipeline):
        if kind == "flatten":
            shape = (prod(shape),)
            operators.append(Operator(kind))
        elif kind == "dense":
            seen += 1
            units = options.get("units") or target[-1]
            key = None if dense_count == 1 else "dense" + (str(seen) if seen > 1 else "")
            operators.append(Operator(kind, options.get("bias", True), (shape[-1], units), key))
            shape = (*shape[:-1], units)
        else:
            operators.append(Operator(kind))
    if shape != target:
        raise ValueError(f"the pipeline {pipeline} gives {shape}, not {target}")
    return tuple(operators)


def _forward_order(nodes: list[str], edges: list[Edge]) -> list[str]:
    """Sources before targets, by repeatedly taking the nodes whose sources are all placed."""
    order: list[str] = []
    while len(order) < len(nodes):
        ready = [
            node
            for node in nodes
            if node not in order
            and all(edge.source in order for edge in edges if edge.target == node)
        ]
        if not ready:
            raise ValueError("the network has a cycle")
        order += sorted(ready)
    return order
