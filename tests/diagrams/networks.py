"""Networks to draw: built directly, so that kinds that nothing knows yet occur too."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from pccompiler.components.energies import PassThrough
from pccompiler.components.forms import BidirectionalForm, PredictiveCodingForm
from pccompiler.components.operators import OPERATORS
from pccompiler.components.vocabulary import Role
from pccompiler.diagrams import FORMATS, VIEWS, draw
from pccompiler.diagrams.picture import Picture
from pccompiler.ir.graph import Edge, EdgeKind, Graph, Node, Stage, Time

SEPARATE = BidirectionalForm(errors="separate")

OPERATOR = {member.name: member for member in OPERATORS}

TEXTS = ("svg", "html", "dot", "mermaid")
"""The formats that are text."""

assert set(FORMATS) == {*TEXTS, "png", "pdf"}


def text_of(graph: Graph, format: str, **options: Any) -> str:
    """A diagram as text."""
    return draw(graph, format, **options).decode()


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
    """Any multigraph: cycles, parallel edges, loops, unconnected nodes, strange names.

    Edges that make forward predictions lead forwards where they have no delay, and always between
    nodes that pass their prediction through: so all of it can be unrolled.
    """
    names = draw(st.lists(NAMES, min_size=1, max_size=most, unique=True))
    roles = st.sampled_from(["input", "hidden", "output"])
    shapes = st.sampled_from([(64,), (28, 28, 1), ()])
    nodes = [node(name, draw(shapes), draw(roles)) for name in names]
    nodes = [
        n.replace(**draw(st.sampled_from([{}, {}, PASSING, {**PASSING, "concatenates": True}])))
        if n.role is Role.HIDDEN
        else n
        for n in nodes
    ]
    passing = {n.name for n in nodes if n.passes_through}
    kinds = st.sampled_from(["feedforward", "feedforward", "skip", "feedback", "recurrent", "new"])
    pipelines = st.sampled_from(["dense", "flatten dense tanh", "", "dense " * 7])
    ends = st.tuples(st.sampled_from(names), st.sampled_from(names), kinds, pipelines)
    edges = [
        edge(source, target, kind, pipeline, f"{source}->{target} {number}").replace(
            delay=draw(st.integers(names.index(source) >= names.index(target), 2))
        )
        for number, (source, target, kind, pipeline) in enumerate(
            draw(st.lists(ends, max_size=2 * most))
        )
        if kind == "feedback"
        or names.index(source) < names.index(target)
        or not {source, target} <= passing
    ]
    time = Time(draw(st.integers(1, 4)), draw(st.booleans()))
    form = draw(st.sampled_from([PredictiveCodingForm(), BidirectionalForm(), SEPARATE]))
    return Graph.of("any", Stage.TYPED, nodes, edges, time=time, form=form)


PASSING: dict[str, Any] = {"energy": PassThrough()}


def pictures() -> st.SearchStrategy[Picture]:
    """Any view of any network."""
    views = st.sampled_from(list(VIEWS.values()))
    return st.builds(lambda graph, view: view(graph, None, ""), networks(), views)


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


def recurrent() -> Graph:
    """Every kind of edge over three time steps: the network of the views' golden files."""
    flat = {"shapes": ((64,), (64,))}
    dense = OPERATOR["dense"]()
    back = dense.transposed((64,), (64,))
    assert back is not None
    return Graph.of(
        "recurrent",
        Stage.TYPED,
        [
            node("image", role="input"),
            node("s").replace(activation="identity", **PASSING),
            node("h"),
            node("label", (10,), "output"),
        ],
        [
            edge("image", "s").replace(**flat),
            edge("h", "s", "recurrent", "tanh").replace(delay=1, gain=0.5, **flat),
            edge("s", "h").replace(**flat),
            edge("h", "label").replace(shapes=((64,), (10,))),
            edge("image", "label", "skip").replace(delay=2, shapes=((64,), (10,))),
            edge("h", "h", "feedback").replace(
                operators=(back,), owners=((0, ("s->h", 0)),), tied_to="s->h", delay=1, **flat
            ),
        ],
        form=SEPARATE,
        time=Time(3),
    )


def bipc(steps: int = 4) -> dict[str, Any]:
    """The spec of an eight-node network with skips, recurrence and transposed feedback."""
    nodes: dict[str, Any] = {
        "image": {"shape": [28, 28, 1], "role": "input"},
        "s[1..6]": {"shape": [28, 28, 8], "energy": "none"},
        "h[1..6]": {"shape": [28, 28, 8], "activation": "tanh"},
        "label": {"shape": [10], "role": "output"},
    }
    back = {"kind": "feedback"}
    edges: list[dict[str, Any]] = [
        {"from": "image", "to": "s1", "op": "conv"},
        {"from": "h[1..5]", "to": "s[2..6]", "op": "conv", "delay": 1},
        {"from": "h[1..3]", "to": "s[3..5]", "op": "conv", "delay": 1, "kind": "skip"},
        {"from": "h[1..6]", "to": "s[1..6]", "op": "identity", "kind": "recurrent"},
        {"from": "s[1..6]", "to": "h[1..6]", "op": "conv"},
        {"from": "h6", "to": "label", "op": ["flatten", "dense"]},
        {"from": "h[2..6]", "to": "h[1..5]", "op": {"transpose_of": "h[1..5]->s[2..6]"}, **back},
        {"from": "h[1..6]", "to": "h[1..6]", "op": {"transpose_of": "s[1..6]->h[1..6]"},
         "delay": 1, **back},
        {"from": "label", "to": "h6", "op": {"transpose_of": "h6->label"}, **back},
        {"from": "h1", "to": "image", "op": {"transpose_of": "image->s1"}, **back},
    ]  # fmt: skip
    return {
        "pcc": 1,
        "name": "bipc",
        "nodes": nodes,
        "edges": edges,
        "time": {"steps": steps},
        "energy": {"form": "bidirectional"},
        "inference": {"init": "zeros"},
    }
