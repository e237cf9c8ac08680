"""The update plan as text."""

from __future__ import annotations

from pccompiler.components.vocabulary import PhaseKind
from pccompiler.lowering.plan import NEVER, PhasePlan, Steps, Stretch, UpdatePlan


def print_plan(plan: UpdatePlan) -> str:
    """What a training step and a prediction compute, phase by phase."""
    lines = [f"plan {plan.graph.name}"]
    if plan.graph.time:
        times = plan.graph.time.steps
        lines.append(f"  time     {times} copies of every node, evaluated in one call per edge")
    for phase in plan.phases:
        lines += _phase(plan, phase)
    lines.append(f"  learn    gradient = {plan.estimator.describe()}")
    lines += _phase(plan, plan.prediction)
    lines.append(f"  read     {_names(plan.read)}")
    return "\n".join(lines) + "\n"


def _phase(plan: UpdatePlan, phase: PhasePlan) -> list[str]:
    spec = phase.phase
    title = f"  phase {spec.name} : {spec.kind}"
    if spec.kind is PhaseKind.RELAX:
        title += f", {spec.steps} steps of {plan.state_optimizer.name}"
    lines = [title, f"    clamped  {_names(spec.clamped)}"]
    if spec.nudged:
        lines.append(f"    nudged   {_names(spec.nudged)} with beta {spec.beta:g}")
    if spec.kind is PhaseKind.RELAX:
        lines.append(f"    start    {f'phase {spec.start}' if spec.start else plan.init.name}")
        if plan.stop:
            residual, floor = plan.stop
            lines.append(f"    stop     ||dF/dx|| <= {residual:g} * start + {floor:g}, per sample")
        for stretch in phase.stretches:
            lines += _stretch(stretch)
        lines += _stretch(phase.settled, "settled")
    return lines


def _stretch(stretch: Stretch, title: str | None = None) -> list[str]:
    lines = [f"    {title or f'{_steps(stretch)} ({stretch.form})'}"]
    lines.append(f"      energies {_names(stretch.live)}")
    if stretch.arrivals:
        reached = ", ".join(f"{n} from {_arrivals(steps)}" for n, steps in stretch.arrivals.items())
        lines.append(f"      masked   {reached}")
    if stretch.moving:
        lines.append(f"      move     {_names(stretch.moving)}")
    if stretch.reused:
        lines.append(f"      reuse    {_names(tuple(sorted(stretch.reused)))}")
    return lines


def _arrivals(steps: Steps) -> str:
    """`step 3`, or at each time `steps 3 2 1`; `-` for a copy that nothing reaches."""
    words = ["-" if step >= NEVER else str(step) for step in steps]
    return f"step {words[0]}" if len(words) == 1 else f"steps {' '.join(words)} by time"


def _steps(stretch: Stretch) -> str:
    if stretch.first == stretch.last:
        return f"step {stretch.first}"
    return f"steps {stretch.first}..{stretch.last}"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else "nothing"
