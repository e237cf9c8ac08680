"""Nodes and edges of a network that may be unrolled in time, and the maps along its edges.

Read from a plain spec whose node shapes are all written. Pipelines are made of dense
operators, elementwise functions and `transpose_of`; every operator acts on the last axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tests.reference.activations import SLOPES, VALUES, Array
from tests.reference.network import Tree, option

TRANSPOSE = "transpose_of"


@dataclass(frozen=True)
class Node:
    """`energy` is (name, options) where the spec names one, `prior` is (mean, precision)."""

    name: str
    shape: tuple[int, ...]
    role: str
    activation: str
    precision: float
    energy: tuple[str, Mapping[str, Any]] | None
    prior: tuple[float, float] | None
    concatenates: bool
    sums_feedback: bool

    @property
    def passes(self) -> bool:
        return self.energy is not None and self.energy[0] == "none"


@dataclass(frozen=True)
class Operator:
    """One operator. `key` is where its parameters stand in the owner's, None for the top."""

    kind: str
    sizes: tuple[int, int] = (0, 0)
    bias: bool = False
    key: str | None = None
    transposed: bool = False


@dataclass(frozen=True)
class Edge:
    """`owner` names the edge whose parameters it uses, mostly itself."""

    name: str
    source: str
    target: str
    feedback: bool
    recurrent: bool
    delay: int
    gain: float
    operators: tuple[Operator, ...]
    owner: str

    @property
    def owns_parameters(self) -> bool:
        return self.owner == self.name and any(o.kind == "dense" for o in self.operators)


def read_nodes(spec: Mapping[str, Any]) -> dict[str, Node]:
    precision = spec.get("energy", {}).get("precision", 1.0)
    per_node = precision["per_node"] if isinstance(precision, Mapping) else {}
    everywhere = 1.0 if isinstance(precision, Mapping) else float(precision)
    nodes: dict[str, Node] = {}
    for name, written in spec["nodes"].items():
        prior = option(written["prior"])[1] if "prior" in written else None
        nodes[name] = Node(
            name=name,
            shape=tuple(written["shape"]),
            role=written.get("role", "hidden"),
            activation=written.get("activation", "identity"),
            precision=per_node.get(name, everywhere),
            energy=option(written["energy"]) if "energy" in written else None,
            prior=prior if prior is None else (prior.get("mean", 0.0), prior.get("precision", 1.0)),
            concatenates=written.get("combine") == "concat",
            sums_feedback=written.get("merge") == "sum",
        )
    return nodes


def read_edges(spec: Mapping[str, Any], nodes: Mapping[str, Node]) -> dict[str, Edge]:
    edges: dict[str, Edge] = {}
    later: list[tuple[str, str, str, Mapping[str, Any]]] = []
    for written in spec["edges"]:
        chain = [part.strip() for part in written.get("path", "").split("->")]
        ends = list(pairwise(chain)) if "path" in written else [(written["from"], written["to"])]
        for source, target in ends:
            name = written.get("name") or f"{source}->{target}"
            later.append((name, source, target, written))
    # An edge that is transposed or tied to may be written after the one that refers to it.
    while later:
        ready = [entry for entry in later if set(_referred(entry[3])) <= set(edges)]
        if not ready:
            raise ValueError("edges refer to each other in a circle, or to one that is not there")
        for entry in ready:
            edges[entry[0]] = _edge(*entry, nodes, edges)
            later.remove(entry)
    return edges


def _referred(written: Mapping[str, Any]) -> list[str]:
    named = [written["tied_to"]] if "tied_to" in written else []
    return named + [_transposed(o) for k, o in _members(written) if k == TRANSPOSE]


def _members(written: Mapping[str, Any]) -> list[tuple[str, Any]]:
    op = written.get("op", "dense")
    members = op if isinstance(op, list | tuple) else [op]
    return [(m, {}) if isinstance(m, str) else next(iter(m.items())) for m in members]


def _transposed(options: Any) -> str:
    return options["edge"] if isinstance(options, Mapping) else options


def _edge(
    name: str,
    source: str,
    target: str,
    written: Mapping[str, Any],
    nodes: Mapping[str, Node],
    edges: Mapping[str, Edge],
) -> Edge:
    kind = written.get("kind", "feedforward")
    members = _members(written)
    transposed = [edges[_transposed(options)] for k, options in members if k == TRANSPOSE]
    owner = edges[written["tied_to"]].owner if "tied_to" in written else name
    if transposed:
        [original] = transposed
        owner = original.owner
    default = transposed[0].delay if transposed else int(kind == "recurrent")
    size = nodes[source].shape[-1]
    operators = _operators(members, size, nodes[target].shape[-1], edges)
    return Edge(
        name=name,
        source=source,
        target=target,
        feedback=kind == "feedback",
        recurrent=kind == "recurrent",
        delay=written.get("delay", default),
        gain=float(written.get("gain", 1.0)),
        operators=tuple(operators),
        owner=owner,
    )


def _operators(
    members: list[tuple[str, Any]], size: int, target: int, edges: Mapping[str, Edge]
) -> list[Operator]:
    count = sum(kind == "dense" for kind, _ in members)
    operators: list[Operator] = []
    seen = 0
    for kind, options in members:
        if kind == TRANSPOSE:
            linear = [o for o in edges[_transposed(options)].operators if o.kind == "dense"]
            for o in reversed(linear):
                operators.append(Operator("dense", o.sizes[::-1], key=o.key, transposed=True))
        elif kind == "dense":
            seen += 1
            units = (options or {}).get("units") or target
            key = None if count == 1 else "dense" + (str(seen) if seen > 1 else "")
            bias = (options or {}).get("bias", True)
            operators.append(Operator("dense", (size, units), bias, key))
            size = units
        else:
            operators.append(Operator(kind))
    return operators


def run(edge: Edge, own: Tree, x: Array) -> tuple[Array, list[Array]]:
    """The pipeline's output, without the gain, and what each operator received."""
    received: list[Array] = []
    for operator in edge.operators:
        received.append(x)
        if operator.kind == "dense":
            mine = own if operator.key is None else own[operator.key]
            weight = mine["weight"].T if operator.transposed else mine["weight"]
            x = x @ weight + (mine["bias"] if operator.bias else 0.0)
        else:
            x = VALUES[operator.kind](x)
    return x, received


def pull(edge: Edge, own: Tree, x: Array, dy: Array, gradient: Tree) -> Array:
    """The cotangent of x, given that of the output; adds the parameters' to `gradient`.

    y = x W + b:   dx = dy W^T,   dW = x^T dy,   db = sum dy       (transposed: W^T for W)
    """
    _, received = run(edge, own, x)
    for operator, x_in in zip(reversed(edge.operators), reversed(received), strict=True):
        if operator.kind != "dense":
            dy = dy * SLOPES[operator.kind](x_in)
            continue
        mine = own if operator.key is None else own[operator.key]
        theirs = gradient if operator.key is None else gradient[operator.key]
        rows_in, rows_out = x_in.reshape(-1, x_in.shape[-1]), dy.reshape(-1, dy.shape[-1])
        product = rows_in.T @ rows_out
        theirs["weight"] += product.T if operator.transposed else product
        if operator.bias:
            theirs["bias"] += rows_out.sum(axis=0)
        dy = dy @ (mine["weight"] if operator.transposed else mine["weight"].T)
    return dy


def canonical_order(nodes: Iterable[str], edges: Iterable[Edge]) -> list[str]:
    """Sources before targets, the smallest name first among those that could come next.

    Cycles stand together, in the place of their smallest name; inside a cycle the order is
    that of its edges without delay. Recurrent and feedback edges do not count.
    """
    forward = [e for e in edges if not e.feedback and not e.recurrent]
    order: list[str] = []
    for group in _groups(set(nodes), forward):
        order += [n for part in _groups(group, [e for e in forward if not e.delay]) for n in part]
    return order


def _groups(nodes: Iterable[str], edges: list[Edge]) -> list[list[str]]:
    """Strongly connected groups, sources first, by their smallest name where that is free."""
    inside = set(nodes)
    after = {n: {e.target for e in edges if e.source == n and e.target in inside} for n in inside}
    reach = {n: _reachable(n, after) for n in inside}
    groups = {min(m for m in inside if m == n or (m in reach[n] and n in reach[m])) for n in inside}
    members = {
        g: sorted(m for m in inside if m == g or (m in reach[g] and g in reach[m])) for g in groups
    }
    placed: list[str] = []
    while len(placed) < len(groups):
        free = (
            g
            for g in groups
            if g not in placed
            and not any(h != g and h not in placed and g in reach[h] for h in groups)
        )
        placed.append(min(free))
    return [members[g] for g in placed]


def _reachable(start: str, after: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    border = set(after[start])
    while border:
        found |= border
        border = {m for n in border for m in after[n]} - found
    return found


def sweep_order(nodes: Iterable[str], edges: Iterable[Edge]) -> list[str] | None:
    """An order in which, within a time step, every source stands before its targets."""
    within = [e for e in edges if not e.feedback and not e.delay]
    left, order = set(nodes), []
    while left:
        ready = {n for n in left if not any(e.target == n and e.source in left for e in within)}
        if not ready:
            return None
        order += sorted(ready)
        left -= ready
    return order


def zeros_like(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: zeros_like(value) for key, value in tree.items()}
    return np.zeros_like(tree)
