"""Closed forms of how an update moves the states of certain networks.

Linear chains, mu_n = W_n x_n-1 + b_n with unit precisions. With M_n = dy/dx_n, the errors at
the equilibrium with the target t clamped are

    e_n = M_n^T e,      (sum_n M_n M_n^T) e = t - y,      x*_n = W_n x*_n-1 + b_n + e_n

and predictive coding learns dW_n = rate e_n x*_n-1^T, db_n = rate e_n, backpropagation
dW_n = rate M_n^T (t - y) x_n-1^T, db_n = rate M_n^T (t - y). To first order in the rate the
prediction moves by sum_n (x_n-1 . x*_n-1 + 1) M_n M_n^T e and by
sum_n (|x_n-1|^2 + 1) M_n M_n^T (t - y), the 1 from the bias: the former is straight at the
target as far as the factors in front are equal, the latter bends with the singular values of
the M_n. So predictive coding aligns better where states keep their lengths, as in wide
networks at common initialisations; in narrow or strongly shrinking ones it need not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pccompiler.components.rules import BASELINE, DEFAULT
from pccompiler.components.vocabulary import Params
from pccompiler.ir.graph import Edge, Graph


@dataclass(frozen=True)
class Layer:
    """A layer of a linear chain: W (out, in), b, and the factors on their updates."""

    weight: np.ndarray
    bias: np.ndarray
    weight_scale: float = 1.0
    bias_scale: float = 1.0


def linear_chain(graph: Graph) -> tuple[Edge, ...] | None:
    """The edges from input to output where the network is a linear chain with something to
    infer, else None."""
    nodes, edges = graph.nodes, graph.edges
    joined = [(a.name, b.name) for a, b in pairwise(nodes)]
    is_chain = (
        len(nodes) > 2
        and graph.time is None
        and graph.form.sums_energies
        and graph.inputs == (nodes[0].name,)
        and graph.outputs == (nodes[-1].name,)
        and [(edge.source, edge.target) for edge in edges] == joined
        and all(_is_plain(edge) for edge in edges)
        and all(graph.activation(n.name).is_identity and n.precision == 1 for n in nodes[1:])
        and all(node.energy.curvature == 1 for node in nodes[1:])
        and graph.target_energy(nodes[-1]).curvature == 1
    )
    return edges if is_chain else None


def layers_of(edges: Sequence[Edge], params: Params) -> list[Layer]:
    """The layers of a chain with these parameters."""
    layers = []
    for edge in edges:
        own, scale = params[edge.name], edge.update_scale
        weight = np.asarray(own[edge.operators[0].matrix or ""], np.float64).T
        bias = np.asarray(own["bias"], np.float64) if "bias" in own else np.zeros(len(weight))
        layers.append(Layer(weight, bias, scale, scale if "bias" in own else 0.0))
    return layers


def chain_alignment(
    layers: Sequence[Layer], x: np.ndarray, target: np.ndarray, rate: float
) -> dict[str, float]:
    """The target alignment, by rule, of one update of a linear chain on one sample."""
    free = _forward(layers, x)
    wanted = target - free[-1]
    jacobians = [np.eye(len(target))]
    for layer in reversed(layers[1:]):
        jacobians.insert(0, jacobians[0] @ layer.weight)
    error = np.linalg.solve(sum(M @ M.T for M in jacobians), wanted)
    rested = [x]
    for layer, M in zip(layers, jacobians, strict=True):
        rested.append(layer.weight @ rested[-1] + layer.bias + M.T @ error)
    learning = {DEFAULT.name: (error, rested), BASELINE.name: (wanted, free)}
    result = {}
    for rule, (top, states) in learning.items():
        learned = [
            Layer(
                layer.weight + rate * layer.weight_scale * np.outer(M.T @ top, below),
                layer.bias + rate * layer.bias_scale * (M.T @ top),
            )
            for layer, M, below in zip(layers, jacobians, states[:-1], strict=True)
        ]
        moved = _forward(learned, x)[-1] - free[-1]
        result[rule] = float(moved @ wanted / np.linalg.norm(moved) / np.linalg.norm(wanted))
    return result


def mean_chain_alignment(
    edges: Sequence[Edge], params: Params, batch: Mapping[str, np.ndarray], rate: float
) -> dict[str, float]:
    """The mean over samples, each with an update of its own."""
    layers = layers_of(edges, params)
    inputs, targets = (np.asarray(batch[n]) for n in (edges[0].source, edges[-1].target))
    found = [chain_alignment(layers, x, t, rate) for x, t in zip(inputs, targets, strict=True)]
    return {rule: float(np.mean([one[rule] for one in found])) for rule in found[0]}


def moves_straight(graph: Graph, name: str, held: Collection[str]) -> bool:
    """Whether one update on one sample moves the node's prediction exactly towards x*.

    So it does where mu = sum_e gain_e (W_e x_e + b_e) with all x_e clamped: then
    dW_e = rate scale_e gain_e precision (x* - mu) x_e^T, and mu moves by a positive multiple
    of x* - mu.
    """
    node, edges = graph.node[name], graph.forward_edges(name)
    shared = {owner for edge in graph.edges for _, (owner, _) in edge.owners}
    return (
        graph.time is None
        and graph.form.sums_energies
        and node.energy.curvature is not None
        and graph.activation(name).is_identity
        and not node.concatenates
        and any(edge.update_scale and edge.gain for edge in edges)
        and all(
            edge.source in held and edge.name not in shared and _is_dense(edge) for edge in edges
        )
    )


def _is_plain(edge: Edge) -> bool:
    """Whether it contributes W x + b with parameters of its own."""
    return not edge.is_feedback and not edge.delay and edge.gain == 1 and _is_dense(edge)


def _is_dense(edge: Edge) -> bool:
    """Whether its pipeline is one dense map between vectors, with parameters of its own."""
    return (
        len(edge.operators) == 1
        and edge.operators[0].matrix is not None
        and len(edge.shapes[0]) == 1
        and not edge.owners
    )


def _forward(layers: Sequence[Layer], x: np.ndarray) -> list[np.ndarray]:
    """The states of a feedforward pass, the input first."""
    states = [x]
    for layer in layers:
        states.append(layer.weight @ states[-1] + layer.bias)
    return states
