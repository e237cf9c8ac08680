"""Small random networks with time, delays, feedback and pass-through nodes.

Nodes stand in an order in which edges without delay lead forwards; self-edges and edges that
lead backwards are delayed, or recurrent ones of delay 0, which need another start than the
feedforward pass. Inputs come first and an output last. A node that passes its prediction
through always has an edge in and an edge out, and no cycle is made of such nodes alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.in_touch import in_touch
from tests.reference.unrolled_graph import read_edges, read_nodes
from tests.reference.unrolled_network import UnrolledNetwork
from tests.strategies import EVERY_ACTIVATION, Spec

PREDICTIVE_CODING: tuple[Any, ...] = ("predictive_coding",)
SUMMED: tuple[Any, ...] = ("bidirectional", {"bidirectional": {"errors": "summed"}})
SEPARATE: tuple[Any, ...] = (
    {"bidirectional": {"errors": "separate"}},
    {"bidirectional": {"errors": "separate", "forward_weight": 0.3, "feedback_weight": 1.7}},
)
FORMS = PREDICTIVE_CODING * 3 + SUMMED + SEPARATE

TIMES = (2, 3, None, 1, 2, 3, None, 4, 6)

OPTIMIZERS: tuple[Spec, ...] = (
    {"sgd": {"learning_rate": 0.1}},
    {"sgd": {"learning_rate": 0.3}},
    {"sgd": {"learning_rate": 0.05, "momentum": 0.5}},
    {"sgd": {"learning_rate": 0.1, "momentum": 0.9}},
)
ADAM: Spec = {"adam": {"learning_rate": 0.03, "b1": 0.5, "eps": 1e-4}}


@dataclass(frozen=True)
class TimedCase:
    """A network with parameters, a batch and arbitrary states, all drawn from the seed."""

    spec: Spec
    seed: int
    batch_size: int = 2

    def reference(self) -> UnrolledNetwork:
        return UnrolledNetwork(self.spec)

    def numbers(self) -> tuple[Spec, dict[str, np.ndarray]]:
        """(params, batch) in float64."""
        network, rng = self.reference(), np.random.default_rng(self.seed)
        return network.draw_params(rng), network.draw_batch(rng, self.batch_size)

    def states(self) -> dict[str, np.ndarray]:
        """Arbitrary states that have the data where it is held, with a time axis."""
        network, rng = self.reference(), np.random.default_rng(self.seed + 1)
        states, data = network.draw_states(rng, self.batch_size), network.inward(self.numbers()[1])
        for name, copies in network.held("input", "output").items():
            for t in np.flatnonzero(copies):
                states[name][:, t] = data[name][:, t]
        return states


def timed_cases(**how: Any) -> st.SearchStrategy[TimedCase]:
    return st.builds(TimedCase, timed_specs(**how), st.integers(0, 2**16))


def timed_specs(**how: Any) -> st.SearchStrategy[Spec]:
    """`timed_spec` of a drawn seed: a few examples then differ more than a few drawn choices."""
    return st.integers(0, 2**32 - 1).map(lambda seed: timed_spec(Random(seed), **how))


def timed_spec(
    random: Random,
    activations: tuple[str, ...] = EVERY_ACTIVATION,
    forms: tuple[Any, ...] = FORMS,
    times: tuple[int | None, ...] = TIMES,
    inits: tuple[str, ...] = ("feedforward", "feedforward", "zeros"),
    adam: bool = True,
    mixed_terms: bool = True,
) -> Spec:
    """A whole spec of predictive coding with clamped outputs.

    `mixed_terms`: in bidirectional forms, priors beside feedback predictions and weights of
    errors, and clamped inputs that forward edges predict.
    """
    steps, form = random.choice(times), random.choice(forms)
    loss = random.choice(["squared_error", "cross_entropy"])
    builder = _Builder(random, activations, form in SUMMED, loss, steps)
    builder.mixes = mixed_terms or form in PREDICTIVE_CODING
    builder.nodes_of(random.choice([2, 3, 4, 4, 5, 5, 6, 7]))
    builder.forward_edges()
    builder.cyclic_edges()
    builder.feedback_edges(random.choice([1, 2, 3] if form not in PREDICTIVE_CODING else [0, 1]))
    if not builder.mixes and form in SEPARATE and any("prior" in n for n in builder.nodes.values()):
        form = SEPARATE[0]
    init = "zeros" if builder.needs_states else random.choice(inits)
    optimizers = [*OPTIMIZERS]
    # A rounding error in the place of an exact zero grows with Adam: only where errors that
    # nothing has reached yet are zero by definition, or where no error starts at zero.
    if adam and (form in PREDICTIVE_CODING or init == "zeros"):
        optimizers.append(ADAM)
    precision: Any = random.choice([1.0, 0.5])
    if random.random() < 0.5:
        chosen = random.sample(list(builder.nodes), min(2, len(builder.nodes)))
        precision = {"per_node": {name: random.choice([0.4, 2.5]) for name in chosen}}
    spec = {
        "pcc": 1,
        "name": "generated",
        "nodes": builder.nodes,
        "edges": builder.edges,
        "energy": {
            "form": form,
            "loss": loss,
            "feedback_loss": random.choice(["squared_error"] * 3 + ["cross_entropy"]),
            "precision": precision,
        },
        "learning": {"rule": "predictive_coding"},
        "inference": {
            "init": init,
            "optimizer": random.choice(optimizers),
            "steps": random.randint(1, 6),
        },
    }
    spec = in_touch(spec)
    if any(n["shape"][-1] == 1 and n["role"] == "input" for n in spec["nodes"].values()):
        spec["energy"]["feedback_loss"] = "squared_error"  # a single class is refused
    if steps is not None:
        spec["time"] = {"steps": steps, "targets": random.choice(["last", "every"])}
    if random.random() < 0.5:
        spec["prediction"] = {"steps": random.randint(1, 5)}
    return spec


class _Builder:
    """The nodes and edges of a spec, drawn one after the other."""

    def __init__(
        self,
        random: Random,
        activations: tuple[str, ...],
        summed: bool,
        loss: str,
        steps: int | None,
    ) -> None:
        self.random = random
        self.activations = activations
        self.summed = summed
        self.loss = loss
        self.delays = steps or 1  # a delay is smaller than this
        self.nodes: dict[str, Spec] = {}
        self.edges: list[Spec] = []
        self.parts: dict[str, int] = {}  # how many edges a node joins, where it does
        self.roots: set[str] = set()
        self.needs_states = False
        self.mixes = True

    def chance(self, one_in: int) -> bool:
        return self.random.randrange(one_in) == 0

    def one_of(self, options: Any) -> Any:
        return self.random.choice(list(options))

    def function(self) -> str:
        return self.random.choice(self.activations)

    def size(self, node: str) -> int:
        return self.nodes[node]["shape"][-1]

    def passes(self, node: str) -> bool:
        return self.nodes[node].get("energy") == "none"

    # Nodes ----------------------------------------------------------------------------------

    def nodes_of(self, count: int) -> None:
        names = self.random.sample("abcdefg", count)
        axes = [2] if self.chance(8) else []
        inputs = self.random.randint(1, min(2, count - 1))
        for position, name in enumerate(names):
            last = position == count - 1
            role = "input" if position < inputs else "output" if last else "hidden"
            if role == "hidden" and self.chance(8):
                role = "output"
            least = 2 if role == "output" and self.loss == "cross_entropy" else 1
            node: Spec = {"shape": [*axes, self.random.randint(least, 3)], "role": role}
            if role == "input":
                self.roots.add(name)
                if self.chance(10):
                    node["prior"] = {"gaussian": {"mean": 0.4}}
            elif role == "hidden" and self.chance(5):
                self._root(name, node)
            else:
                self._predicted(name, node, position)
            self.nodes[name] = node

    def _root(self, name: str, node: Spec) -> None:
        self.roots.add(name)
        if self.chance(2):
            node["prior"] = {"gaussian": {"mean": self.one_of([0, 0.7]), "precision": 1.5}}

    def _predicted(self, name: str, node: Spec, position: int) -> None:
        if self.chance(2):
            node["activation"] = self.function()
        if node["role"] == "hidden" and self.chance(4):
            node["energy"] = "none"
        elif self.chance(6):
            node["energy"] = "gaussian" if self.summed else self.one_of(["gaussian", HUBER])
        if node["role"] == "hidden" and position > 1 and self.chance(5):
            node["combine"] = "concat"
            self.parts[name] = self.random.randint(1, 3)
        if self.chance(5) and node.get("energy") != "none":
            node["merge"] = "sum"

    # Edges ----------------------------------------------------------------------------------

    def forward_edges(self) -> None:
        names = list(self.nodes)
        for position, name in enumerate(names):
            if name in self.roots:
                continue
            before = names[:position]
            if name in self.parts:
                self._joined(name, before)
                continue
            sources = [self.one_of(before[-2:])]
            sources += [self.one_of(before) for _ in range(self.one_of([0, 1, 0, 1, 2]))]
            for source in sources:
                edge = {"kind": "skip"} if self.chance(8) else {}
                self._add(source, name, edge, delay=self.one_of([0, 0, 0, 1, 2]))
        for name in names[:-1]:
            read = any(edge["from"] == name for edge in self.edges)
            lonely = not any(name in (edge["from"], edge["to"]) for edge in self.edges)
            if lonely or (self.passes(name) and not read):
                self._add(name, names[-1], {}, delay=0)

    def _joined(self, name: str, before: list[str]) -> None:
        total = 0
        for _ in range(self.parts[name]):
            source, units = self.one_of(before), self.one_of([1, 2])
            edge: Spec = {"op": {"dense": {"units": units}}}
            if self.chance(3):
                edge, units = {"op": self.function()}, self.size(source)
            self._add(source, name, edge, delay=self.one_of([0, 0, 1]))
            total += units
        shape = self.nodes[name]["shape"]
        self.nodes[name] = {**self.nodes[name], "shape": [*shape[:-1], total]}

    def cyclic_edges(self) -> None:
        """Self-edges and edges that lead backwards."""
        names = list(self.nodes)
        undelayed = self.chance(6 if self.delays > 1 else 3)
        if self.delays == 1 and not undelayed:
            return
        for _ in range(self.one_of([0, 1, 1, 2])):
            target = self.one_of(names)
            source = self.one_of([target, *names[names.index(target) :]])
            role = self.nodes[target]["role"]
            if (
                target in self.parts
                or "prior" in self.nodes[target]
                or (target in self.roots and (role == "hidden" or not self.mixes or self.chance(2)))
                or (self.passes(source) and self.passes(target))
            ):
                continue
            if undelayed:
                self.needs_states = True
                self._add(source, target, {"kind": "recurrent", "delay": 0})
            elif source != target and self.chance(4):
                self._add(source, target, {}, delay=self.one_of([1, 2]))
            else:
                delay = self.one_of([0, 0, 1, 2])  # 0: the default, which is 1
                self._add(source, target, {"kind": "recurrent"}, delay)

    def feedback_edges(self, count: int) -> None:
        names = list(self.nodes)
        for _ in range(count):
            if self.chance(2):
                self._transpose()
                continue
            targets = [n for n in names[:-1] if self._takes_feedback(n)]
            if not targets:
                continue
            target = self.one_of(targets)
            source = self.one_of(names[names.index(target) + 1 :])
            self._add(source, target, {"kind": "feedback"}, delay=self.one_of([0, 0, 1, 2]))

    def _takes_feedback(self, node: str) -> bool:
        return not self.passes(node) and (self.mixes or "prior" not in self.nodes[node])

    def _transpose(self) -> None:
        fitting = [
            edge
            for edge in self.edges
            if edge.get("kind") != "feedback"
            and "dense" in str(edge.get("op", "dense"))
            and "tied_to" not in edge
            and edge["from"] != edge["to"]
            and edge["to"] not in self.parts
            and self._takes_feedback(edge["from"])
        ]
        if not fitting:
            return
        edge = self.one_of(fitting)
        transposed = {"transpose_of": edge.get("name") or f"{edge['from']}->{edge['to']}"}
        op = self.one_of([transposed, [transposed], [transposed, self.function()]])
        written = {"delay": self.one_of([0, 1])} if self.delays > 1 and self.chance(4) else {}
        self._add(edge["to"], edge["from"], {"kind": "feedback", "op": op, **written})

    def _add(self, source: str, target: str, edge: Spec, delay: int = 0) -> None:
        edge = {"from": source, "to": target, **edge}
        alike = [e for e in self.edges if (e["from"], e["to"]) == (source, target)]
        if alike:
            edge["name"] = f"{source}_{target}_{len(alike)}"
        delay = min(delay, self.delays - 1)
        if delay:
            edge["delay"] = delay
        if "op" not in edge:
            op = self._pipeline(self.size(source), self.size(target))
            if op != "dense":
                edge["op"] = op
            if self.chance(3):
                self._tie(edge)
        if self.chance(4):
            edge["gain"] = self.one_of([0.5, -0.7, 1.3])
        self.edges.append(edge)

    def _pipeline(self, size: int, target: int) -> Any:
        """Operators from one size to the other; mostly with one dense operator."""
        function, bare = self.function(), {"dense": {"bias": False}}
        inner = {"dense": {"units": self.one_of([1, 2])}}
        options: list[Any] = ["dense", "dense", ["dense"], bare, bare]
        options += [[function, "dense"], [function, bare], ["dense", function]]
        options += [[inner, function, bare]]
        if size == target:
            options += ["identity", function]
        return self.one_of(options)

    def _tie(self, edge: Spec) -> None:
        """To another edge of the same sizes that owns its parameters, with its pipeline."""
        sizes = self.size(edge["from"]), self.size(edge["to"])
        owners = [
            other
            for other in self.edges
            if other.get("kind") != "feedback"
            and "tied_to" not in other
            and other["to"] not in self.parts
            and "dense" in str(other.get("op", "dense"))
            and (self.size(other["from"]), self.size(other["to"])) == sizes
        ]
        if owners:
            owner = self.one_of(owners)
            edge["tied_to"] = owner.get("name") or f"{owner['from']}->{owner['to']}"
            edge.pop("op", None)
            if "op" in owner:
                edge["op"] = owner["op"]


HUBER = {"huber": {"delta": 0.5}}


def features(spec: Spec) -> set[str]:
    """What a spec makes use of, for a test that the strategy reaches all of it."""
    nodes = read_nodes(spec)
    edges = read_edges(spec, nodes).values()
    found = {f"time {spec['time']['targets']}" if "time" in spec else "no time"}
    found |= {"pass-through" for n in nodes.values() if n.passes}
    found |= {"prior" for n in nodes.values() if n.prior}
    found |= {"concat" for n in nodes.values() if n.concatenates}
    found |= {"merge sum" for n in nodes.values() if n.sums_feedback}
    found |= {f"energy {n.energy[0]}" for n in nodes.values() if n.energy}
    found |= {"two axes" for n in nodes.values() if len(n.shape) == 2}
    for edge in edges:
        found |= {"gain"} if edge.gain != 1 else set()
        found |= {"self-edge"} if edge.source == edge.target else set()
        found |= {"feedback"} if edge.feedback else set()
        found |= {"transposed"} if any(o.transposed for o in edge.operators) else set()
        found |= {f"delay {edge.delay}"} if edge.delay else set()
        found |= {"two dense"} if any(o.key == "dense2" for o in edge.operators) else set()
        tied = edge.owner != edge.name and not edge.feedback
        found |= {"tied"} if tied else set()
        found |= {"predicted input"} if not edge.feedback and _input(nodes, edge.target) else set()
        found |= {"cycle without delay"} if edge.recurrent and not edge.delay else set()
    return found


def _input(nodes: Any, name: str) -> bool:
    return nodes[name].role == "input"
