"""Errors and warnings about a network as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import networkx as nx

from pccompiler.components.activations import ACTIVATIONS
from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import Diagnostic
from pccompiler.diagnostics.source import Span
from pccompiler.ir.copies import Copies
from pccompiler.ir.graph import Edge, EdgeKind, Graph, Node
from pccompiler.spec.models import RunSpec

_nx = cast(Any, nx)  # the stubs of some algorithms are partial


def mistakes(graph: Graph, nodes_span: Span | None) -> list[Diagnostic]:
    """All errors of a graph whose names are valid."""
    problems = [*_delays(graph), *_roles(graph), *_pass_through(graph), *_energies(graph)]
    if graph.form.undirected:
        problems += _couplings(graph)
    if not problems and not _learns(graph):
        problems.append(
            Diagnostic(
                "PC307",
                "no node that is bound to data has a prediction, so there is nothing to learn",
                nodes_span,
                path="nodes",
                help="give the node that is to be predicted `role: output`",
            )
        )
    return problems


def held_at_data(spec: RunSpec) -> frozenset[str]:
    """The nodes, besides the inputs, that some phase or the prediction holds at data."""
    phases = spec.inference.clamp.values()
    return frozenset(spec.prediction.clamp or ()).union(*phases)


def out_of_touch(graph: Graph, held: frozenset[str]) -> Iterator[Diagnostic]:
    """Outputs that no edges, in whatever direction, join to an input or to another node that is
    clamped to data: what is predicted there cannot depend on any data.

    A prior in the same part says that the network is generative, which needs no input. Where
    targets hold at every time, a part with a delayed edge reads its own past.
    """
    both_ways = cast(Any, nx.Graph())
    both_ways.add_nodes_from(node.name for node in graph.nodes)
    for edge in graph.edges:
        if graph.form.uses_feedback or not edge.is_feedback:
            both_ways.add_edge(edge.source, edge.target)
    held = held.union(graph.with_role(Role.INPUT))
    for name in graph.with_role(Role.OUTPUT):
        joined: set[str] = _nx.node_connected_component(both_ways, name)
        generative = any(graph.node[other].prior is not None for other in joined)
        every = graph.time is not None and graph.time.every
        series = every and any(edge.delay and edge.source in joined for edge in graph.edges)
        if generative or series or joined & (held - {name}):
            continue
        message = f"no data reaches the output `{name}`: its prediction is the same for every "
        message += "sample"
        roots = [other for other in sorted(joined - {name}) if graph.is_root(other)]
        help = "join it with an input by edges"
        if roots:
            listed = " or ".join(f"`{root}`" for root in roots[:3])
            help = f"give {listed} `role: input`, if it holds data"
        yield _on_node("PC340", graph.node[name], message, help)


def warnings(graph: Graph) -> list[Diagnostic]:
    """Warnings about what is legal but probably unintended."""
    return [*_leading_nowhere(graph), *_out_of_reach(graph)]


def _delays(graph: Graph) -> Iterator[Diagnostic]:
    """Delays need time to be in, and be shorter than it."""
    for edge in graph.edges:
        if graph.time is None and edge.delay:
            help = "add `time: {steps: 4}`"
            if edge.kind is EdgeKind.RECURRENT:
                help += ", or write `delay: 0` and `inference: {init: zeros}`"
            message = f"edge `{edge.name}` has a delay of {edge.delay}, but there is no time"
            yield _on_edge("PC327", edge, message, help)
        elif graph.time is not None and edge.delay >= graph.time.steps:
            message = (
                f"edge `{edge.name}` has a delay of {edge.delay}, so that in {graph.time.steps} "
                "time steps it never contributes"
            )
            yield _on_edge("PC327", edge, message, "lengthen `time.steps`, or shorten the delay")


def _roles(graph: Graph) -> Iterator[Diagnostic]:
    """An isolated node, an output that nothing predicts, and a prior on a node that is
    predicted are errors; a node that leads nowhere is only a warning."""
    used = {end for edge in graph.edges for end in (edge.source, edge.target)}
    for node in graph.nodes:
        if node.name not in used:
            message = f"node `{node.name}` has no edge"
            yield _on_node("PC306", node, message, "connect it with an edge, or remove it")
        elif node.role is Role.OUTPUT and graph.is_root(node.name) and not graph.form.undirected:
            message = f"nothing predicts the output `{node.name}`"
            yield _on_node("PC307", node, message, "add an edge into it, or change its role")
        if node.prior is not None and not graph.is_root(node.name):
            message = f"node `{node.name}` has a prior, but edges predict it"
            yield _on_node("PC321", node, message, "remove the prior, or the edges into the node")


def _learns(graph: Graph) -> bool:
    """Whether some node that is bound to data is predicted."""
    if graph.form.undirected:
        return any(node.role is not Role.HIDDEN for node in graph.nodes)
    arriving = graph.edges_into if graph.form.uses_feedback else graph.forward_edges
    return any(arriving(node.name) for node in graph.nodes if node.role is not Role.HIDDEN)


def _pass_through(graph: Graph) -> Iterator[Diagnostic]:
    """A pass-through node needs a prediction that does not depend on itself, and can neither be
    clamped nor have a feedback prediction."""
    passing = [node for node in graph.nodes if node.passes_through]
    names = {node.name for node in passing}
    for node in passing:
        if node.role is Role.INPUT:
            message = f"the input `{node.name}` has energy none, but is clamped"
            yield _on_node("PC322", node, message, "give it an energy, or pass on to another node")
        elif graph.is_root(node.name):
            message = f"node `{node.name}` has energy none, but nothing predicts it"
            yield _on_node("PC322", node, message, "add an edge into it, or give it an energy")
        for edge in graph.feedback_edges(node.name):
            message = f"edge `{edge.name}` feeds back to `{node.name}`, which has energy none"
            yield _on_edge("PC322", edge, message, "let it lead to a node with a state")
    inside = _nx.DiGraph(graph.forward.subgraph(names))
    for component in _nx.strongly_connected_components(inside):
        members = sorted(component)
        if len(members) > 1 or inside.has_edge(members[0], members[0]):
            listed = ", ".join(f"`{name}`" for name in members)
            message = f"{listed} with energy none depend on themselves"
            help = "give a node of the cycle a state: another energy"
            yield _on_node("PC322", graph.node[members[0]], message, help)


def _energies(graph: Graph) -> Iterator[Diagnostic]:
    """Errors of energy forms that are defined for Gaussian nodes only."""
    if not graph.form.wants_quadratic():
        return
    for node in graph.variables:
        both = graph.forward_edges(node.name) and graph.feedback_edges(node.name)
        if both and node.energy.curvature is None:
            message = (
                f"node `{node.name}` has the energy {node.energy.name}, but summed errors are "
                "defined for gaussian nodes"
            )
            help = "write form: {bidirectional: {errors: separate}}, or leave the energy out"
            yield _on_node("PC324", node, message, help)


def _couplings(graph: Graph) -> Iterator[Diagnostic]:
    """Errors of networks for which an energy of couplings is not defined."""
    form, back = graph.form, [edge for edge in graph.edges if edge.is_feedback]
    if graph.time is not None:
        message = f"the form {form.name} is not unrolled in time: its edges act both ways at once"
        yield _on_edge("PC328", graph.edges[0], message, "remove `time`, or use another form")
    usable = ", ".join(name for name, a in ACTIVATIONS.items() if a.potential is not None)
    for node in graph.nodes:
        if not node.passes_through and node.energy.curvature != 1:
            message = f"node `{node.name}` has the energy {node.energy.name}, but under "
            message += f"{form.name} the activation makes a node's energy"
            yield _on_node("PC328", node, message, "leave its energy out, or write energy: none")
        if node.precision != 1:
            message = f"node `{node.name}` has a precision, but {form.name} has no errors to weigh"
            yield _on_node("PC328", node, message, "leave it out; edges may have a `gain`")
        no_potential = graph.activation(node.name).potential is None and not node.passes_through
        if form.wants_potential() and no_potential and node.role is not Role.INPUT:
            message = f"the activation {node.activation} of `{node.name}` makes no energy: it has "
            message += "no inverse, or no closed form of its integral"
            help = f"use one of {usable}, or form: {{{form.name}: rho}}"
            yield _on_node("PC328", node, message, help)
    for edge in graph.edges:
        lateral = edge.source == edge.target
        if lateral and (len(edge.operators) != 1 or edge.operators[0].lateral() is None):
            message = f"edge `{edge.name}` couples a node to itself, which dense alone can"
            yield _on_edge("PC328", edge, message, "use op: dense, or a second node")
    for edge in back:
        if any(operator.transposes for operator in edge.operators):
            continue
        if graph.node[edge.source].passes_through:
            message = f"the feedback edge `{edge.name}` leads from a node without a state"
            yield _on_edge("PC328", edge, message, "let it lead from a node with a state")
        elif not any((e.source, e.target) == (edge.target, edge.source) for e in graph.edges):
            message = f"the feedback edge `{edge.name}` answers no edge"
            help = (
                f"add the edge {edge.target}->{edge.source}, whose backward direction it replaces"
            )
            yield _on_edge("PC328", edge, message, help)
        elif not form.wants_potential():
            message = f"edge `{edge.name}` feeds back with weights of its own, which "
            message += f"{form.name} has for `nonlinearity: state`"
            yield _on_edge("PC328", edge, message, f"write form: {{{form.name}: state}}")


def _leading_nowhere(graph: Graph) -> Iterator[Diagnostic]:
    """Hidden nodes from which no bound node is reachable."""
    if graph.form.undirected:
        return
    bound = {node.name for node in graph.nodes if node.role is not Role.HIDDEN}
    leads_somewhere = set(bound)
    for name in bound:
        leads_somewhere |= set(_nx.ancestors(graph.networkx, name))
    for node in graph.nodes:
        if node.name not in leads_somewhere:
            message = f"node `{node.name}` leads to no node that is bound to data"
            help = "it stays at its prediction and learns nothing; connect it onwards or remove it"
            yield _on_node("PC316", node, message, help, "warning")


def _out_of_reach(graph: Graph) -> Iterator[Diagnostic]:
    """Outputs whose targets no input reaches in time."""
    copies = Copies(graph)
    inputs = set(graph.with_role(Role.INPUT))
    if graph.time is None or not inputs:
        return
    for name in graph.with_role(Role.OUTPUT):
        wanted = [(name, t) for t in copies.times if copies.targets[t]]
        late = [copy for copy in wanted if not _reaches(copies, copy, inputs)]
        if late:
            times = ", ".join(str(t) for _, t in late)
            message = f"no input reaches the target of `{name}` at time {times}"
            help = "lengthen `time.steps`, or shorten the delays between input and output"
            yield _on_node("PC325", graph.node[name], message, help, "warning")


def _reaches(copies: Copies, copy: tuple[str, int], inputs: set[str]) -> bool:
    """Whether forward predictions lead from an input to the copy."""
    seen, waiting = {copy}, [copy]
    while waiting:
        name, t = waiting.pop()
        for edge in copies.graph.forward_edges(name):
            at = copies.read_time(edge, t)
            if at is None:
                continue
            if edge.source in inputs:
                return True
            if (edge.source, at) not in seen:
                seen.add((edge.source, at))
                waiting.append((edge.source, at))
    return False


def _on_node(code: str, node: Node, message: str, help: str, severity: str = "error") -> Diagnostic:
    path = f"nodes.{node.name}"
    return Diagnostic(code, message, node.span, path=path, help=help, severity=cast(Any, severity))


def _on_edge(code: str, edge: Edge, message: str, help: str) -> Diagnostic:
    return Diagnostic(code, message, edge.span, path=f"edges.{edge.name}", help=help)
