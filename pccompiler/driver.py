"""From a spec to a compiled model: the whole story, top down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pccompiler.components.plugins import PluginLike, load_plugins
from pccompiler.components.target import Target
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.ir.build import build
from pccompiler.ir.checks import warnings
from pccompiler.ir.graph import Graph
from pccompiler.ir.shape_checks import shape_mistakes
from pccompiler.ir.verify import verify
from pccompiler.passes import GRAPH_PASSES, OPTIONAL, PLAN_PASSES
from pccompiler.planning.cost import cost, too_large
from pccompiler.planning.phases import AS_PLANNED, Situation
from pccompiler.planning.plan import UpdatePlan
from pccompiler.planning.planner import plan_update
from pccompiler.planning.verify import verify_plan
from pccompiler.planning.warnings import plan_warnings
from pccompiler.spec.load import LanguageError, SpecLike, load
from pccompiler.spec.models import RunSpec
from pccompiler.spec.resolved import values_of
from pccompiler.spec.tree import Document, dotted

if TYPE_CHECKING:
    from pccompiler.lowering.model import CompiledModel

Observe = Callable[[str, Graph | UpdatePlan], None]
"""Called after each pass with its name and its result."""

_Stage = TypeVar("_Stage", Graph, UpdatePlan)


@dataclass(frozen=True)
class Checked:
    """A spec that may be compiled: its graph [typed], its plan, and what to warn about."""

    spec: RunSpec
    document: Document
    graph: Graph
    plan: UpdatePlan
    warnings: tuple[Diagnostic, ...]
    disabled: tuple[str, ...] = ()


def check(
    spec: SpecLike,
    overrides: Sequence[str] = (),
    *,
    disable: Sequence[str] = (),
    observe: Observe | None = None,
    plugins: Sequence[PluginLike] = (),
) -> Checked:
    """Checks and plans a spec, without JAX.

    `spec` is a path, or a mapping of the same form; `overrides` are `key.path=value`;
    `disable` names passes to leave out (`passes.OPTIONAL`); `plugins` bring members from outside:
    Python files, names of modules, or classes. The plan is for a CPU; `lower` makes one for
    another backend where JAX computes there.
    `observe` sees every intermediate result.
    Raises SpecError with every mistake found, and ValueError for a pass that cannot be left out.
    """
    _refuse_unknown_passes(disable)
    load_plugins(plugins)
    try:
        run_spec, document = load(spec, overrides)
    except LanguageError as error:
        raise SpecError([*error.diagnostics, *_graph_mistakes(error.network)]) from None
    graph = built = _observed(build(run_spec, document), "build", observe)
    for graph_pass in GRAPH_PASSES:
        graph = _observed(graph_pass.run(graph), graph_pass.name, observe)
    problems = shape_mistakes(graph, run_spec.data.batch_size if run_spec.data else None)
    if problems:
        raise SpecError(problems)
    plan = _plan(graph, run_spec, document, disable, observe)
    problem = too_large(cost(plan, run_spec), graph)
    if problem is not None:
        raise SpecError(problem)
    told = (
        *warnings(graph),
        *_left_out(graph, built),
        *_unused_options(run_spec, document),
        *plan_warnings(plan, run_spec, document),
    )
    return Checked(run_spec, document, graph, plan, told, tuple(disable))


def _refuse_unknown_passes(disable: Sequence[str]) -> None:
    if isinstance(disable, str):
        raise ValueError(f"`disable` is a list of passes: write disable=[{disable!r}]")
    unknown = [name for name in disable if name not in OPTIONAL]
    if unknown:
        names = ", ".join(f"`{name}`" for name in OPTIONAL)
        raise ValueError(f"`{unknown[0]}` is no pass that can be disabled; those are {names}")


def _left_out(graph: Graph, built: Graph) -> list[Diagnostic]:
    """A note on the feedback edges that the energy form does not use."""
    left = [edge for edge in built.edges if edge.name not in graph.edge]
    if not left:
        return []
    names = ", ".join(f"`{edge.name}`" for edge in left[:3]) + (", ..." if left[3:] else "")
    return [
        Diagnostic(
            "PC326",
            f"{graph.form.name} leaves out the feedback edges: {names}",
            left[0].span,
            path=f"edges.{left[0].name}",
            help="its edges act both ways already"
            if graph.form.undirected
            else "they take part in `energy: {form: bidirectional}`",
            severity="warning",
        )
    ]


def _unused_options(spec: RunSpec, document: Document) -> list[Diagnostic]:
    """Warnings about options of the rule that mean nothing."""
    rule = spec.learning.rule
    path = ("learning", "rule")
    return [
        Diagnostic(
            "PC318",
            f"`{option}` means nothing to {rule.name} with a clamped output",
            document.span(path),
            path=dotted(path),
            help="add `output: nudge`, or remove it",
            severity="warning",
        )
        for option in rule.unused_options()
    ]


def _graph_mistakes(network: tuple[RunSpec, Document] | None) -> tuple[Diagnostic, ...]:
    """The errors of nodes and edges as a graph, when other sections are wrong too."""
    if network is None:
        return ()
    try:
        graph = build(*network)
        for graph_pass in GRAPH_PASSES:
            graph = graph_pass.run(graph)
    except SpecError as error:
        return error.diagnostics
    return ()


def compile(
    spec: SpecLike,
    overrides: Sequence[str] = (),
    *,
    disable: Sequence[str] = (),
    observe: Observe | None = None,
    plugins: Sequence[PluginLike] = (),
) -> CompiledModel:
    """Compiles a spec into pure functions on arrays. Arguments and errors as for `check`."""
    return lower(check(spec, overrides, disable=disable, observe=observe, plugins=plugins))


def lower(checked: Checked) -> CompiledModel:
    """The compiled model of a checked spec, for the backend that JAX computes on here."""
    from pccompiler.lowering.model import CompiledModel

    target = Target.present()

    def replan(situation: Situation) -> UpdatePlan:
        graph, spec, document = checked.graph, checked.spec, checked.document
        return _plan(graph, spec, document, checked.disabled, None, situation, target)

    plan = checked.plan if checked.plan.target == target else replan(AS_PLANNED)

    origin = (_compile_again, (values_of(checked.spec), checked.disabled))
    return CompiledModel(checked.spec, checked.graph, plan, replan, origin)


def _compile_again(values: dict[str, Any], disabled: tuple[str, ...]) -> CompiledModel:
    """The model of a spec that says everything: what a pickled model loads as."""
    return compile(values, disable=disabled)


def _plan(
    graph: Graph,
    spec: RunSpec,
    document: Document,
    disable: Sequence[str],
    observe: Observe | None,
    situation: Situation = AS_PLANNED,
    target: Target | None = None,
) -> UpdatePlan:
    plan = plan_update(graph, spec, document, situation, target)
    plan = _observed(plan, "plan", observe)
    for plan_pass in PLAN_PASSES:
        if plan_pass.name not in disable:
            plan = _observed(plan_pass.run(plan), plan_pass.name, observe)
    return plan


def _observed(result: _Stage, name: str, observe: Observe | None) -> _Stage:
    """Checks the invariants after a pass and hands the result to `observe`."""
    if isinstance(result, Graph):
        verify(result, after=name)
    else:
        verify_plan(result, after=name)
    if observe is not None:
        observe(name, result)
    return result
