"""The binding of data fields to nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pccompiler.components.sources import Dataset, Field
from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.ir.graph import Graph
from pccompiler.planning.plan import UpdatePlan
from pccompiler.spec.models import DataSpec
from pccompiler.spec.tree import dotted
from runtime.data.encoding import Taken
from runtime.data.layout import sample_shape
from runtime.data.span import SpanOf
from runtime.data.taking import take


def nodes_with_data(plan: UpdatePlan) -> tuple[str, ...]:
    """The nodes that take data: inputs, outputs, and hidden ones that some phase holds or
    nudges."""
    graph = plan.graph
    phases = (*plan.phases, plan.prediction)
    held = {name for phase in phases for name in (*phase.clamped, *phase.nudged)}
    known = (*graph.with_role(Role.INPUT), *graph.with_role(Role.OUTPUT))
    return (*known, *(n.name for n in graph.nodes if n.name in held and n.name not in known))


Report = Callable[..., None]
"""Notes a problem: code, message, help, and the key path below `data`."""

MUCH = 2**28
"""Bytes of labels that are refused by their shape alone; what is wrong with fewer is told with
what they hold."""


def refuse_misfits(
    data: DataSpec,
    layouts: Mapping[str, Field],
    graph: Graph,
    nodes: Sequence[str],
    span_of: SpanOf,
) -> None:
    """Raises SpecError (PC510, PC511), as `bind` does, for what names and shapes alone can tell,
    so that an array that fits no node is not read into memory."""
    problems, report = _reporter(span_of)
    chosen = _choice(data, layouts, graph, nodes, report)
    times = graph.time.steps if graph.time else 1
    for node, name in chosen.items():
        field, units = layouts[name], math.prod(graph.node[node].shape or ())
        too_many = math.prod(sample_shape(field.values)) > units * times
        if field.kind == "features" or (too_many and field.values.bytes > MUCH):
            way = take(replace(field, kind="features"), name, node, graph)
            if not isinstance(way, Taken):
                report("PC511", *way, *_written(data, name))
    if problems:
        raise SpecError(problems)


def bind(
    data: DataSpec,
    dataset: Dataset,
    graph: Graph,
    nodes: Sequence[str],
    span_of: SpanOf,
) -> Mapping[str, Taken]:
    """The field of every node that takes data, as `data.bind` or the default says.

    Raises SpecError with everything that is wrong: PC510 for names and nodes left without
    data, PC511 for fields that do not fit their node, or whose test arrays are of another kind.
    """
    problems, report = _reporter(span_of)
    fields = dataset.train
    chosen = _choice(data, fields, graph, nodes, report)
    taken: dict[str, Taken] = {}
    for node, field in chosen.items():
        way = take(fields[field], field, node, graph)
        misfit = _unlike(field, fields[field], dataset) or (None if isinstance(way, Taken) else way)
        if misfit:
            report("PC511", *misfit, *_written(data, field))
        elif isinstance(way, Taken):
            taken[node] = way
    if problems:
        raise SpecError(problems)
    return {node: taken[node] for node in nodes}


def _reporter(span_of: SpanOf) -> tuple[list[Diagnostic], Report]:
    """A list of problems, and what adds to it."""
    problems: list[Diagnostic] = []

    def report(code: str, message: str, help: str, *path: str) -> None:
        whole = ("data", *path)
        problems.append(Diagnostic(code, message, span_of(whole), dotted(whole), help=help))

    return problems, report


def _written(data: DataSpec, field: str) -> tuple[str, ...]:
    """The position in the spec that binds a field to its node."""
    return ("bind", field) if any(data.bind.values()) else ("source",)


def _choice(
    data: DataSpec,
    fields: Mapping[str, Field],
    graph: Graph,
    nodes: Sequence[str],
    report: Report,
) -> Mapping[str, str]:
    """The name of the field of each node that has one; reports names that are unknown and nodes
    that are left without data (PC510)."""
    chosen: dict[str, str] = {}
    wrong = False
    named = {field: node for field, node in data.bind.items() if node is not None}
    for field in data.bind:
        node = named.get(field)
        path = ("bind", field)
        if field not in fields:
            report("PC510", f"unknown field `{field}`", suggestion(field, fields), *path)
        elif node is None:
            continue
        elif node not in graph.node:
            report("PC510", f"unknown node `{node}`", suggestion(node, nodes), *path)
        elif node not in nodes:
            help = (
                f"give `{node}` the role input or output, hold it with `inference.clamp` or "
                f"`prediction.clamp`, or bind one of {_list(nodes)}"
            )
            report("PC510", f"node `{node}` is hidden and takes no data", help, *path)
        elif node in chosen:
            help = "bind each node to one field"
            report("PC510", f"node `{node}` is bound twice", help, *path)
        else:
            chosen[node] = field
            continue
        wrong = True
    if not named:
        chosen = _default({name: fields[name] for name in fields if name not in data.bind}, graph)
    left = [node for node in nodes if node not in chosen]
    if left and not wrong:
        help = (
            f"write bind: {{FIELD: {left[0]}}} under `data`; `{data.source.name}` has the "
            f"fields {_list(fields)}"
        )
        report("PC510", f"nothing says which field goes to node {_list(left)}", help, "bind")
    return chosen


def _unlike(name: str, field: Field, dataset: Dataset) -> tuple[str, str] | None:
    """The reason why the test arrays of a field are not like those of training."""
    other = (dataset.test or {}).get(name)
    if other is None:
        return None
    for what, found, wanted in (
        ("samples of shape", list(np.shape(other.values)[1:]), list(np.shape(field.values)[1:])),
        (
            "values of type",
            str(np.asarray(other.values).dtype),
            str(np.asarray(field.values).dtype),
        ),
    ):
        if found != wanted and (what.startswith("samples") or _means(other) != _means(field)):
            return (
                f"field `{name}` has {what} {wanted} for training, but {found} for testing",
                "store both alike",
            )
    return None


def _means(field: Field) -> tuple[object, ...]:
    """The properties that decide how the values of a field are read."""
    return field.kind, field.full_scale, np.asarray(field.values).dtype.kind == "b"


def _default(fields: Mapping[str, Field], graph: Graph) -> dict[str, str]:
    """The single input gets the features, the single output the target."""
    inputs, outputs = graph.with_role(Role.INPUT), graph.with_role(Role.OUTPUT)
    features = [name for name, field in fields.items() if field.kind == "features"]
    targets = [name for name, field in fields.items() if field.kind != "features"]
    pairs = ((inputs, features), (outputs, targets))
    return {nodes[0]: names[0] for nodes, names in pairs if len(nodes) == 1 and len(names) == 1}


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
