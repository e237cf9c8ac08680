"""Made-up data of the right kind for a network, where a check needs some."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pccompiler.components.vocabulary import Role, Support
from pccompiler.ir.graph import Graph


def random_batch(
    graph: Graph, nodes: Iterable[str], samples: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """(samples, *shape) for each of the nodes, with the time axis where there is one.

    Standard normal numbers; or classes (one-hot) and binary units where the energy is a
    likelihood of those, and numbers of tokens where an embedding reads them.
    """
    rng = np.random.default_rng(seed)
    tokens = {
        edge.source: operator.token_count
        for edge in graph.edges
        for operator in edge.operators[:1]
        if operator.token_count is not None
    }
    result: dict[str, np.ndarray] = {}
    for name in nodes:
        node = graph.node[name]
        shape = (samples, *((graph.time.steps,) if graph.time else ()), *(node.shape or ()))
        energy = graph.target_energy(node) if node.role is Role.OUTPUT else node.energy
        if name in tokens:
            result[name] = rng.integers(0, tokens[name], shape).astype(float)
        elif energy.support() is Support.DISTRIBUTIONS:
            result[name] = np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
        elif energy.support() is Support.PROBABILITIES:
            result[name] = rng.integers(0, 2, shape).astype(float)
        else:
            result[name] = rng.normal(size=shape)
    return result
