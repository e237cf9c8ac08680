"""Small random feedforward networks in levels: all ways from a node to the outputs are as long.

Every level has one or two nodes, each predicted from the level before it and predicting the next;
inputs may stand in later levels too.
"""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.reference.activations import VALUES
from tests.strategies import Case, Spec


def levelled_cases(rule: Any) -> st.SearchStrategy[Case]:
    seeds = st.integers(0, 2**32 - 1)
    return seeds.map(lambda seed: Case(levelled_spec(Random(seed), rule), seed % 2**16))


def levelled_spec(random: Random, rule: Any) -> Spec:
    loss = random.choice(["squared_error", "cross_entropy"])
    count = random.choice([2, 3, 3, 4, 4, 5, 6])
    names = iter(random.sample("abcdefghijklm", 12))
    levels: list[list[str]] = []
    nodes: dict[str, Spec] = {}
    edges: list[Spec] = []
    for level in range(count):
        role = "input" if level == 0 else "output" if level == count - 1 else "hidden"
        here = [next(names) for _ in range(random.choice([1, 1, 2]))]
        for position, name in enumerate(here):
            late = role == "hidden" and position == 1 and random.random() < 0.3
            least = 2 if role == "output" and loss == "cross_entropy" else 1
            nodes[name] = {
                "shape": [random.randint(least, 4)],
                "role": "input" if late else role,
                "activation": random.choice(["identity", *VALUES]),
            }
        if level:
            edges += _between(random, nodes, levels[-1], here)
        levels.append(here)
    return {
        "pcc": 1,
        "name": "levelled",
        "nodes": nodes,
        "edges": edges,
        "energy": {"loss": loss},
        "learning": {"rule": rule},
        "inference": {},
    }


def _between(random: Random, nodes: Spec, before: list[str], here: list[str]) -> list[Spec]:
    """Edges so that all nodes before predict something and all predicted ones are predicted."""
    targets = [name for name in here if nodes[name]["role"] != "input"]
    pairs = [(random.choice(before), target) for target in targets]
    pairs += [(s, random.choice(targets)) for s in before if s not in [p[0] for p in pairs]]
    if random.random() < 0.3:
        pairs.append((random.choice(before), random.choice(targets)))
    edges = []
    for number, (source, target) in enumerate(pairs):
        function, bias = random.choice(sorted(VALUES)), random.random() < 0.7
        dense: Spec = {"dense": {"bias": bias}}
        inner: Spec = {"dense": {"units": random.randint(1, 3)}}
        op = random.choice(["dense", dense, [function, dense], [inner, function, dense]])
        edge: Spec = {"from": source, "to": target, "op": op}
        if (source, target) in pairs[:number]:
            edge["name"] = f"{source}_{target}_{number}"
        edges.append(edge)
    return edges
