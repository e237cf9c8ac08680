"""Random specs as wide as the language: every member of every family, with options.

A spec is a network (unrolled in time, of couplings, of pipelines of any operators, or without a
node between data and data) in which nodes, edges and sections are then changed at random. Many
are refused by `check`, which is what happens to a spec that makes no sense; the others must do
everything that a model does. Members and their options are read from the families, so one that is
added there is drawn here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from math import prod
from random import Random
from typing import Any, get_args

from pydantic import ValidationError

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.energies import LOSSES, NODE_ENERGIES, PRIORS
from pccompiler.components.forms import FORMS
from pccompiler.components.initializers import INITIALIZERS
from pccompiler.components.member import Member
from pccompiler.components.operators import OPERATORS, ShapeError
from pccompiler.components.optimizers import OPTIMIZERS
from pccompiler.components.rules import RULES
from pccompiler.components.schedules import SCHEDULES
from pccompiler.components.state_inits import STATE_INITS
from pccompiler.components.state_optimizers import STATE_OPTIMIZERS
from pccompiler.components.updates import UPDATE_ORDERS
from tests.hopfield_strategies import hopfield_spec
from tests.strategies import Spec
from tests.timed_strategies import timed_spec

_VALUES: tuple[Any, ...] = (
    *(True, False, 0, 1, 2, 3, 0.0, 0.05, 0.1, 0.5, 0.9, 1.0, 2.5, -0.5, "same", "valid"),
    *([0.2, 0.6], [2, 1], [-1], [2, -1], {"constant": 0.1}),
    *(member.name for member in INITIALIZERS),
)
"""Values to try for an option; those that it accepts are drawn from."""

_SHAPES = ((3,), (1,), (6,), (4, 2), (5, 3), (4, 4, 1), (4, 4, 2), (8, 3, 2), (2, 2, 2, 1))
_MOST_UNITS = 100


def random_spec(seed: int | str) -> Spec:
    """The spec of a seed, as a mapping. It may well be one that `check` refuses."""
    random = Random(seed)
    network = random.choice((_timed, _timed, _coupled, _pipelines, _pipelines, _shallow))
    spec: Spec = {"pcc": 1, "name": "random", **network(random)}
    _change_nodes(random, spec)
    _change_edges(random, spec)
    _change_sections(random, spec)
    return spec


def random_member(random: Random, family: Sequence[type[Member]]) -> Any:
    """A member as the YAML writes it: by its name, or with some of its options."""
    return _written(random, random.choice(family))


def _written(random: Random, member: type[Member]) -> Any:
    options: Spec = {}
    for name, field in member.model_fields.items():
        accepted = _accepted(member, name)
        if accepted and (field.is_required() or random.random() < 0.4):
            options[name] = random.choice(accepted)
    if not _fits(member, options):
        return member.name
    return {member.name: options} if options else member.name


@cache
def _accepted(member: type[Member], option: str) -> tuple[Any, ...]:
    """The values that an option accepts where all others are at their defaults."""
    literals = [v for v in get_args(member.model_fields[option].annotation) if _is_plain(v)]
    needed = {n: _first(member, n) for n, f in member.model_fields.items() if f.is_required()}
    values = (*literals, *_VALUES)
    return tuple(v for v in values if _fits(member, {**needed, option: v}))


def _first(member: type[Member], option: str) -> Any:
    """A value that a required option takes together with no other."""
    return next((v for v in _VALUES if _fits(member, {option: v})), None)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _fits(member: type[Member], options: Spec) -> bool:
    try:
        member.model_validate_json(json.dumps(options))
    except ValidationError:
        return False
    return True


# -- networks ----------------------------------------------------------------------------------


def _timed(random: Random) -> Spec:
    """Delays, cycles, feedback, pass-through nodes, ties and transposes."""
    return timed_spec(random)


def _coupled(random: Random) -> Spec:
    """Couplings that act both ways."""
    return hopfield_spec(random, untied=random.random() < 0.3)


def _pipelines(random: Random) -> Spec:
    """A chain with skips whose edges carry any operators; most shapes follow from them."""
    shape = random.choice(_SHAPES)
    names = ["x", *(f"h{i}" for i in range(random.randint(0, 3))), "y"]
    shapes = {"x": shape}
    nodes: Spec = {"x": {"shape": list(shape), "role": "input"}}
    edges: list[Spec] = []
    for before, name in pairwise(names):
        last = name == "y"
        target = (random.randint(2, 4),) if last and random.random() < 0.7 else None
        op, shapes[name] = _pipeline(random, shapes[before], target)
        edges.append({"from": before, "to": name, "op": op})
        nodes[name] = {"role": "output" if last else "hidden"}
        if random.random() < 0.6:
            nodes[name]["shape"] = list(shapes[name])
        if random.random() < 0.3:
            source = random.choice([n for n in shapes if n != name])
            op, _ = _pipeline(random, shapes[source], shapes[name])
            edges.append({"from": source, "to": name, "op": op, "name": f"more_{name}"})
    return {"nodes": nodes, "edges": edges, "energy": {"form": random_member(random, FORMS[:2])}}


def _shallow(random: Random) -> Spec:
    """No node between those that are bound to data, or none at all that is predicted but them."""
    units = random.randint(1, 3)
    nodes: Spec = {"x": {"shape": [units], "role": "input"}, "y": {"shape": [2], "role": "output"}}
    edges: list[Spec] = [{"from": "x", "to": "y"}]
    if random.random() < 0.5:
        nodes["y"]["energy"] = "none"
    if random.random() < 0.4:
        nodes["z"] = {"shape": [2], "role": random.choice(["input", "input", "hidden", "output"])}
        ends = random.choice([("x", "z"), ("z", "y"), ("z", "x"), ("y", "z")])
        edges.append({"from": ends[0], "to": ends[1]})
    if random.random() < 0.3:
        nodes["s"] = {"shape": [units], "energy": "none"}
        edges.append({"from": "x", "to": "s", "op": random.choice(["identity", "dense"])})
        edges.append({"from": "s", "to": "y"})
    if units == 2 and random.random() < 0.4:
        for edge in edges:
            edge["op"] = random.choice(["identity", "tanh"])
    if random.random() < 0.2:
        nodes["x"].pop("role")
        if random.random() < 0.7:
            nodes["x"]["prior"] = random_member(random, PRIORS)
    spec: Spec = {"nodes": nodes, "edges": edges}
    return spec | {"time": {"steps": random.randint(1, 3)}} if random.random() < 0.3 else spec


def _pipeline(
    random: Random, shape: tuple[int, ...], target: tuple[int, ...] | None
) -> tuple[Any, tuple[int, ...]]:
    """(operators, the shape that they make) from a shape to the target, if there is one."""
    operators: list[Any] = []
    for _ in range(random.choice([0, 1, 1, 2, 3])):
        member = random.choice(OPERATORS)
        written = _written(random, member)
        options = written[member.name] if isinstance(written, dict) else {}
        operator = member.model_validate_json(json.dumps(options))
        try:
            made = operator.output_shape(shape, None)
        except ShapeError:
            continue
        if prod(made) <= _MOST_UNITS:
            operators.append(written)
            shape = made
    if target is not None and (shape != target or not operators):
        flat = ["flatten"] if len(shape) > 1 else []
        back = [{"reshape": {"shape": list(target)}}] if len(target) > 1 else []
        operators += [*flat, {"dense": {"units": prod(target)}}, *back]
        shape = target
    return operators or ["identity"], shape


# -- changes -----------------------------------------------------------------------------------


def _sometimes(random: Random, one_in: int) -> bool:
    return random.randrange(one_in) == 0


def _change_nodes(random: Random, spec: Spec) -> None:
    """Energies, priors, ranges, roles, activations and merges that the network lacks."""
    predicted = {edge["to"] for edge in spec["edges"]}
    for name, node in spec["nodes"].items():
        if _sometimes(random, 6):
            node["energy"] = random_member(random, NODE_ENERGIES)
        if _sometimes(random, 3 if name not in predicted else 40):
            node["prior"] = random_member(random, PRIORS)
        if _sometimes(random, 10):
            node["range"] = random.choice([[0, 1], [-0.5, None], [None, 0.5], [0.2, 0.4]])
        if _sometimes(random, 4):
            node["activation"] = random.choice([*ACTIVATIONS])
        if _sometimes(random, 12):
            node["role"] = random.choice(["input", "output", "hidden"])
        if _sometimes(random, 15):
            node["merge"] = "sum"
        if _sometimes(random, 25):
            node["combine"] = "concat"


def _change_edges(random: Random, spec: Spec) -> None:
    """Gains, rates, kinds, delays, ways back and ties."""
    edges: list[Spec] = spec["edges"]
    for edge in edges:
        if _sometimes(random, 8):
            edge["trainable"] = False
        if _sometimes(random, 8):
            edge["learning_rate_scale"] = random.choice([0, 0.5, 2])
        if _sometimes(random, 10):
            edge["gain"] = random.choice([0.0, -1.0, 0.5])
        if _sometimes(random, 15):
            edge["kind"] = random.choice(["skip", "recurrent", "feedback"])
        if _sometimes(random, 10 if "time" in spec else 100):
            edge["delay"] = random.choice([0, 1, 2])
    for edge in [*edges]:
        name = edge.get("name") or f"{edge['from']}->{edge['to']}"
        if edge.get("kind") == "feedback":
            continue
        if _sometimes(random, 6):
            back = {"from": edge["to"], "to": edge["from"], "kind": "feedback"}
            op: Any = {"transpose_of": name} if _sometimes(random, 2) else "dense"
            edges.append({**back, "op": op, "name": f"back_{len(edges)}"})
        elif _sometimes(random, 15):
            tied = {k: v for k, v in edge.items() if k in ("from", "to", "op")}
            edges.append({**tied, "tied_to": name, "name": f"tied_{len(edges)}"})


def _change_sections(random: Random, spec: Spec) -> None:
    names = [*spec["nodes"]]
    if _sometimes(random, 8):
        spec["time"] = {"steps": random.randint(1, 3), "targets": random.choice(["last", "every"])}
    energy = spec.setdefault("energy", {})
    if _sometimes(random, 4):
        energy["form"] = random_member(random, FORMS)
    for key in ("loss", "feedback_loss"):
        if _sometimes(random, 2):
            energy[key] = random_member(random, LOSSES)
    if _sometimes(random, 3):
        per_node = {"per_node": {random.choice(names): 2.0}}
        energy["precision"] = random.choice([0.5, per_node])
    spec["inference"] = _inference(random, names, spec.get("inference", {}))
    if _sometimes(random, 3):
        spec["prediction"] = _prediction(random, names)
    spec["learning"] = _learning(random, spec)


def _inference(random: Random, names: list[str], given: Spec) -> Spec:
    section = dict(given)
    draws: dict[str, Callable[[], Any]] = {
        "init": lambda: random_member(random, STATE_INITS),
        "update": lambda: random_member(random, UPDATE_ORDERS),
        "optimizer": lambda: random_member(random, STATE_OPTIMIZERS),
        "steps": lambda: random.choice([1, 2, 5, 40, _steps(random), _steps(random)]),
    }
    for key, draw in draws.items():
        if _sometimes(random, 2):
            section[key] = draw()
    if _sometimes(random, 6):
        section["stop"] = {"residual": 1e-2, "floor": random.choice([0.0, 1e-3])}
    if _sometimes(random, 10):
        section["clamp"] = {random.choice(_phases()): _some(random, names)}
    return section


def _prediction(random: Random, names: list[str]) -> Spec:
    section: Spec = {"method": random.choice(["auto", "auto", "feedforward", "relax"])}
    if _sometimes(random, 2):
        section["clamp"] = _some(random, names)
    if _sometimes(random, 3):
        section["read"] = _some(random, names) or names[:1]
    if _sometimes(random, 2):
        section["steps"] = random.randint(1, 4)
    return section


def _learning(random: Random, spec: Spec) -> Spec:
    section: Spec = dict(spec.get("learning", {}))
    if _sometimes(random, 2) or "rule" not in section:
        section["rule"] = random_member(random, RULES)
    section["optimizer"] = random_member(random, OPTIMIZERS)
    section["schedule"] = random_member(random, SCHEDULES)
    if _sometimes(random, 4):
        section["gradient_clip"] = random.choice([{"global_norm": 1.0}, {"value": 0.5}])
    if _sometimes(random, 8):
        edge = random.choice(spec["edges"])
        name = edge.get("name") or f"{edge['from']}->{edge['to']}"
        section["rate_scales"] = {name: random.choice([0, 0.5])}
    return section


def _phases() -> list[str]:
    return sorted({name for rule in RULES for name in rule.phase_names})


def _steps(random: Random) -> Spec:
    """Steps for every phase of every rule, or for some."""
    names = _phases()
    if _sometimes(random, 4):
        names = random.sample(names, random.randint(1, len(names)))
    return {name: random.randint(1, 4) for name in names}


def _some(random: Random, names: list[str]) -> list[str]:
    """Nodes to hold or read; now and then none."""
    return random.sample(names, random.choice([1, 1, 2, min(3, len(names)), 0]) % (len(names) + 1))
