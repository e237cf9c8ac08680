"""From a validated spec to a graph: ranges and chains become nodes and edges with positions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from math import inf
from typing import Any

from pccompiler.components.energies import Energy, Gaussian
from pccompiler.components.operators import Operator
from pccompiler.components.operators.transpose_of import TransposeOf
from pccompiler.components.vocabulary import Role
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import closest, suggestion
from pccompiler.ir.checks import held_at_data, mistakes, out_of_touch
from pccompiler.ir.graph import Edge, EdgeKind, Graph, Node, Stage, Time
from pccompiler.spec.characters import explained
from pccompiler.spec.models import EdgeSpec, NodeSpec, PerNode, RunSpec
from pccompiler.spec.names import NameSyntaxError, chain, edge_names, expand, paired
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
        self.inherits_delay: list[str] = []

    def graph(self) -> Graph:
        for written, node in self.spec.nodes.items():
            self._add_nodes(written, node)
        for index, edge in enumerate(self.spec.edges):
            self._add_edges(("edges", index), edge)
        self._set_precisions()
        self._set_rates()
        self._check_names()
        if not self.problems:
            self._follow_references()
        if self.problems:
            each_once = dict.fromkeys(self.problems)  # a chain meets each name twice
            raise SpecError(explained(each_once))
        energy, time = self.spec.energy, self.spec.time
        graph = Graph.of(
            self.spec.name,
            Stage.BUILT,
            self.nodes.values(),
            self.edges.values(),
            energy.loss,
            feedback_loss=energy.feedback_loss,
            form=energy.form,
            time=Time(time.steps, time.targets == "every") if time else None,
        )
        problems = mistakes(graph, self.document.span(("nodes",), key=True))
        if not problems:
            problems = list(out_of_touch(graph, held_at_data(self.spec)))
        if problems:
            raise SpecError(problems)
        return graph

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
            energy: Energy = node.energy or Gaussian()
            low, high = node.range or (None, None)
            self.nodes[name] = Node(
                name,
                node.shape,
                Role(node.role),
                node.activation,
                precision=1.0 if isinstance(precision, PerNode) else precision,
                energy=energy,
                chosen=node.energy is not None,
                prior=node.prior,
                concatenates=node.combine == "concat",
                sums_feedback=node.merge == "sum",
                low=-inf if low is None else low,
                high=inf if high is None else high,
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

    def _set_rates(self) -> None:
        for name, scale in self.spec.learning.rate_scales.items():
            path: KeyPath = ("learning", "rate_scales", name)
            edge = self.edges.get(name)
            if edge is None:
                help = suggestion(name, self.edges) or "edges are called `from->to`"
                self._problem("PC319", f"there is no edge `{name}`", path, key=True, help=help)
            else:
                self.edges[name] = edge.replace(update_scale=edge.update_scale * scale)

    def _check_names(self) -> None:
        """Checks every reference to a node outside nodes and edges."""
        if self.spec.data is not None:
            for field, node in self.spec.data.bind.items():
                if node is not None:
                    self._is_node(node, ("data", "bind", field), "PC315")
        chosen = self.spec.prediction
        for key, names in (("clamp", chosen.clamp), ("read", chosen.read)):
            for index, name in enumerate(names or ()):
                self._is_state(name, ("prediction", key, index))
        for phase, names in self.spec.inference.clamp.items():
            for index, name in enumerate(names):
                self._is_state(name, ("inference", "clamp", phase, index))

    def _is_state(self, name: str, path: KeyPath) -> None:
        if self._is_node(name, path, "PC315") and self.nodes[name].passes_through:
            message = f"`{name}` has energy none: it has no state to hold or read"
            self._problem("PC322", message, path, help="name a node that has a state")

    # -- edges ---------------------------------------------------------------------------

    def _add_edges(self, path: KeyPath, edge: EdgeSpec) -> None:
        try:
            ends = _ends(edge)
        except NameSyntaxError as problem:
            self._problem("PC312", str(problem), (*path, _faulty_key(edge)), help=problem.help)
            return
        tied = self._references(edge.tied_to, (*path, "tied_to"), len(ends))
        pipelines = self._pipelines(edge, path, len(ends))
        if tied is None or pipelines is None:
            return
        for (name, source, target), other, operators in zip(ends, tied, pipelines, strict=True):
            self._add_edge(path, edge, name, source, target, other, operators)

    def _pipelines(
        self, edge: EdgeSpec, path: KeyPath, count: int
    ) -> list[tuple[Operator, ...]] | None:
        """The pipeline of each edge that an entry stands for; ranges in `transpose_of` pair
        with those of the ends."""
        columns: list[list[Operator]] = []
        for operator in edge.op:
            if operator.transposes is None:
                columns.append([operator] * count)
                continue
            named = self._references(operator.transposes, (*path, "op"), count)
            if named is None:
                return None
            columns.append([TransposeOf(edge=name or "") for name in named])
        return [tuple(column[i] for column in columns) for i in range(count)]

    def _references(
        self, written: str | None, path: KeyPath, count: int
    ) -> Sequence[str | None] | None:
        """The edge that each of `count` edges refers to; None where that cannot be read."""
        if written is None:
            return [None] * count
        try:
            names = edge_names(written)
        except NameSyntaxError as problem:
            near = closest(written, self._every_edge_name())
            message = f"`{written}` is not the name of an edge" if near else str(problem)
            help = f"did you mean `{near}`?" if near else problem.help
            self._problem("PC312", message, path, help=help)
            return None
        if len(names) not in (1, count):
            self._problem(
                "PC312",
                f"`{written}` names {len(names)} edges, for {count} edges that refer to them",
                path,
                help="ranges pair element by element, so they need the same length",
            )
            return None
        return list(names if len(names) == count else names * count)

    def _every_edge_name(self) -> list[str]:
        """The names of all edges whose ends can be read, those of later entries too."""
        names: list[str] = []
        for edge in self.spec.edges:
            with suppress(NameSyntaxError):
                names += [name for name, _, _ in _ends(edge)]
        return names

    def _add_edge(
        self,
        path: KeyPath,
        edge: EdgeSpec,
        name: str,
        source: str,
        target: str,
        tied_to: str | None,
        operators: tuple[Operator, ...],
    ) -> None:
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
        kind = EdgeKind(edge.kind)
        self.edges[name] = Edge(
            name,
            source,
            target,
            kind,
            operators,
            delay=self._default_delay(kind) if edge.delay is None else edge.delay,
            gain=edge.gain,
            update_scale=edge.learning_rate_scale if edge.trainable else 0.0,
            tied_to=tied_to,
            span=span,
            operator_span=self.document.span((*path, "op")),
        )
        if edge.delay is None and any(o.transposes for o in operators):
            self.inherits_delay.append(name)

    def _default_delay(self, kind: EdgeKind) -> int:
        """A recurrent edge reads the time step before, unless edges act both ways at once."""
        return 1 if kind is EdgeKind.RECURRENT and not self.spec.energy.form.undirected else 0

    def _follow_references(self) -> None:
        """Checks that edges to which others refer exist and lead forwards."""
        for edge in self.edges.values():
            for operator in edge.operators:
                if operator.transposes is not None:
                    self._check_reference(edge, operator.transposes, "transposes")
            if edge.tied_to is not None:
                self._check_reference(edge, edge.tied_to, "is tied to")
        if self.problems:
            return
        for name in self.inherits_delay:
            other = next(o.transposes for o in self.edges[name].operators if o.transposes)
            self.edges[name] = self.edges[name].replace(delay=self.edges[other].delay)

    def _check_reference(self, edge: Edge, other: str, does: str) -> None:
        found = self.edges.get(other)
        if found is None:
            message = f"edge `{edge.name}` {does} `{other}`, but there is no such edge"
            help = suggestion(other, self.edges) or "edges are called `from->to`, or by their name"
        elif found.name == edge.name:
            message, help = f"edge `{edge.name}` {does} itself", "name another edge"
        elif found.tied_to is not None or any(o.transposes for o in found.operators):
            message = f"edge `{edge.name}` {does} `{other}`, which has no parameters of its own"
            help = "name the edge that owns the parameters"
        elif found.is_feedback and (does == "transposes" or not edge.is_feedback):
            message = f"edge `{edge.name}` {does} the feedback edge `{other}`"
            help = "let the forward edge own the parameters, and the feedback edge use them"
        else:
            return
        span = edge.operator_span if does == "transposes" else edge.span
        self.problems.append(
            Diagnostic("PC319", message, span, path=f"edges.{edge.name}", help=help)
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

    def _problem(
        self, code: str, message: str, path: KeyPath, key: bool = False, **rest: Any
    ) -> None:
        span = self.document.span(path, key=key)
        self.problems.append(Diagnostic(code, message, span, path=dotted(path), **rest))


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
