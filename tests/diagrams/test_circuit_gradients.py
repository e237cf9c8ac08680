"""The lines of the circuit view against the gradient of F that the compiled network computes.

An error unit stands for a term of F: e of node n for E_n, or, where a node has a second error, for
the part of E_n that weighs it. Along the lines, through nodes that pass their prediction through,
- values lead to an error exactly where its term depends on them, held or not;
- an error leads back to a value exactly where its term depends on free copies of that value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

import pccompiler as pcc
from pccompiler.components.vocabulary import Role
from pccompiler.diagrams.circuit import circuit
from pccompiler.diagrams.picture import Picture
from pccompiler.diagrams.styles import Tip
from pccompiler.ir.copies import Copies

Spec = dict[str, Any]
Pairs = set[tuple[str, str]]

X: Spec = {"shape": [3], "role": "input"}
H: Spec = {"shape": [3], "activation": "tanh"}
Y: Spec = {"shape": [2], "role": "output"}
CHAIN: tuple[Spec, ...] = ({"from": "x", "to": "h"}, {"from": "h", "to": "y"})
BACK: Spec = {"from": "y", "to": "h", "kind": "feedback"}
LOOP: Spec = {"from": "h", "to": "h", "kind": "recurrent"}
SEPARATE: Spec = {"bidirectional": {"errors": "separate"}}
NUDGE: Spec = {"rule": {"predictive_coding": {"output": "nudge"}}}
PLAIN: Spec = {"x": X, "h": H, "y": Y}


def spec_of(nodes: Spec, *edges: Spec, form: Any = "predictive_coding", **sections: Any) -> Spec:
    energy = {"form": form, **sections.pop("energy", {})}
    inference = {"init": "zeros", "steps": 2}
    base = {"pcc": 1, "name": "circuit", "inference": inference}
    return {**base, "nodes": nodes, "edges": list(edges), "energy": energy, **sections}


NETWORKS: dict[str, Spec] = {
    "chain": spec_of(PLAIN, *CHAIN),
    "skip": spec_of(PLAIN, *CHAIN, {"from": "x", "to": "y", "kind": "skip"}),
    "cross_entropy": spec_of(PLAIN, *CHAIN, energy={"loss": "cross_entropy"}),
    "self_recurrent": spec_of(PLAIN, *CHAIN, LOOP, time={"steps": 3}),
    "self_recurrent_every": spec_of(PLAIN, *CHAIN, LOOP, time={"steps": 3, "targets": "every"}),
    "targets_last": spec_of(PLAIN, *CHAIN, {**LOOP, "from": "y"}, time={"steps": 3}),
    "cycle_without_time": spec_of(PLAIN, *CHAIN, {**LOOP, "delay": 0}),
    "feedback_left_out": spec_of(PLAIN, *CHAIN, BACK),
    "feedback_separate": spec_of(PLAIN, *CHAIN, BACK, {**BACK, "to": "x"}, form=SEPARATE),
    "feedback_to_output": spec_of(
        PLAIN, *CHAIN, {**BACK, "from": "h", "to": "y", "name": "down"}, BACK, form=SEPARATE,
        time={"steps": 2},
    ),
    "feedback_to_held_output": spec_of(
        PLAIN, *CHAIN, {**BACK, "from": "h", "to": "y", "name": "down"}, BACK, form=SEPARATE
    ),
    "feedback_summed": spec_of(PLAIN, *CHAIN, BACK, {**BACK, "to": "x"}, form="bidirectional"),
    "feedback_in_time": spec_of(
        PLAIN, *CHAIN, {**BACK, "delay": 1}, {**LOOP, "kind": "feedback", "delay": 1},
        form=SEPARATE, time={"steps": 3},
    ),
    "prior": spec_of(
        {"z": {"shape": [2], "prior": "gaussian"}, **PLAIN}, *CHAIN, {"from": "z", "to": "h"}
    ),
    "held_prior": spec_of({**PLAIN, "x": {**X, "prior": "gaussian"}}, *CHAIN),
    "predicted_input": spec_of({**PLAIN, "z": X}, *CHAIN, {"from": "h", "to": "z"}),
    "sums": spec_of(
        {**PLAIN, "s": {"shape": [3], "energy": "none"}, "t": {"shape": [3], "energy": "none"},
         "dead": {"shape": [2], "energy": "none"}},
        {"from": "x", "to": "s"}, {"from": "s", "to": "t"}, {"from": "t", "to": "h"},
        {"from": "h", "to": "dead"}, {"from": "h", "to": "y"},
    ),
    "readout": spec_of(
        {**PLAIN, "y": {**Y, "energy": "none"}}, *CHAIN, energy={"loss": "cross_entropy"},
        learning=NUDGE,
    ),
}  # fmt: skip

COUPLED: dict[str, Spec] = {
    "couplings": spec_of(
        PLAIN, *CHAIN, {"from": "h", "to": "h", "kind": "recurrent"}, form="hopfield",
        learning={"rule": "equilibrium_propagation"},
    ),
}  # fmt: skip


def drawn_of(spec: Spec) -> tuple[pcc.CompiledModel, Picture]:
    """As `pcc diagram` draws it: with what the last phase clamps."""
    model = pcc.compile(spec)
    return model, circuit(model.graph, model.plan.phases[-1].clamped)


def terms_of(spec: Spec) -> Any:
    """States -> the term of F of each error unit, by its name, summed over the batch."""
    graph = pcc.compile(spec).graph
    form = graph.form
    variables = [node.name for node in graph.variables]
    one = _energies(spec)

    def weighed(forward: float, back: float) -> Any:
        weights = {"errors": "separate", "forward_weight": forward, "feedback_weight": back}
        return _energies(spec | {"energy": {**spec["energy"], "form": {"bidirectional": weights}}})

    if form.name == "bidirectional" and not form.adds_errors():
        parts = {"εf": weighed(2, 1), "εb": weighed(1, 2)}
        return lambda x: {
            f"{mark}({name})": _term(more(x), name) - _term(one(x), name)
            for mark, more in parts.items()
            for name in variables
        }
    marks = {
        n: "ε" if graph.forward_edges(n) or not form.adds_errors() else "εb" for n in variables
    }
    outputs = [n for n in graph.with_role(Role.OUTPUT) if graph.node[n].passes_through]
    return lambda x: (
        {f"{marks[name]}({name})": _term(one(x), name) for name in variables}
        | {name: one(x)["external"].sum() for name in outputs}
    )


def params_of(model: pcc.CompiledModel) -> Any:
    """Normal parameters in float64, without a program that draws them."""
    like, rng = jax.eval_shape(model.init, jax.random.key(0)), np.random.default_rng(1)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), like)


def _energies(spec: Spec) -> Any:
    """States -> the energies at random parameters, with the nudge of the last phase."""
    model = pcc.compile(spec)
    phase, params = model.plan.phases[-1], params_of(model)
    targets = {name: np.full((2, 2), 0.5) for name in phase.nudged}
    return lambda x: model.energy(params, x, targets, phase=phase.name)


def _term(energies: Any, name: str) -> Any:
    return energies["nodes"][name].sum() if name in energies["nodes"] else 0.0


def dependences(spec: Spec) -> tuple[Pairs, Pairs]:
    """({(error, value)}, the same for free copies of values) by the gradient."""
    model, _ = drawn_of(spec)
    graph, copies = model.graph, Copies(model.graph)
    rng, held = np.random.default_rng(0), model.plan.phases[-1].clamped
    shapes = {n.name: (2, *([graph.copies] if graph.time else []), *n.shape)
              for n in graph.variables}  # fmt: skip
    states = {name: rng.uniform(0.1, 0.9, shape) for name, shape in shapes.items()}
    anywhere: Pairs = set()
    where_free: Pairs = set()
    terms = terms_of(spec)

    def all_terms(x: Any) -> Any:
        """Even those that depend on nothing, as numbers that can be differentiated."""
        return {unit: term + 0.0 * x["x"].sum() for unit, term in terms(x).items()}

    slopes_of = jax.jit(jax.jacrev(all_terms))
    for unit, by_value in slopes_of(states).items():
        for name, slope in by_value.items():
            slopes = np.abs(slope) if graph.time else np.abs(slope)[:, None]
            free = [
                name not in held or (name in graph.with_role(Role.OUTPUT) and not copies.targets[t])
                for t in copies.times
            ]
            if slopes.max() > 1e-9:
                anywhere.add((unit, name))
            if any(free) and slopes[:, free].max() > 1e-9:
                where_free.add((unit, name))
    return anywhere, where_free


def joined(drawn: Picture) -> tuple[Pairs, Pairs]:
    """The same two sets by the drawn lines."""
    passing = {node.name for node in drawn.nodes if node.look in ("sum", "join")}
    values = {node.name for node in drawn.nodes if node.look.endswith("_value")}
    errors = {node.name for node in drawn.nodes if node.look.endswith("_error")}
    ahead: dict[str, set[str]] = {}
    back: dict[str, set[str]] = {}
    for edge in drawn.edges:
        ends, tip = (edge.source, edge.target), edge.style.tip
        if edge.kind == "correction":
            back.setdefault(edge.source, set()).add(edge.target)
        elif edge.kind in ("comparison", "held_target", "feedback_comparison", "held_value"):
            error, value = sorted(ends, key=lambda end: end in values)
            ahead.setdefault(value, set()).add(error)
            if tip in (Tip.ARROW_BAR, Tip.BAR_ARROW):
                back.setdefault(error, set()).add(value)
        else:
            ahead.setdefault(edge.source, set()).add(edge.target)

    def reached(start: str, lines: dict[str, set[str]], first: bool = True) -> Iterator[str]:
        for end in lines.get(start, ()):
            if end in passing:
                yield end
                yield from reached(end, lines, False)
            else:
                yield end

    outputs = {e for e in passing if e == "y"}
    units = errors | outputs
    enters = {(e, v) for v in values for e in reached(v, ahead) if e in units}
    corrects = {(e, v) for e in units for v in reached(e, back) if v in values}
    return enters, corrects


@pytest.mark.parametrize("name", NETWORKS)
def test_lines_join_errors_and_values_exactly_where_the_gradient_does(name: str) -> None:
    with jax.enable_x64(True):
        enters, corrects = dependences(NETWORKS[name])
    _, drawn = drawn_of(NETWORKS[name])
    assert joined(drawn) == (enters, corrects)


@pytest.mark.parametrize("name", COUPLED)
def test_couplings_join_values_exactly_where_the_field_of_one_depends_on_the_other(
    name: str,
) -> None:
    model, drawn = drawn_of(COUPLED[name])
    params = params_of(model)
    free = [
        n.name for n in model.graph.variables if n.name not in model.graph.with_role(Role.INPUT)
    ]
    states = {n.name: np.full((1, *n.shape), 0.4) for n in model.graph.nodes}

    def energy(x: Any) -> Any:
        return model.energy(params, x, states, phase="nudged")["total"].sum()

    with jax.enable_x64(True):
        hessian = jax.jit(jax.hessian(energy))(states)
    pairs = {
        frozenset((a, b))
        for a in free
        for b in states
        if np.abs(_off_diagonal(hessian[a][b], a == b)).max() > 1e-6
    }
    assert {frozenset((e.source, e.target)) for e in drawn.edges} == pairs
    assert {e.style.tip for e in drawn.edges} == {Tip.NONE}


def _off_diagonal(block: Any, same: bool) -> Any:
    """What units do to others, without what each does to itself."""
    flat = np.asarray(block).reshape(int(np.prod(block.shape[:2])), -1)
    return flat * (1 - np.eye(len(flat))) if same else flat


def test_arrows_add_and_bars_subtract_as_the_equations_do() -> None:
    """e = h - x for an identity edge: h enters with a plus, x with a minus; and -dF/dh = -e,
    -dF/dx = +e, so that a positive error pushes what predicts it and pulls its own value back."""
    edges = ({"from": "z", "to": "h", "op": "identity"}, {"from": "h", "to": "y"})
    nodes = {"z": {"shape": [3], "prior": {"gaussian": {}}}, "h": {"shape": [3]}, "y": Y}
    _, drawn = drawn_of(spec_of(nodes, *edges))
    lines = {(e.source, e.target, e.kind): e.style.tip for e in drawn.edges}
    assert lines["z", "ε(h)", "feedforward"] is Tip.BAR
    assert lines["ε(h)", "h", "comparison"] is Tip.ARROW_BAR  # an arrow at ε, a bar at h
    assert lines["ε(h)", "z", "correction"] is Tip.ARROW
    error = lambda x: x["h"] - x["z"]  # noqa: E731
    slopes = jax.grad(lambda x: 0.5 * (error(x) ** 2))({"h": 3.0, "z": 1.0})
    assert (-slopes["h"] < 0) == (lines["ε(h)", "h", "comparison"] is Tip.ARROW_BAR)
    assert (-slopes["z"] > 0) == (lines["ε(h)", "z", "correction"] is Tip.ARROW)


@pytest.mark.parametrize(("targets", "pinned"), [("last", False), ("every", True)])
def test_a_value_is_pinned_where_all_its_copies_are_held(targets: str, pinned: bool) -> None:
    _, drawn = drawn_of(spec_of(PLAIN, *CHAIN, LOOP, time={"steps": 3, "targets": targets}))
    node = {n.name: n for n in drawn.nodes}
    assert node["x"].clamped
    assert node["y"].clamped is pinned
    assert node["y"].detail == ("" if pinned else "held at t = 2")


@pytest.mark.parametrize(
    ("output", "energy", "word"),
    [
        ({}, {"loss": "cross_entropy"}, "softmax"),
        ({"activation": "tanh"}, {"loss": "cross_entropy"}, "tanh, softmax"),
        ({"energy": "bernoulli"}, {}, "sigmoid"),
        ({}, {}, "identity"),
    ],
)
def test_an_output_whose_prediction_are_logits_reads_what_makes_probabilities_of_them(
    output: Spec, energy: Spec, word: str
) -> None:
    _, drawn = drawn_of(spec_of({**PLAIN, "y": {**Y, **output}}, *CHAIN, energy=energy))
    [value] = [n for n in drawn.nodes if n.name == "y"]
    assert dict(value.facts)["activation"] == word
