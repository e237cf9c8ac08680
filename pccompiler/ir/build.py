"""From a validated spec to a graph: ranges and chains become nodes and edges with positions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import networkx as nx

from pccompiler.components.energies import Gaussian
from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.ir.graph import Edge, EdgeKind, Graph, Node, Stage
from pccompiler.ir.names import NameSyntaxError, chain, expand, paired
from pccompiler.spec.models import EdgeSpec, NodeSpec, PerNode, RunSpec
from pccompiler.spec.tree import Document, KeyPath, dotted


def build(spec: RunSpec, document: Document) -> Graph:
    """The graph [built] of a spec. Raises SpecError with every mistake found."""
    return _Builder(spec, document).graph()


class _Builder:
    def __init__(self, spec: RunSpec, document: Document) -> None:
        self.spec = spec
        self.document = document
        self.problems: list[Diagnostic] = []
        self.nodes: dict[str, Node] = {}
        self.edges: dict[str, Edge] = {}

    def graph(self) -> Graph:
        for written, node in self.spec.nodes.items():
            self._add_nodes(written, node)
        for index, edge in enumerate(self.spec.edges):
            self._add_edges(("edges", index), edge)
        self._set_precisions()
        self._check_bindings()
        if not self.problems:
            self._check_roles()
        if self.problems:
            raise SpecError(dict.fromkeys(self.problems))  # a chain meets each name twice
        nodes, edges = self.nodes.values(), self.edges.values()
        return Graph.of(self.spec.name, Stage.BUILT, nodes, edges, self.spec.energy.loss)

    # -- nodes ---------------------------------------------------------------------------

    def _add_nodes(self, written: str, node: NodeSpec) -> None:
        path: KeyPath = ("nodes", written)
        span = self.document.span(path, key=True)
        for name in self._expanded(written, path):
            if name in self.nodes:
                first = self.nodes[name].span
                self._problem(
                    "PC313",
                    f"node `{name}` is declared twice",
                    path,
                    key=True,
                    help="give each node one entry, and mind the nodes that ranges stand for",
                    related=(("first declared here", first),) if first else (),
                )
                continue
            precision = self.spec.energy.precision
            self.nodes[name] = Node(
                name,
                node.shape,
                Role(node.role),
                node.activation,
                precision=1.0 if isinstance(precision, PerNode) else precision,
                span=span,
            )

    def _set_precisions(self) -> None:
        precision = self.spec.energy.precision
        if not isinstance(precision, PerNode):
            return
        for written, value in precision.per_node.items():
            path: KeyPath = ("energy", "precision", "per_node", written)
            for name in self._expanded(written, path):
                if self._is_node(name, path, "PC311", key=True):
                    self.nodes[name] = self.nodes[name].replace(precision=value)

    def _check_bindings(self) -> None:
        if self.spec.data is None:
            return
        for field, node in self.spec.data.bind.items():
            self._is_node(node, ("data", "bind", field), "PC315")

    # -- edges ---------------------------------------------------------------------------

    def _add_edges(self, path: KeyPath, edge: EdgeSpec) -> None:
        try:
            for name, source, target in _ends(edge):
                self._add_edge(path, edge, name, source, target)
        except NameSyntaxError as problem:
            self._problem("PC312", str(problem), (*path, _faulty_key(edge)), help=problem.help)

    def _add_edge(self, path: KeyPath, edge: EdgeSpec, name: str, source: str, target: str) -> None:
        from_path: KeyPath = (*path, "path" if edge.path is not None else "from")
        to_path: KeyPath = (*path, "path" if edge.path is not None else "to")
        source_exists = self._is_node(source, from_path, "PC301")
        if not self._is_node(target, to_path, "PC301") or not source_exists:
            return
        span = self.document.span(from_path)
        if name in self.edges:
            first = self.edges[name].span
            self._problem(
                "PC305",
                f"there are two edges named `{name}`",
                path,
                help="give each of two edges with the same ends its own `name`",
                related=(("first declared here", first),) if first else (),
            )
            return
        target_node = self.nodes[target]
        if target_node.energy is None:
            self.nodes[target] = target_node.replace(energy=Gaussian())
        self.edges[name] = Edge(
            name,
            source,
            target,
            EdgeKind(edge.kind),
            edge.op,
            span=span,
            operator_span=self.document.span((*path, "op")),
        )

    # -- the whole -----------------------------------------------------------------------

    def _check_roles(self) -> None:
        """An isolated node, an output that nothing predicts, and a network with nothing to learn
        from are errors; a node that leads nowhere is only a warning (`warnings`)."""
        used = {end for edge in self.edges.values() for end in (edge.source, edge.target)}
        for node in self.nodes.values():
            if node.name not in used:
                self._node_problem("PC306", node, f"node `{node.name}` has no edge")
            elif node.role is Role.OUTPUT and node.energy is None:
                self._node_problem("PC307", node, f"nothing predicts the output `{node.name}`")
        held = [n for n in self.nodes.values() if n.role is not Role.HIDDEN]
        if not any(node.energy for node in held) and not self.problems:
            self._problem(
                "PC307",
                "no node that is bound to data has a prediction, so there is nothing to learn",
                ("nodes",),
                key=True,
                help="give the node that is to be predicted `role: output`",
            )

    # -- telling -------------------------------------------------------------------------

    def _expanded(self, written: str, path: KeyPath) -> list[str]:
        try:
            return expand(written)
        except NameSyntaxError as problem:
            self._problem("PC309", str(problem), path, key=True, help=problem.help)
            return []

    def _is_node(self, name: str, path: KeyPath, code: str, key: bool = False) -> bool:
        if name in self.nodes:
            return True
        help = suggestion(name, self.nodes)
        self._problem(code, f"there is no node `{name}`", path, key=key, help=help)
        return False

    def _node_problem(self, code: str, node: Node, message: str) -> None:
        help = {
            "PC306": "connect it with an edge, or remove it",
            "PC307": "add an edge into it, or change its role",
        }[code]
        self.problems.append(
            Diagnostic(code, message, node.span, path=f"nodes.{node.name}", help=help)
        )

    def _problem(
        self, code: str, message: str, path: KeyPath, key: bool = False, **rest: Any
    ) -> None:
        span = self.document.span(path, key=key)
        self.problems.append(Diagnostic(code, message, span, path=dotted(path), **rest))


def warnings(graph: Graph) -> list[Diagnostic]:
    """Legal but probably unintended: hidden nodes from which no bound node is reachable."""
    bound = {node.name for node in graph.nodes if node.role is not Role.HIDDEN}
    leads_somewhere = set(bound)
    for name in bound:
        leads_somewhere |= _ancestors(graph, name)
    return [
        Diagnostic(
            "PC316",
            f"node `{node.name}` leads to no node that is bound to data",
            node.span,
            path=f"nodes.{node.name}",
            help="it stays at its prediction and learns nothing; connect it onwards or remove it",
            severity="warning",
        )
        for node in graph.nodes
        if node.name not in leads_somewhere
    ]


def _ancestors(graph: Graph, node: str) -> set[str]:
    return set(cast(Any, nx).ancestors(graph.networkx, node))


def _faulty_key(edge: EdgeSpec) -> str:
    """The key of an edge entry whose names cannot be read; `from` if they only do not pair."""
    if edge.path is not None:
        return "path"
    for key, written in (("from", edge.source), ("to", edge.target), ("name", edge.name)):
        try:
            expand("unnamed" if written is None else written)
        except NameSyntaxError:
            return key
    return "from"


def _ends(edge: EdgeSpec) -> list[tuple[str, str, str]]:
    """(name, source, target) of every edge that an entry stands for."""
    if edge.path is not None:
        nodes = chain(edge.path)
        return [(f"{a}->{b}", a, b) for a, b in pairwise(nodes)]
    assert edge.source is not None
    assert edge.target is not None
    pairs = paired(edge.source, edge.target)
    if edge.name is None:
        return [(f"{a}->{b}", a, b) for a, b in pairs]
    names = expand(edge.name)
    if len(names) != len(pairs):
        raise NameSyntaxError(
            f"`{edge.name}` names {len(names)} of {len(pairs)} edges",
            "give the name a range as long as that of `from` and `to`",
        )
    return [(name, a, b) for name, (a, b) in zip(names, pairs, strict=True)]
