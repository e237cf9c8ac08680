"""The diagnosis of a batch that was not finite: where it arose, and its cause.

The advice follows from where the first number that is not finite arose:

    in the parameters           the update of the step before: its rate, or its optimiser's eps
    where inference starts      before any update: the data or the initial parameters, never a
                                rate; later: parameters that have grown
    in an inference step        the rate of the states, where a step overshoots by itself: by its
                                curvature, or with the initial parameters; else also the
                                parameters that have grown
    in the gradient alone       numbers too large to be squared
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pccompiler.components.optimizers import Optimizer
from pccompiler.components.state_optimizers import StateOptimizer
from pccompiler.diagnostics.diagnostic import Diagnostic, RunError
from pccompiler.planning.warnings import FLOAT32, unstable_nodes
from pccompiler.spec.tree import KeyPath, dotted
from runtime.runs.metrics import Line
from runtime.runs.run_folder import RunFolder
from runtime.training.session import Session

if TYPE_CHECKING:
    from pccompiler.lowering.model import Blame

Batch = Mapping[str, np.ndarray]

LARGE = float(np.sqrt(FLOAT32[1]))
"""The number from which on a square overflows in float32."""


@dataclass(frozen=True)
class Cause:
    """The cause of a number that is not finite: its message, the advice, and the options
    concerned."""

    words: str
    help: str
    path: KeyPath


@dataclass(frozen=True)
class Failure:
    """Training step `step` of an epoch, counted from 1, that was not finite: the training state
    before it, the arrays that it was given, and what the replay blames."""

    state: Any
    batch: Batch
    blame: Blame | None
    step: int
    epoch: int


def divergence(session: Session, folder: RunFolder, failure: Failure) -> RunError:
    """PC540: where a training step went wrong, and what to change."""
    blame = failure.blame
    place = "the gradient was not finite"
    if blame is not None and not blame.gradient:
        place = (
            f"node `{blame.node}` was not finite at inference step {blame.step} of the phase "
            f"`{blame.phase}`"
        )
    elif blame is not None:
        place = f"the gradient of the edges into `{blame.node}` was not finite"
    cause = cause_of(session, failure)
    return RunError(
        Diagnostic(
            "PC540",
            f"training diverged at step {failure.step} (epoch {failure.epoch}): {place}; "
            f"{cause.words}",
            session.document.span(cause.path),
            dotted(cause.path),
            help=f"{cause.help}; the state before that step is saved in {folder.path}",
        )
    )


def divergence_line(blame: Blame | None, step: int, epoch: int) -> Line:
    """The same as a line of metrics.jsonl."""
    where = (
        {"node": blame.node, "phase": blame.phase, "inference_step": blame.step} if blame else {}
    )
    return {"kind": "diverged", "step": step, "epoch": epoch} | where


def cause_of(session: Session, failure: Failure) -> Cause:
    """The cause of a step that was not finite: the first in this file's list that fits."""
    state, batch, blame, step = failure.state, failure.batch, failure.blame, failure.step
    broken = _broken_parameters(state.params)
    if broken:
        return broken_update(session, broken, step)
    data = _overflowing_data(session, batch, blame)
    if data is not None:
        return data
    relaxed = blame is not None and blame.step > 1 and not blame.gradient
    if blame is not None and session.model.plan.phase(blame.phase).descent.optimizer is not None:
        relaxed = False  # the rule sets the rate of that phase, the spec has no say
    if relaxed and (unstable := unstable_nodes(session.model.plan)):
        return _overshoot(session, unstable)
    if relaxed and (step == 1 or _rises_untrained(session, state, batch)):
        return runaway_states(session, "with the initial parameters, before any update")
    if step == 1:
        return _initial(session, state, batch, blame)
    return grown_parameters(session, relaxed)


# -- the causes ------------------------------------------------------------------------------


def broken_update(session: Session, broken: str, step: int) -> Cause:
    """An update that left parameters that are not finite."""
    optimizer = session.spec.learning.optimizer
    words = f"the update of step {step - 1} left {broken} not finite"
    eps = getattr(optimizer, "eps", None)
    path = ("learning", "optimizer", optimizer.name)
    if eps is not None and eps < FLOAT32[0]:
        help = f"raise {dotted((*path, 'eps'))} (now {eps:g}, which is zero in float32) to 1e-8"
        return Cause(words, help, (*path, "eps"))
    help, path = _calmer(path, optimizer)
    return Cause(words, help, path)


def _overflowing_data(session: Session, batch: Batch, blame: Blame | None) -> Cause | None:
    """Data whose squares, or which themselves, are beyond float32."""
    near = _near(session, blame)
    for node in (name for name in batch if name in near):
        largest = _largest(batch[node])
        if largest < LARGE:
            continue
        what = "values that are not finite in float32"
        if np.isfinite(largest):
            what = f"values up to {largest:.2g}, whose squares are beyond float32"
        return Cause(
            f"the data of `{node}` holds {what}",
            f"bring the data of `{node}` to a scale near 1, for example with data.standardize",
            ("data",),
        )
    return None


def _overshoot(session: Session, unstable: Mapping[str, float]) -> Cause:
    """Nodes on which a step of the states overshoots by itself."""
    optimizer = session.spec.inference.optimizer
    name, curvature = max(unstable.items(), key=lambda item: item[1])
    limit = session.model.plan.state_optimizer.stable_below()
    assert limit is not None
    rate = optimizer.rate or 1.0
    precision = session.model.graph.node[name].precision
    words = (
        f"there a step of the states overshoots more and more: rate {rate:g} times curvature "
        f"{curvature:g} of `{name}` (its precision is {precision:g}) is above {rate * limit:g}"
    )
    help, path = _calmer(("inference", "optimizer", optimizer.name), optimizer)
    if path[-1] == "learning_rate":
        help += f" below {rate * limit / curvature:.3g}"
    if precision != 1:  # "lower the learning_rate ... below 0.02, or the precision of `h`"
        help += f", or the precision of `{name}`"
    return Cause(words, help, path)


def runaway_states(session: Session, when: str) -> Cause:
    """A relaxation that runs away by itself."""
    optimizer = session.spec.inference.optimizer
    path = ("inference", "optimizer", optimizer.name)
    words = f"the relaxation itself runs away, {when}"
    help, path = _calmer(path, optimizer)
    return Cause(words, help, path)


def _initial(session: Session, state: Any, batch: Batch, blame: Blame | None) -> Cause:
    """Before any update: the data, or the parameters as they were drawn."""
    near = _near(session, blame)
    data = [f"`{n}` up to {_largest(batch[n]):.2g}" for n in batch if n in near]
    graph = session.model.graph
    edges = [edge.name for edge in graph.edges if blame is not None and edge.target == blame.node]
    drawn = [f"`{n}` up to {_largest(state.params[n]):.2g}" for n in edges if n in state.params]
    words = "it is the first step, before any update, so no rate is the cause"
    if data:
        words += f"; data of {', '.join(data)}"
    if drawn:
        words += f"; initial parameters of {', '.join(drawn)}"
    help = "look at the data (`pcc data check`, data.standardize), at weight_init, gain and beta"
    return Cause(words, help, ("data",))


def grown_parameters(session: Session, relaxed: bool) -> Cause:
    """Parameters that have grown under training."""
    learning, inference = session.spec.learning.optimizer, session.spec.inference.optimizer
    update, path = _calmer(("learning", "optimizer", learning.name), learning)
    if not relaxed:
        return Cause("parameters have grown too large", update, path)
    states, path = _calmer(("inference", "optimizer", inference.name), inference)
    words = "the states do not come to rest any more with parameters that have grown"
    return Cause(words, f"{states}, or {update}", path)


# -- what is looked at -----------------------------------------------------------------------


def _near(session: Session, blame: Blame | None) -> set[str]:
    """The blamed node and those that its prediction comes from, all where none is blamed."""
    graph = session.model.graph
    if blame is None:
        return set(graph.node)
    found, waiting = {blame.node}, [blame.node]
    while waiting:
        for edge in graph.edges_into(waiting.pop()):
            if edge.source not in found:
                found.add(edge.source)
                waiting.append(edge.source)
    return found


def _rises_untrained(session: Session, state: Any, batch: Batch) -> bool:
    """Whether, with parameters as they were drawn, the energy ends above where it began."""
    import jax

    model = session.model
    key = jax.random.wrap_key_data(state.key)
    fresh = model.init_training(key, horizon=max(1, session.total_steps))
    energies = jax.device_get(model.trajectories(fresh, batch))["energy"]
    for nodes in energies.values():
        total = np.sum(np.stack([np.asarray(row) for row in nodes.values()]), axis=0)
        if not np.isfinite(total).all() or total[-1] > 10 * max(abs(total[0]), 1e-30):
            return True
    return False


def _broken_parameters(params: Any) -> str:
    """The first parameter that is not finite, as `edge` weight; empty where all are."""
    import jax

    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if not np.isfinite(np.asarray(leaf)).all():
            edge, *rest = [str(entry.key) for entry in path]
            return f"the {'.'.join(rest)} of `{edge}`" if rest else f"`{edge}`"
    return ""


def _largest(tree: Any) -> float:
    import jax

    leaves = [np.abs(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(tree)]
    return max((float(leaf.max(initial=0.0)) for leaf in leaves), default=0.0)


def _calmer(path: KeyPath, optimizer: StateOptimizer | Optimizer) -> tuple[str, KeyPath]:
    """(how to make the steps of the optimiser at this path smaller, the key that is meant)."""
    where = dotted(path[:2])
    key = optimizer.calming
    if key is None:
        return f"use another {where}: {optimizer.name} has no rate to lower", path
    verb = "raise" if optimizer.calmer_above else "lower"
    return f"{verb} the {key} of {where} (now {getattr(optimizer, key):g})", (*path, key)
