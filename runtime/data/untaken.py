"""Fields of the data that no node takes."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx

from pccompiler.components.sources import Dataset
from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import Diagnostic, Severity
from pccompiler.ir.graph import Graph
from pccompiler.spec.models import DataSpec
from pccompiler.spec.tree import dotted
from runtime.data.encoding import Taken
from runtime.data.span import SpanOf
from runtime.data.taking import take


def untaken_fields(
    data: DataSpec, dataset: Dataset, graph: Graph, taken: Mapping[str, Taken], span_of: SpanOf
) -> tuple[Diagnostic, ...]:
    """PC536 for each field that no node takes and that `data.bind` does not leave out by name.

    An error where it leaves a target without anything to be predicted from; a note for targets
    of a network that has no output to learn them.
    """
    used = {way.field for way in taken.values()} | data.bind.keys()
    return tuple(
        _untaken(name, data, dataset, graph, taken, span_of)
        for name in dataset.train
        if name not in used
    )


def _untaken(
    name: str,
    data: DataSpec,
    dataset: Dataset,
    graph: Graph,
    taken: Mapping[str, Taken],
    span_of: SpanOf,
) -> Diagnostic:
    field, path = dataset.train[name], ("data", "bind") if data.bind else ("data", "source")
    alone = [
        node
        for node, way in taken.items()
        if graph.node[node].role is Role.OUTPUT
        and way.kind != "features"
        and field.kind == "features"
        and not _is_reached(graph, node, taken)
    ]
    free = [
        node.name
        for node in graph.variables
        if node.name not in taken and isinstance(take(field, name, node.name, graph), Taken)
    ]
    free = [node for node in free if graph.is_root(node)] or free
    where = name if name in free else free[0] if free else ""
    severity: Severity = "error" if alone else "warning"
    if not alone and field.kind != "features" and not graph.with_role(Role.OUTPUT):
        severity = "note"
    message = f"field `{name}` of the data goes to no node"
    if alone:
        message += f", so nothing that is predicted of `{alone[0]}` depends on the data"
    leave_out = f"write `data.bind: {{{name}: null}}` to leave it out"
    give = f"give `{where}` the role input" if where else f"bind it: `data.bind: {{{name}: NODE}}`"
    return Diagnostic(
        "PC536",
        message,
        span_of(path),
        dotted(path),
        help=give if alone else f"{give}, or {leave_out}" if severity == "warning" else leave_out,
        severity=severity,
    )


def _is_reached(graph: Graph, output: str, taken: Mapping[str, Taken]) -> bool:
    """Whether data held anywhere but at outputs can influence the output."""
    edges = graph.networkx.to_undirected() if graph.form.undirected else graph.networkx
    sources = [node for node in taken if graph.node[node].role is not Role.OUTPUT]
    return any(nx.has_path(edges, source, output) for source in sources)
