"""The cost of a training step, counted from the plan: parameters, operations, memory.

Operations are those of the edges' operators, a multiply-add as two; a derivative with respect
to the input, and one with respect to the parameters, cost as much as the map itself.
Activations of nodes, energies and optimisers are left out: they grow with the units, not with
the connections.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod

from pccompiler.components.phases import PhaseKind
from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.ir.graph import Edge, Graph
from pccompiler.planning.plan import PhasePlan, Stretch, UpdatePlan
from pccompiler.spec.models import RunSpec

BYTES = 4
"""Bytes of a number: states and parameters are 32-bit unless the caller asks otherwise."""


@dataclass(frozen=True)
class Cost:
    """Totals of one network. FLOPs are for one sample, memory in bytes for a whole batch."""

    parameters: int
    forward_flops: int
    step_flops: int
    batch_size: int
    parameter_bytes: int
    state_bytes: int

    @property
    def bytes(self) -> int:
        return self.parameter_bytes + self.state_bytes


def edge_flops(edge: Edge, copies: int = 1) -> int:
    """Operations of the edge's pipeline for one sample, for all copies in time that it reads."""
    once = sum(
        operator.flops(*edge.shapes[index : index + 2])
        for index, operator in enumerate(edge.operators)
    )
    return once * (copies - edge.delay)


def cost(plan: UpdatePlan, spec: RunSpec) -> Cost:
    """Counts a training step: parameters with gradient and optimiser memory, and for a batch
    the states with theirs and what the edges contribute."""
    graph = plan.graph
    parameters = sum(edge.parameter_count for edge in graph.edges)
    own = sum(
        prod(array.shape) * (2 + array.optimizer.slots if array.optimizer else 1)
        for arrays in plan.own.values()
        for array in arrays.values()
    )
    batch_size = spec.data.batch_size if spec.data else 1
    slots = 2 + spec.learning.optimizer.slots
    units = graph.copies * sum(prod(node.shape or ()) for node in graph.variables)
    arriving = graph.copies * sum(prod(shape) for e in graph.edges for shape in e.shapes[1:])
    state_slots = 2 + plan.state_optimizer.slots
    forward = _forward_flops(graph)
    return Cost(
        parameters=parameters,
        forward_flops=forward,
        step_flops=_step_flops(plan, forward),
        batch_size=batch_size,
        parameter_bytes=BYTES * (parameters * slots + own),
        state_bytes=BYTES * batch_size * (units * state_slots + arriving),
    )


def too_large(total: Cost, graph: Graph) -> Diagnostic | None:
    """A message if the network cannot fit into this machine's memory."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if total.bytes <= available:
        return None
    largest = max(graph.edges, key=lambda edge: edge.parameter_count)
    return Diagnostic(
        "PC308",
        f"training needs about {bytes_text(total.bytes)} "
        f"({bytes_text(total.parameter_bytes)} for {_count_text(total.parameters)} parameters "
        f"and their optimiser, {bytes_text(total.state_bytes)} for the states of a batch), "
        f"but this machine has {bytes_text(available)}",
        largest.span,
        path=f"edges.{largest.name}",
        help=f"make the network or the batch smaller; the largest edge is `{largest.name}`",
    )


def _count_text(count: int) -> str:
    return f"{count:,}" if count < 10**15 else "more than 10^15"


def bytes_text(count: int) -> str:
    """`1.5 MB`, in decimal units."""
    for power, unit in enumerate(("B", "kB", "MB", "GB", "TB", "PB")):
        if count < 1000 ** (power + 1):
            return f"{count / 1000**power:.3g} {unit}"
    return "more than 1000 PB"


def _step_flops(plan: UpdatePlan, forward: int) -> int:
    estimator = plan.estimator
    if not estimator.through_prediction:
        inference = sum(_phase_flops(plan, phase) for phase in plan.phases)
        learning = sum(_local_learning_flops(plan, name) for name in estimator.energy_phases)
        if plan.learning_phase:
            learning *= plan.learning_phase.steps
        return inference + learning + 2 * forward * len(estimator.pulled_phases)
    # the gradient of the prediction's loss, for parameters and all states not clamped
    clamped = plan.prediction.clamped
    backward = sum(
        edge_flops(e, plan.graph.copies) for e in plan.graph.edges if e.source not in clamped
    )
    return max(plan.prediction.steps, 1) * (2 * forward + backward)


def _phase_flops(plan: UpdatePlan, phase: PhasePlan) -> int:
    graph = plan.graph
    if phase.kind is PhaseKind.FORWARD:
        return _forward_flops(graph)
    start = 0 if phase.start else _forward_flops(graph)
    return start + sum(
        (stretch.last - stretch.first + 1) * _evaluation_flops(graph, stretch, stretch.moving)
        for stretch in phase.stretches
    )


def _evaluation_flops(graph: Graph, stretch: Stretch, moving: tuple[str, ...]) -> int:
    """One evaluation of the live energies and their gradient for the moving states.

    A pass-through source passes the gradient on.
    """
    feeding = graph.feeding(stretch.live)
    passed_on = {node.name for node in graph.nodes if node.passes_through}
    return sum(
        edge_flops(edge, graph.copies)
        * ((edge.name not in stretch.reused) + (edge.source in {*moving, *passed_on}))
        for edge in graph.edges
        if edge.name in feeding
    )


def _forward_flops(graph: Graph) -> int:
    """A feedforward pass; feedback edges take no part in it."""
    return sum(edge_flops(edge, graph.copies) for edge in graph.edges if not edge.is_feedback)


def _local_learning_flops(plan: UpdatePlan, phase: str) -> int:
    """Predictions that are not known yet, and the derivative for the parameters."""
    end = plan.phase(phase).end
    feeding = plan.graph.feeding(end.live)
    derivative = sum(
        edge_flops(e, plan.graph.copies) for e in plan.graph.edges if e.name in feeding
    )
    return _evaluation_flops(plan.graph, end, ()) + derivative
