"""The update plan as text."""

from __future__ import annotations

from pccompiler.components.phases import Phase, PhaseKind
from pccompiler.components.state_inits import Feedforward
from pccompiler.planning.plan import NEVER, PhasePlan, Steps, Stretch, UpdatePlan


def print_plan(plan: UpdatePlan) -> str:
    """Prints the computation of a training step and of a prediction, phase by phase."""
    lines = [f"plan {plan.graph.name}"]
    if plan.graph.time:
        times = plan.graph.time.steps
        lines.append(f"  time     {times} copies of every node, evaluated in one call per edge")
    lines += [f"  operator {place}: {name}" for place, name in plan.algorithms.items()]
    for phase in plan.phases:
        lines += _phase(plan, phase)
    for names in plan.together:
        lines.append(f"  together {_names(names)} relax as one batch")
    if plan.nudging and plan.nudging.random_sign:
        lines.append("  beta     has a random sign in each batch")
    if plan.nudging and plan.nudging.growth:
        lines.append(f"  beta     grows by {plan.nudging.growth:g} after each epoch, up to 1")
    lines += _own(plan)
    lines.append(f"  learn    gradient = {plan.estimator.describe()}")
    if plan.estimator.leaves_alone:
        lines.append(f"  alone    {_names(plan.estimator.leaves_alone)}: no update reaches them")
    if plan.learning_phase:
        name = plan.learning_phase.name
        lines.append(f"  moment   at every step of {name}, whose predictions are all computed anew")
    lines += _phase(plan, plan.prediction)
    if plan.predictor:
        lines.append(f"  predict  {plan.predictor.describe()}")
    lines.append(f"  read     {_names(plan.read)}")
    return "\n".join(lines) + "\n"


def _own(plan: UpdatePlan) -> list[str]:
    return [
        f"  own      {owner}: {name} {list(array.shape)}, "
        + (f"learned by {array.optimizer.name}" if array.optimizer else "fixed")
        for owner, arrays in plan.own.items()
        for name, array in arrays.items()
    ]


def _phase(plan: UpdatePlan, phase: PhasePlan) -> list[str]:
    title = f"  phase {phase.name} : {phase.kind}"
    if phase.kind is PhaseKind.RELAX:
        title += f", {phase.steps} steps of {_optimizer(plan, phase)}"
    lines = [title, f"    clamped  {_names(phase.clamped)}"]
    if phase.transform:
        lines.append(f"    batch    {phase.transform.describe()}")
    if phase.pulled:
        lines.append(f"    pulled   {_names(phase.pulled)} clamped to o - {phase.beta:g} dC/do")
    if phase.nudged:
        lines.append(f"    nudged   {_names(phase.nudged)} with beta {phase.beta:g}")
    if phase.kind is PhaseKind.RELAX:
        init = plan.init.name if not phase.descent.from_predictions else Feedforward.name
        lines.append(f"    start    {f'phase {phase.start}' if phase.start else init}")
        if phase.carried:
            lines.append(f"    carry    {_names(tuple(sorted(phase.carried)))}")
        if plan.stop:
            residual, floor = plan.stop
            lines.append(f"    stop     ||dF/dx|| <= {residual:g} * start + {floor:g}, per sample")
        if phase.descent.pinned:
            lines.append("    pinned   predictions and their derivatives stay those of the start")
        for number, names in enumerate(phase.colours, start=1):
            lines.append(f"    colour {number} {_names(names)}")
        for stretch in phase.stretches:
            lines += _stretch(stretch)
        lines += _stretch(phase.end, "end")
    return lines


def _optimizer(plan: UpdatePlan, phase: Phase) -> str:
    return "gradient descent at rate 1" if phase.descent.optimizer else plan.state_optimizer.name


def _stretch(stretch: Stretch, title: str | None = None) -> list[str]:
    lines = [f"    {title or f'{_steps(stretch)} ({stretch.repeat})'}"]
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
