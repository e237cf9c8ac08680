"""The phases of a spec: those of the rule, with the spec's steps and clamps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.rules import RULES
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.suggest import suggestion
from pccompiler.ir.graph import Graph
from pccompiler.spec.models import RunSpec
from pccompiler.spec.tree import Document, KeyPath, dotted


@dataclass(frozen=True)
class Situation:
    """The caller's changes of the phases of a compiled model.

    `held` nodes are fixed in part: they are free, but with some of their entries held, so the
    feedforward pass is no equilibrium and no error is known to vanish. `restarted`: the caller
    says where relaxation starts. `clamped` and `read` replace what prediction holds at data
    and what it is read from.
    """

    held: frozenset[str] = frozenset()
    restarted: bool = False
    clamped: tuple[str, ...] | None = None
    read: tuple[str, ...] | None = None

    @property
    def chosen(self) -> bool:
        """Whether the caller chooses which nodes prediction clamps or reads."""
        return self.clamped is not None or self.read is not None


AS_PLANNED = Situation()
"""The phases as spec and rule lay them out."""


def with_steps(
    phases: tuple[Phase, ...], spec: RunSpec, document: Document, strict: bool
) -> tuple[Phase, ...]:
    """The phases with the spec's steps; `strict`: it must name all of them, and no others."""
    steps = spec.inference.steps
    relaxing = [phase.name for phase in phases if _wants_steps(phase)]
    if isinstance(steps, int):
        given = dict.fromkeys(relaxing, steps)
    elif not strict:
        given = {name: steps.get(name, max(steps.values())) for name in relaxing}
    else:
        given = steps
        known = sorted({name for member in RULES for name in member.phase_names})
        problems = [
            _steps_problem(f"no rule has a phase `{name}`", document, name, known)
            for name in steps
            if name not in known
        ]
        problems += [
            _steps_problem(f"the phase `{name}` has no number of steps", document, None, [name])
            for name in relaxing
            if name not in steps
        ]
        if problems:
            raise SpecError(problems)
    return tuple(
        replace(phase, steps=given[phase.name]) if _wants_steps(phase) else phase
        for phase in phases
    )


def _wants_steps(phase: Phase) -> bool:
    """Whether the spec sets its number of steps."""
    return phase.kind is PhaseKind.RELAX and phase.descent.optimizer is None


def with_clamps(
    phases: tuple[Phase, ...], spec: RunSpec, document: Document, held: frozenset[str]
) -> tuple[Phase, ...]:
    """The phases with the clamps of the spec."""
    chosen = spec.inference.clamp
    known = sorted({name for member in RULES for name in member.phase_names})
    path = ("inference", "clamp")
    problems = [
        _phase_problem(f"no rule has a phase `{name}`", document, (*path, name), name, known)
        for name in chosen
        if name not in known
    ]
    if problems:
        raise SpecError(problems)

    def with_clamp(phase: Phase) -> Phase:
        if phase.name not in chosen:
            return phase
        clamped = tuple(dict.fromkeys(n for n in chosen[phase.name] if n not in held))
        nudged = tuple(n for n in phase.nudged if n not in clamped)
        pulled = tuple(n for n in phase.pulled if n in clamped)
        # with other nodes clamped, the feedforward pass need not be the equilibrium
        kind = phase.kind if set(clamped) == set(phase.clamped) else PhaseKind.RELAX
        steps = phase.steps or _default_steps(spec)
        return replace(
            phase,
            clamped=clamped,
            nudged=nudged,
            pulled=pulled,
            kind=kind,
            steps=steps if kind is PhaseKind.RELAX else 0,
        )

    return tuple(with_clamp(phase) for phase in phases)


def _default_steps(spec: RunSpec) -> int:
    """The steps of a relaxing prediction that gives none of its own."""
    steps = spec.inference.steps
    return steps if isinstance(steps, int) else steps.get("free", max(steps.values()))


def prediction_phase(graph: Graph, spec: RunSpec, situation: Situation) -> Phase:
    """The phase that predicts: only the inputs are clamped, unless spec or caller choose others."""
    chosen = spec.prediction
    clamped = situation.clamped
    if clamped is None:
        clamped = chosen.clamp if chosen.clamp is not None else graph.inputs
    clamped = tuple(name for name in clamped if name not in situation.held)
    forward = chosen.method == "feedforward" and situation.clamped is None
    if chosen.method == "auto" or situation.clamped is not None:
        forward = graph.feedforward_is_equilibrium(clamped) and not situation.held
    if forward:
        return Phase("prediction", PhaseKind.FORWARD, clamped)
    steps = chosen.steps or _default_steps(spec)
    return Phase("prediction", PhaseKind.RELAX, clamped, steps=steps)


def _steps_problem(
    message: str, document: Document, name: str | None, known: list[str]
) -> Diagnostic:
    path = ("inference", "steps") if name is None else ("inference", "steps", name)
    if name is not None:
        return _phase_problem(message, document, path, name, known)
    help = f"add it: steps: {{{known[0]}: 20}}"
    return Diagnostic("PC310", message, document.span(path), path=dotted(path), help=help)


def _phase_problem(
    message: str, document: Document, path: KeyPath, name: str, known: list[str]
) -> Diagnostic:
    span = document.span(path, key=True)
    return Diagnostic("PC310", message, span, path=dotted(path), help=suggestion(name, known))
