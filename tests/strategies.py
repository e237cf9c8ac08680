"""Hypothesis strategies for small networks, as the mappings that `pccompiler.compile` takes.

Networks are acyclic, of two to nine nodes, with skips, fan-in, fan-out and parallel edges;
sometimes with several inputs and outputs, outputs that predict other nodes, roots that are
free and nodes of two axes; where asked for, with inputs that are themselves predicted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st

from tests.in_touch import in_touch
from tests.reference.activations import VALUES
from tests.reference.energy_network import EnergyNetwork

Spec = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
Shape = tuple[int, ...]

EVERY_ACTIVATION = tuple(VALUES)

CLAMP: Spec = {"predictive_coding": {"output": "clamp"}}

OPTIMIZERS: dict[str, st.SearchStrategy[Spec]] = {
    "sgd": st.builds(
        lambda rate: {"sgd": {"learning_rate": rate}}, st.sampled_from([0.05, 0.1, 0.3])
    ),
    "momentum": st.builds(
        lambda rate, m: {"sgd": {"learning_rate": rate, "momentum": m}},
        st.sampled_from([0.05, 0.2]),
        st.sampled_from([0.5, 0.9]),
    ),
    "adam": st.builds(
        lambda rate, b1, eps: {"adam": {"learning_rate": rate, "b1": b1, "eps": eps}},
        st.sampled_from([0.01, 0.05]),
        st.sampled_from([0.5, 0.9]),
        st.sampled_from([1e-8, 1e-4]),
    ),
}

ANY_OPTIMIZER = st.one_of(*OPTIMIZERS.values())


def nudges(betas: tuple[float, ...] = (0.05, 0.1, 0.4)) -> st.SearchStrategy[Spec]:
    return st.builds(
        lambda beta, variant: {
            "predictive_coding": {"output": "nudge", "beta": beta, "variant": variant}
        },
        st.sampled_from(betas),
        st.sampled_from(["positive", "negative", "centred"]),
    )


RULES = st.one_of(st.just("predictive_coding"), st.just(CLAMP), nudges(), st.just("backprop"))


def examples(count: int) -> settings:
    """The same `count` examples in every run; PCC_TEST_DEPTH=10 tries ten times as many.

    Failures are not shrunk: that would compile hundreds of programs, and they are small.
    """
    depth = int(os.environ.get("PCC_TEST_DEPTH", "1"))
    phases = (Phase.explicit, Phase.generate)
    return settings(max_examples=count * depth, derandomize=True, deadline=None, phases=phases)


@dataclass(frozen=True)
class Case:
    """A network with parameters and a batch, all drawn from the seed."""

    spec: Spec
    seed: int
    batch_size: int = 3

    def reference(self) -> EnergyNetwork:
        return EnergyNetwork(self.spec)

    def numbers(self, scale: float = 1.0) -> tuple[Spec, dict[str, np.ndarray]]:
        """(params, batch) in float64."""
        network, rng = self.reference(), np.random.default_rng(self.seed)
        return network.draw_params(rng, scale), network.draw_batch(rng, self.batch_size)


@st.composite
def cases(draw: Draw, batch_size: int = 3, **how: Any) -> Case:
    return Case(draw(specs(**how)), draw(st.integers(0, 2**16)), batch_size)


@st.composite
def specs(
    draw: Draw,
    activations: tuple[str, ...] = EVERY_ACTIVATION,
    rules: st.SearchStrategy[Any] = RULES,
    optimizers: st.SearchStrategy[Spec] = ANY_OPTIMIZER,
    inits: tuple[str, ...] = ("feedforward", "zeros"),
    most_nodes: int = 9,
    free_roots: bool = True,
    predicted_inputs: bool = False,
) -> Spec:
    """A whole spec. Without free roots and predicted inputs, backprop is its feedforward pass."""
    loss = draw(st.sampled_from(["squared_error", "cross_entropy"]))
    names = draw(st.permutations("abcdefghi"))[: draw(_sizes(most_nodes))]
    nodes, edges = draw(_graphs(names, activations, loss, free_roots, predicted_inputs))
    spec = {
        "pcc": 1,
        "name": "generated",
        "nodes": nodes,
        "edges": edges,
        "energy": {"loss": loss, "precision": draw(_precisions(names))},
        "learning": {"rule": draw(rules)},
    }
    spec = in_touch(spec)
    inference = {
        "init": draw(st.sampled_from(inits)),
        "optimizer": draw(optimizers),
        "steps": draw(_steps(EnergyNetwork(spec))),
    }
    return {**spec, "inference": inference}


def shuffled(spec: Spec) -> st.SearchStrategy[Spec]:
    """The same network with its nodes and edges declared in another order."""
    return st.builds(
        lambda nodes, edges: {**spec, "nodes": dict(nodes), "edges": list(edges)},
        st.permutations(list(spec["nodes"].items())),
        st.permutations(spec["edges"]),
    )


def _precisions(names: list[str]) -> st.SearchStrategy[Any]:
    values = st.sampled_from([0.25, 0.5, 2.0, 3.5])
    per_node = st.dictionaries(st.sampled_from(names), values, min_size=1, max_size=3)
    return st.one_of(st.just(1.0), values, per_node.map(lambda given: {"per_node": given}))


def _steps(network: EnergyNetwork) -> st.SearchStrategy[Any]:
    """A number, or one per phase that relaxes."""
    count = st.integers(1, 8)
    relaxing = [name for name, phase in network.phases.items() if phase.relaxes]
    if not relaxing:
        return count
    return st.one_of(count, count, st.fixed_dictionaries(dict.fromkeys(relaxing, count)))


@st.composite
def _graphs(
    draw: Draw,
    names: list[str],
    activations: tuple[str, ...],
    loss: str,
    free_roots: bool,
    predicted_inputs: bool,
) -> tuple[Spec, list[Spec]]:
    activation = st.one_of(st.just("identity"), st.sampled_from(activations))
    inputs = draw(st.integers(1, min(2, len(names) - 1)))
    nodes: Spec = {}
    edges: list[Spec] = []
    for position, name in enumerate(names):
        last = position == len(names) - 1
        role = "input" if position < inputs else "output" if last else "hidden"
        if role == "hidden" and draw(_seldom()):
            role = "output"
        root = role == "input"
        if role == "hidden" and free_roots and draw(_seldom()):
            root = True
        if predicted_inputs and position > 0 and role in ("input", "hidden") and draw(_seldom()):
            role, root = "input", False
        smallest = 2 if role == "output" and loss == "cross_entropy" else 1
        shape = draw(_shapes(nodes, root, smallest, flat=last))
        nodes[name] = {"shape": list(shape), "role": role, "activation": draw(activation)}
        if not root:
            edges += draw(_incoming(name, nodes, activations))
    for name in names[:-1]:
        if not any(name in (edge["from"], edge["to"]) for edge in edges):
            edges.append(draw(_edges(name, names[-1], nodes, activations)))
    return nodes, edges


def _sizes(largest: int) -> st.SearchStrategy[int]:
    """Two nodes at the least, mostly four and more."""
    return st.sampled_from([n for n in (4, 5, 6, 3, 7, 5, 2, 8, 6, 9) if n <= largest])


def _seldom() -> st.SearchStrategy[bool]:
    return st.sampled_from([False] * 7 + [True])


@st.composite
def _shapes(draw: Draw, nodes: Spec, root: bool, smallest: int, flat: bool) -> Shape:
    """One axis, or two: a predicted node of two axes shares the first with some source."""
    units = draw(st.integers(smallest, 5))
    rows = sorted({node["shape"][0] for node in nodes.values() if len(node["shape"]) == 2})
    if flat or not draw(_seldom()) or not (root or rows):
        return (units,)
    return (draw(st.sampled_from([2, 3] if root else rows)), max(smallest, min(units, 3)))


@st.composite
def _incoming(draw: Draw, name: str, nodes: Spec, activations: tuple[str, ...]) -> list[Spec]:
    shape = nodes[name]["shape"]
    sources = [
        other
        for other, node in nodes.items()
        if other != name
        and (len(shape) == 1 or (len(node["shape"]) == 2 and node["shape"][0] == shape[0]))
    ]
    near = sources[-2:]
    chosen = [draw(st.sampled_from(near)), *draw(_extra(sources))]
    edges = [draw(_edges(source, name, nodes, activations)) for source in chosen]
    for number, edge in enumerate(edges):
        if chosen.index(edge["from"]) < number:
            edge["name"] = f"{edge['from']}_{edge['to']}_{number}"
    return edges


def _extra(sources: list[str]) -> st.SearchStrategy[list[str]]:
    """No further source, one or two; a source may be repeated."""
    counts = st.sampled_from([0, 1, 0, 1, 2])
    return counts.flatmap(lambda n: st.lists(st.sampled_from(sources), min_size=n, max_size=n))


@st.composite
def _edges(draw: Draw, source: str, target: str, nodes: Spec, activations: tuple[str, ...]) -> Spec:
    shapes = tuple(nodes[source]["shape"]), tuple(nodes[target]["shape"])
    edge = {"from": source, "to": target, "op": draw(_pipelines(*shapes, activations))}
    return {**edge, "kind": "skip"} if draw(_seldom()) else edge


@st.composite
def _pipelines(draw: Draw, shape: Shape, target: Shape, activations: tuple[str, ...]) -> Any:
    """Operators from one shape to the other; with one dense operator in half of the cases."""
    function = st.sampled_from(activations)
    size = draw(st.integers(1, 4))
    dense = {"dense": {"bias": draw(st.booleans())}}
    inner = {"dense": {"units": size}}
    flatten = ["flatten"] if len(target) < len(shape) else []
    options: list[list[Any]] = [
        [*flatten, "dense"],
        [*flatten, dense],
        [*flatten, draw(function), dense],
        [draw(function), *flatten, dense, draw(function)],
        [*flatten, inner, draw(function), dense],
        [inner, *flatten, dense],
    ]
    moved = (prod(shape),) if flatten else shape
    if moved == target:
        options += [[*flatten, draw(function)], [draw(function), *flatten, "identity"]]
    pipeline = draw(st.sampled_from(options))
    return pipeline[0] if len(pipeline) == 1 and draw(st.booleans()) else pipeline
