"""Random networks of dense edges, as specs and as NumPy: the reference knows no compiler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class DenseNetwork:
    """A DAG of tanh nodes. `edges` are (source, target), sources before targets; `sizes` by node,
    in forward order; `x` is the input and `y` the linear output."""

    sizes: dict[str, int]
    edges: list[tuple[str, str]]

    @property
    def spec(self) -> dict[str, Any]:
        roles = {"x": "input", "y": "output"}
        return {
            "pcc": 1,
            "name": "random",
            "nodes": {
                name: {
                    "shape": [size],
                    "role": roles.get(name, "hidden"),
                    "activation": "identity" if name in roles else "tanh",
                }
                for name, size in self.sizes.items()
            },
            "edges": [
                {"from": a, "to": b, "kind": "feedforward", "op": "dense"} for a, b in self.edges
            ],
        }

    def into(self, node: str) -> list[tuple[str, str]]:
        return [edge for edge in self.edges if edge[1] == node]

    def arriving(self, params: Any, states: dict[str, Array], node: str) -> Any:
        """The sum of what the edges into a node make of these states."""
        total: Any = 0.0
        for a, b in self.into(node):
            weights = params[f"{a}->{b}"]
            total = total + states[a] @ weights["weight"] + weights["bias"]
        return total

    def forward(self, params: Any, x: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        """(states, derivatives of the activations) of one pass, (batch, units) by node."""
        states, slopes = {"x": x}, {}
        for node in self.sizes:
            if node == "x":
                continue
            total = self.arriving(params, states, node)
            states[node] = total if node == "y" else np.tanh(total)
            slopes[node] = np.ones_like(total) if node == "y" else 1 - np.tanh(total) ** 2
        return states, slopes


def random_network(seed: int) -> DenseNetwork:
    """Three or four hidden nodes with skips and fan-in; each reaches the output."""
    rng = np.random.default_rng(seed)
    names = ["x", *(f"h{i}" for i in range(int(rng.integers(3, 5)))), "y"]
    sizes = {name: int(rng.integers(2, 5)) for name in names}
    edges: list[tuple[str, str]] = []
    for i, target in enumerate(names[1:], start=1):
        edges.append((names[i - 1], target))
        edges += [(a, target) for a in names[: i - 1] if rng.random() < 0.4]
    return DenseNetwork(sizes, edges)


def data_for(network: DenseNetwork, seed: int, samples: int = 5) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed + 1000)
    shape = network.sizes
    return rng.normal(size=(samples, shape["x"])), rng.normal(size=(samples, shape["y"]))


def as_numpy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: as_numpy(leaf) for name, leaf in tree.items()}
    return np.asarray(tree)


def largest_difference(a: Any, b: Any) -> float:
    """Over two nested dictionaries with the same names."""
    assert a.keys() == b.keys()
    return max(
        largest_difference(a[name], b[name])
        if isinstance(a[name], dict)
        else float(np.abs(np.asarray(a[name]) - np.asarray(b[name])).max())
        for name in a
    )
