"""Undelayed cycles have no forward order and no feedforward prediction: they are errors."""

from __future__ import annotations

from typing import Any, cast

import networkx as nx

from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.ir.graph import Graph

_nx = cast(Any, nx)  # the stubs of find_cycle are partial


def reject_cycles(graph: Graph) -> Graph:
    """The same graph. Raises SpecError naming one cycle of each cyclic component.

    Couplings that act both ways have no order and may form cycles.
    """
    if graph.form.undirected:
        return graph
    problems: list[Diagnostic] = []
    for component in nx.strongly_connected_components(graph.ordered):
        part = graph.ordered.subgraph(component)
        if part.number_of_edges() == 0:
            continue
        cycle: list[tuple[str, str, str]] = list(_nx.find_cycle(part, source=min(component)))
        first = graph.edge[cycle[0][2]]
        names = " -> ".join([edge[0] for edge in cycle] + [cycle[0][0]])
        problems.append(
            Diagnostic(
                "PC302",
                f"the edges {names} form a cycle",
                first.span,
                path=f"edges.{first.name}",
                help="a prediction cannot depend on itself at the same time: remove one of these "
                "edges, or make it `kind: recurrent`, which reads the time step before",
            )
        )
    if problems:
        raise SpecError(sorted(problems, key=lambda problem: problem.message))
    return graph
