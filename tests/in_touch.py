"""Generated networks whose outputs data reaches, as the language asks for."""

from __future__ import annotations

from typing import Any

import networkx as nx

Spec = dict[str, Any]


def in_touch(spec: Spec) -> Spec:
    """The spec, with a root clamped to data (role input) in every part of the network that has an
    output and no input. Feedback edges may be left out, and so join nothing."""
    nodes: Spec = {name: dict(node) for name, node in spec["nodes"].items()}
    forward = [edge for edge in spec["edges"] if edge.get("kind") != "feedback"]
    joined: Any = nx.Graph()
    joined.add_nodes_from(nodes)
    joined.add_edges_from((edge["from"], edge["to"]) for edge in forward)
    predicted = {edge["to"] for edge in forward}
    for part in nx.connected_components(joined):
        roles = {nodes[name]["role"] for name in part}
        if "output" in roles and "input" not in roles:
            root = min(part - predicted, default=min(part))
            nodes[root] = {**nodes[root], "role": "input"}
    return {**spec, "nodes": nodes}
