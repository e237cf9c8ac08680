"""Small random Hopfield networks: undirected couplings, with or without cycles.

Nodes stand in an order, inputs first and an output last. Acyclic networks have all edges
written forwards; in the others some are written backwards, into inputs too, so that they need a
start at zero, as lateral edges do. Vectors, rows of vectors and small images; sums that pass
through, readouts, shared parameters and ranges; where asked for, feedback edges of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.reference.equilibrium_learning import Colours, EquilibriumLearner
from tests.reference.inverse_activations import INTEGRALS, VALUES
from tests.strategies import Spec

STATE: Any = "hopfield"
RHO: Any = {"hopfield": {"nonlinearity": "rho"}}
FORMS = (STATE, STATE, {"hopfield": {"nonlinearity": "state"}}, RHO)

INVERTIBLE = tuple(INTEGRALS)
UNDER_RHO = tuple(VALUES)
SMOOTH = ("identity", "tanh", "sigmoid", "shifted_sigmoid")

FIXED_POINTS: tuple[Any, ...] = (
    "fixed_point",
    {"fixed_point": {"damping": 0.2}},
    {"fixed_point": {"damping": 0.7}},
)
DESCENTS: tuple[Spec, ...] = (
    {"sgd": {"learning_rate": 0.1}},
    {"sgd": {"learning_rate": 0.6}},
    {"sgd": {"learning_rate": 0.1, "momentum": 0.5}},
    {"sgd": {"learning_rate": 0.05, "momentum": 0.9}},
)
ADAM: Spec = {"adam": {"learning_rate": 0.04, "b1": 0.5, "eps": 1e-4}}
OPTIMIZERS = (*FIXED_POINTS, *DESCENTS, ADAM)

BETAS = (0.05, 0.1, 0.4)
VARIANTS = ("positive", "negative", "centred")
PROPAGATION = "equilibrium_propagation"
UPDATES: tuple[Any, ...] = (
    None,
    None,
    "synchronous",
    {"asynchronous": {"order": "odd_first"}},
    {"asynchronous": {"order": "even_first"}},
)
RANGES = ([0, 1], [-0.5, 0.5], [None, 0.3], [-0.2, None], [0.1, 0.6])


def propagation(random: Random) -> Spec:
    options: Spec = {"beta": random.choice(BETAS), "variant": random.choice(VARIANTS)}
    start = random.choice([None, None, "free", "initial"])
    return {PROPAGATION: {**options, "start": start} if start else options}


RULES = {
    PROPAGATION: propagation,
    "contrastive_hebbian": lambda random: "contrastive_hebbian",
    "coupled_learning": lambda random: {"coupled_learning": {"beta": random.choice(BETAS)}},
}


@dataclass(frozen=True)
class HopfieldCase:
    """A network with parameters and a batch, all drawn from the seed."""

    spec: Spec
    seed: int
    batch_size: int = 2
    scale: float = 1.0

    def judge(self, colours: Mapping[str, Colours] | None = None) -> EquilibriumLearner:
        return EquilibriumLearner(self.spec, colours)

    def numbers(self) -> tuple[Spec, dict[str, np.ndarray]]:
        """(params, batch) in float64."""
        judge, rng = self.judge(), np.random.default_rng(self.seed)
        return judge.draw_params(rng, self.scale), judge.draw_batch(rng, self.batch_size)

    def states(self) -> dict[str, np.ndarray]:
        """Arbitrary states inside the ranges of the activations."""
        return self.judge().draw_states(np.random.default_rng(self.seed + 1), self.batch_size)


def hopfield_cases(scale: float = 1.0, **how: Any) -> st.SearchStrategy[HopfieldCase]:
    """Of a drawn seed: a few examples then differ more than a few drawn choices."""
    seeds = st.integers(0, 2**32 - 1)
    return seeds.map(
        lambda seed: HopfieldCase(hopfield_spec(Random(seed), **how), seed % 2**16, scale=scale)
    )


def hopfield_spec(
    random: Random,
    forms: tuple[Any, ...] = FORMS,
    rules: tuple[str, ...] = tuple(RULES),
    optimizers: tuple[Any, ...] = OPTIMIZERS,
    updates: tuple[Any, ...] = UPDATES,
    activations: tuple[str, ...] | None = None,
    images: bool | None = None,
    cyclic: bool | None = None,
    untied: bool = False,
    ranges: bool = True,
    bare: bool = False,
) -> Spec:
    """A whole spec. `bare`: without nodes that pass through, and affine operators alone."""
    form, rule = random.choice(FORMS[:3] if untied else forms), random.choice(rules)
    loss = random.choice(["squared_error", "cross_entropy"])
    if activations is None:
        activations = UNDER_RHO if form == RHO else INVERTIBLE
    builder = _Builder(random, activations, loss)
    builder.affine = bare or untied
    builder.ranges = ranges
    builder.cyclic = random.random() < 0.4 if cyclic is None else cyclic
    builder.readouts = rule == PROPAGATION and loss == "cross_entropy" and not untied
    pictures = random.random() < 0.2 if images is None else images
    builder.nodes_of(random.choice([2, 3, 3, 4, 4, 5]) if not pictures else 4, pictures)
    builder.couplings()
    builder.laterals()
    if untied:
        builder.feedback()
    ordered = not builder.cyclic and all(e["from"] != e["to"] for e in builder.edges)
    init = random.choice(["zeros", "feedforward", "feedforward"]) if ordered else "zeros"
    # A rounding error in the place of an exact zero grows with Adam: a feedforward start has
    # nodes that are at their minimum already.
    chosen = random.choice([o for o in optimizers if o != ADAM or init == "zeros"])
    inference: Spec = {"init": init, "optimizer": chosen, "steps": _steps(random, rule)}
    update = random.choice(updates)
    spec: Spec = {
        "pcc": 1,
        "name": "generated",
        "nodes": builder.nodes,
        "edges": builder.edges,
        "energy": {"form": form, "loss": loss},
        "inference": inference if update is None else {**inference, "update": update},
        "learning": {"rule": RULES[rule](random)},
    }
    if random.random() < 0.3:
        spec["prediction"] = {"steps": random.randint(1, 4)}
    return spec


def _steps(random: Random, rule: str) -> Any:
    """A number, or one for each phase."""
    if random.random() < 0.5 or rule == PROPAGATION:
        return random.randint(1, 5)
    return {"free": random.randint(1, 5), "clamped": random.randint(1, 4)}


class _Builder:
    """The nodes and edges of a spec, drawn one after the other."""

    def __init__(self, random: Random, activations: tuple[str, ...], loss: str) -> None:
        self.random, self.activations, self.loss = random, activations, loss
        self.affine = self.cyclic = self.readouts = False
        self.ranges = True
        self.nodes: dict[str, Spec] = {}
        self.edges: list[Spec] = []

    def chance(self, one_in: int) -> bool:
        return self.random.randrange(one_in) == 0

    def passes(self, node: str) -> bool:
        return self.nodes[node].get("energy") == "none"

    # Nodes ----------------------------------------------------------------------------------

    def nodes_of(self, count: int, pictures: bool) -> None:
        names = self.random.sample("abcdefg", count)
        inputs = 1 if count < 4 or self.chance(2) else 2
        for position, name in enumerate(names):
            last = position == count - 1
            role = "input" if position < inputs else "output" if last else "hidden"
            if role == "hidden" and self.chance(8):
                role = "output"
            node: Spec = {"role": role, "shape": self._shape(role, position, pictures)}
            if role != "input" or self.chance(6):
                node["activation"] = self.random.choice(self.activations)
            sums = role == "hidden" and not self.affine and self.chance(4)
            reads_out = last and self.readouts and self.chance(2)
            if position > inputs and (sums or reads_out):
                node["energy"] = "none"
            elif self.ranges and role != "input" and self.chance(5):
                node["range"] = self.random.choice(RANGES)
            self.nodes[name] = node

    def _shape(self, role: str, position: int, pictures: bool) -> list[int]:
        least = 2 if role == "output" and self.loss == "cross_entropy" else 1
        if pictures and role != "output":
            return [[4, 4, 1], [4, 4, 2], [2, 2, 2], [2, 2, 3]][min(position, 3)]
        rows = [2] if self.chance(8) else []
        return [*rows, self.random.randint(least, 4)]

    # Edges ----------------------------------------------------------------------------------

    def couplings(self) -> None:
        names = list(self.nodes)
        full = self.chance(5)
        for position, name in enumerate(names):
            before = [n for n in names[:position] if not self._is_readout(n)]
            if self.nodes[name]["role"] == "input" or not before:
                continue
            chosen = before if full else [before[-1], *self._more(before)]
            for source in chosen:
                self._couple(source, name)
        for name in names[:-1]:
            read = any(edge["from"] == name for edge in self.edges)
            touched = any(name in (edge["from"], edge["to"]) for edge in self.edges)
            if not touched or (self.passes(name) and not read and not self._is_readout(name)):
                self._couple(name, names[-1])

    def _is_readout(self, node: str) -> bool:
        return self.passes(node) and self.nodes[node]["role"] == "output"

    def _more(self, before: list[str]) -> list[str]:
        return [self.random.choice(before) for _ in range(self.random.choice([0, 1, 0, 1, 2]))]

    def _couple(self, source: str, target: str) -> None:
        passing = self.passes(source) or self.passes(target)
        if self.cyclic and not passing and self.chance(3):
            source, target = target, source
        shapes = (self.nodes[source]["shape"], self.nodes[target]["shape"])
        edge: Spec = {"from": source, "to": target, "op": self._pipeline(*shapes)}
        alike = [e for e in self.edges if (e["from"], e["to"]) == (source, target)]
        if alike:
            edge["name"] = f"{source}_{target}_{len(alike)}"
        if self.chance(8):
            edge["kind"] = "skip"
        if self.chance(4):
            edge["gain"] = self.random.choice([0.5, -0.7, 1.3])
        tied = [e for e in self.edges if "tied_to" not in e and e["op"] == edge["op"]]
        tied = [e for e in tied if self._shapes(e) == shapes and "dense" in str(e["op"])]
        if tied and self.chance(4):
            edge["tied_to"] = tied[0].get("name") or f"{tied[0]['from']}->{tied[0]['to']}"
        self.edges.append(edge)

    def _shapes(self, edge: Spec) -> tuple[list[int], list[int]]:
        return (self.nodes[edge["from"]]["shape"], self.nodes[edge["to"]]["shape"])

    def laterals(self) -> None:
        for name, node in self.nodes.items():
            if node["role"] == "input" or self.passes(name) or len(node["shape"]) > 2:
                continue
            if self.chance(3):
                kind = {"kind": "recurrent"} if self.chance(2) else {}
                gain = {"gain": 0.6} if self.chance(3) else {}
                op = {"dense": {"bias": self.chance(3)}}
                self.edges.append({"from": name, "to": name, "op": op, **kind, **gain})

    def feedback(self) -> None:
        """Own ways back beside some of the forward edges, one for a pair of nodes at most."""
        pairs = {}
        for edge in self.edges:
            if edge["from"] != edge["to"]:
                pairs.setdefault((edge["from"], edge["to"]), []).append(edge)
        single = [ends for ends, edges in pairs.items() if len(edges) == 1]
        back = [p for p in single if p[::-1] not in pairs and self._is_free(p[0])]
        for source, target in back:
            if self.chance(2) or (source, target) == back[0]:
                shapes = self.nodes[target]["shape"], self.nodes[source]["shape"]
                edge = {"from": target, "to": source, "kind": "feedback"}
                edge["op"] = self._pipeline(*shapes)
                if self.chance(4):
                    edge["gain"] = 0.6
                self.edges.append(edge)

    def _is_free(self, node: str) -> bool:
        return self.nodes[node]["role"] != "input"

    # Pipelines ------------------------------------------------------------------------------

    def _pipeline(self, shape: list[int], target: list[int]) -> Any:
        """Operators from one shape to the other."""
        if len(shape) == 3 and len(target) == 3:
            return self._between_images(shape, target)
        before: list[Any] = ["flatten"] if len(shape) > 1 else []
        if len(shape) == 2 == len(target) and shape[0] == target[0]:
            before = []
        elif len(shape) == 3 and self.chance(3):
            before = ["global_avg_pool"]
        after: list[Any] = []
        dense: Spec = {"dense": {"bias": not self.chance(3)}}
        if len(target) > 1 and (before or len(shape) == 1):
            dense = {"dense": {"units": prod(target)}}
            after = [{"reshape": target}]
        if self.affine or self.chance(2):
            return [*before, dense, *after] if before or after else self._plain(dense)
        function = self.random.choice(["tanh", "sigmoid", "relu", "softplus"])
        inner = {"dense": {"units": self.random.randint(1, 3)}}
        options = [
            [*before, function, dense, *after],
            [*before, dense, function, *after],
            [*before, inner, function, dense, *after],
        ]
        if shape == target:
            options += [["identity"], [function]]
        return self.random.choice(options)

    def _plain(self, dense: Spec) -> Any:
        return self.random.choice(["dense", dense, [dense]])

    def _between_images(self, shape: list[int], target: list[int]) -> Any:
        bias = not self.chance(4)
        if shape[:2] == target[:2]:
            return {"conv": {"kernel": self.random.choice([1, 3, [2, 3]]), "bias": bias}}
        if shape[0] == 2 * target[0]:
            pool = self.random.choice(["avg_pool", "avg_pool" if self.affine else "max_pool"])
            strided = {"conv": {"stride": 2, "bias": bias}}
            wide, narrow = ({"conv": {"kernel": k, "channels": target[-1]}} for k in (3, 2))
            return self.random.choice([[wide, pool], strided, [narrow, pool]])
        return ["flatten", {"dense": {"units": prod(target)}}, {"reshape": target}]
