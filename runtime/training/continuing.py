"""Warnings for a run that is continued with another spec or other data."""

from __future__ import annotations

from collections.abc import Iterator

from pccompiler.diagnostics.diagnostic import Diagnostic
from runtime.runs.checkpoints import Checkpoint
from runtime.runs.position import Best
from runtime.runs.reading import spec_values
from runtime.training.session import Session


def changes_of_course(session: Session, checkpoint: Checkpoint) -> tuple[Diagnostic, ...]:
    """Warnings about a run that goes on from a checkpoint: PC568 for each option that depends on
    the total number of steps, PC569 where the best so far counts no more."""
    return (
        *_schedule(session, checkpoint),
        *_beta(session, checkpoint),
        *_best(session, checkpoint),
    )


def best_is_stale(session: Session, checkpoint: Checkpoint) -> bool:
    """Whether the checkpoint's best was measured on other data, or is of another metric."""
    best = checkpoint.position.best
    return best is not None and bool(_why_stale(session, checkpoint, best))


def _schedule(session: Session, checkpoint: Checkpoint) -> Iterator[Diagnostic]:
    """The learning rate where training goes on, by the old total and by the new one."""
    import jax
    import jax.numpy as jnp

    saved, learning = checkpoint.position, session.spec.learning
    schedule, step = learning.schedule, saved.step
    if not schedule.needs_horizon or saved.horizon == session.total_steps or not step:
        return
    if step >= session.total_steps:
        return  # nothing is trained any more
    factor = jax.jit(schedule.factor)
    last = min(step, saved.horizon) - 1  # the last step that the old total knows
    fractions = (last / saved.horizon, step / session.total_steps)
    before, after = (float(factor(jnp.float32(fraction))) for fraction in fractions)
    rate = getattr(learning.optimizer, "learning_rate", 1.0)
    times = f", {after / before:.3g} times as much" if before else ""
    yield Diagnostic(
        "PC568",
        f"the schedule {schedule.name} is a function of the part of training that is done, which "
        f"was {min(step, saved.horizon)} of {saved.horizon} steps and is {step} of "
        f"{session.total_steps} now: the learning rate goes from {rate * before:.3g} to "
        f"{rate * after:.3g}{times}",
        session.document.span(("learning", "schedule")),
        "learning.schedule",
        help="to go on at a rate of your own, pass -s learning.schedule=constant and a "
        "learning_rate; to train as if it had been so many steps from the beginning, begin a new "
        "run",
        severity="warning",
    )


def _beta(session: Session, checkpoint: Checkpoint) -> Iterator[Diagnostic]:
    """A beta that grows from epoch to epoch, where the count of epochs jumps."""
    saved, nudging = checkpoint.position, session.model.plan.nudging
    if nudging is None or not nudging.growth:
        return
    old, new = saved.epoch, saved.step // session.steps_per_epoch
    if old == new:
        return
    rule = session.spec.learning.rule.name
    path = ("learning", "rule", rule)
    before, after = (nudging.beta + nudging.growth * epoch for epoch in (old, new))
    yield Diagnostic(
        "PC568",
        f"beta grows with the epochs that are done, which were {old} and are {new} now, as an "
        f"epoch has {session.steps_per_epoch} steps instead of {saved.steps_per_epoch}: beta goes "
        f"from {before:.3g} to {after:.3g}",
        session.document.span(path),
        ".".join(path),
        help="keep data and batch_size, or set beta to where it was",
        severity="warning",
    )


def _best(session: Session, checkpoint: Checkpoint) -> Iterator[Diagnostic]:
    best = checkpoint.position.best
    why = _why_stale(session, checkpoint, best) if best else ""
    if best is None or not why:
        return
    yield Diagnostic(
        "PC569",
        f"{why}, so the best so far (epoch {best.epoch}, {best.metric} {best.value:.4g}) counts "
        "no more, and `best` starts anew",
        help="its checkpoint may be removed by those to come; copy the run folder to keep it",
        severity="warning",
    )


def _why_stale(session: Session, checkpoint: Checkpoint, best: Best) -> str:
    """The reason why the best value belongs to another task; empty where it does not."""
    if checkpoint.position.data_digest != session.data.digest:
        return "the data is not what it was"
    if session.monitor != best.metric:
        return f"the monitored metric was {best.metric} and is {session.monitor or 'none'}"
    energies = (spec_values(text).get("energy") for text in _texts(session, checkpoint))
    if best.metric != "accuracy" and len({str(energy) for energy in energies}) > 1:
        return f"the energy, of which the {best.metric} is measured, has changed"
    return ""


def _texts(session: Session, checkpoint: Checkpoint) -> tuple[str, str]:
    return checkpoint.spec_text, session.spec_text
