"""The summary of `pcc show`: the nodes and edges of a network, and the cost of a training step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pccompiler.driver import Checked
from pccompiler.ir.print import pipeline_text
from pccompiler.planning.cost import Cost, cost, edge_flops


@dataclass(frozen=True)
class NodeRow:
    """A node as the first phase of training sees it; `energy` is None for a root."""

    name: str
    role: str
    shape: tuple[int, ...]
    activation: str
    energy: str | None


@dataclass(frozen=True)
class EdgeRow:
    """`parameters` counts learned numbers; `flops` one forward pass of one sample."""

    name: str
    kind: str
    operators: str
    source_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    parameters: int
    flops: int


@dataclass(frozen=True)
class OwnRow:
    """An array that the rule owns; `learns` names the optimiser of one that is not fixed."""

    owner: str
    name: str
    shape: tuple[int, ...]
    learns: str | None


@dataclass(frozen=True)
class Summary:
    """A network and its rule; `own` are the arrays of the rule, `totals` those of one step."""

    name: str
    rule: str
    nodes: tuple[NodeRow, ...]
    edges: tuple[EdgeRow, ...]
    totals: Cost
    own: tuple[OwnRow, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The summary as plain values; FLOPs are for one sample, sizes in bytes."""
        return {**asdict(self), "totals": {**asdict(self.totals), "bytes": self.totals.bytes}}


def summarise(checked: Checked) -> Summary:
    """The summary of a checked spec."""
    graph, plan = checked.graph, checked.plan
    form = checked.graph.form
    energies = {
        name: form.name if form.undirected else energy.name
        for name, energy in plan.phases[0].energies.items()
    }
    return Summary(
        graph.name,
        checked.spec.learning.rule.name,
        tuple(
            NodeRow(n.name, n.role, n.shape or (), n.activation, energies.get(n.name))
            for n in graph.nodes
        ),
        tuple(
            EdgeRow(
                edge.name,
                edge.kind,
                pipeline_text(edge.operators),
                edge.shapes[0],
                edge.shapes[-1],
                edge.parameter_count,
                edge_flops(edge, graph.copies),
            )
            for edge in graph.edges
        ),
        cost(plan, checked.spec),
        tuple(
            OwnRow(owner, name, array.shape, array.optimizer.name if array.optimizer else None)
            for owner, arrays in plan.own.items()
            for name, array in arrays.items()
        ),
    )
