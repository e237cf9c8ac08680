"""Networks to draw: built directly, so that kinds of edges of later versions occur too."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from pccompiler.components.operators import OPERATORS
from pccompiler.components.vocabulary import Role
from pccompiler.ir.graph import Edge, EdgeKind, Graph, Node, Stage

OPERATOR = {member.name: member for member in OPERATORS}


def node(name: str, shape: tuple[int, ...] = (64,), role: str = "hidden") -> Node:
    return Node(name, shape, Role(role), "tanh", 1.0)


def edge(
    source: str, target: str, kind: str = "feedforward", operators: str = "dense", name: str = ""
) -> Edge:
    known = {member.value: member for member in EdgeKind}
    pipeline = tuple(OPERATOR[operator]() for operator in operators.split())
    name = name or f"{source}->{target}"
    return Edge(name, source, target, known.get(kind, kind), pipeline)  # pyright: ignore


def chain(length: int) -> Graph:
    """image -> h1 -> ... -> label."""
    names = ["image", *(f"h{i}" for i in range(1, length - 1)), "label"]
    roles = ["input", *["hidden"] * (length - 2), "output"]
    return Graph.of(
        "chain",
        Stage.TYPED,
        [node(name, role=role) for name, role in zip(names, roles, strict=True)],
        [edge(source, target) for source, target in pairwise(names)],
    )


NAMES = st.text("abcxyz019_ <&\"'|#é漢\\", min_size=1, max_size=30).map(str.strip).filter(bool)


@st.composite
def networks(draw: Callable[..., Any], most: int = 9) -> Graph:
    """Any multigraph: cycles, parallel edges, loops, unconnected nodes, strange names."""
    names = draw(st.lists(NAMES, min_size=1, max_size=most, unique=True))
    roles = st.sampled_from(["input", "hidden", "output"])
    shapes = st.sampled_from([(64,), (28, 28, 1), ()])
    nodes = [node(name, draw(shapes), draw(roles)) for name in names]
    kinds = st.sampled_from(["feedforward", "feedforward", "skip", "feedback", "recurrent", "new"])
    pipelines = st.sampled_from(["dense", "flatten dense tanh", "", "dense " * 7])
    ends = st.tuples(st.sampled_from(names), st.sampled_from(names), kinds, pipelines)
    edges = [
        edge(source, target, kind, pipeline, f"{source}->{target} {number}")
        for number, (source, target, kind, pipeline) in enumerate(
            draw(st.lists(ends, max_size=2 * most))
        )
    ]
    return Graph.of("any", Stage.TYPED, nodes, edges)


def small() -> Graph:
    """Two inputs, a skip, parallel edges and a pipeline: the network of the golden files."""
    return Graph.of(
        "small",
        Stage.TYPED,
        [
            node("image", (28, 28, 1), "input"),
            node("text", (300,), "input"),
            node("h1"),
            node("h[2]"),
            node("label & co", (10,), "output"),
        ],
        [
            edge("image", "h1", operators="flatten dense tanh").replace(
                shapes=((28, 28, 1), (784,), (64,), (64,))
            ),
            edge("h1", "h[2]").replace(shapes=((64,), (64,))),
            edge("h1", "h[2]", operators="tanh dense", name="second").replace(
                shapes=((64,), (64,), (64,))
            ),
            edge("text", "h[2]").replace(shapes=((300,), (64,))),
            edge("h[2]", "label & co").replace(shapes=((64,), (10,))),
            edge("h1", "label & co", "skip").replace(shapes=((64,), (10,))),
        ],
    )
