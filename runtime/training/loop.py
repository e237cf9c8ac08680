"""The training loop: calls of the training program, and what happens between them.

A call ends at the latest where something is due: an epoch's end, a checkpoint by steps.
Everything the loop decides (order of samples, when to validate, what is best) is a function
of the step number and of what a checkpoint holds, and the length of a call is data to the
compiled program; so a resumed run repeats the bits of one that was never interrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pccompiler.components.phases import PhaseKind
from runtime.data.splits import epoch_batches, samples
from runtime.host.signals import Interrupted, Pending
from runtime.runs.checkpoints import Checkpoints
from runtime.runs.loggers import Log
from runtime.runs.metrics import Line
from runtime.runs.position import Best, Position
from runtime.runs.run_folder import RunFolder
from runtime.training.call_length import Pace, Speed
from runtime.training.divergence import Failure, divergence, divergence_line
from runtime.training.evaluation import Evaluator, Scores
from runtime.training.reporter import EarlyStop, EpochReport, Reporter, StepReport
from runtime.training.session import LESS_IS_BETTER, Session

CAPACITY = 64
"""Most training steps in one call; the length of the metrics buffer on the device."""


@dataclass(frozen=True)
class Call:
    """One call of the training program, back on the host."""

    completed: int
    metrics: Mapping[str, Any]
    """As the model gives them, every leaf a NumPy array with a leading axis."""
    seconds: float
    last_rows: np.ndarray
    """The samples of its last batch."""


class Loop:
    """Trains from `state` on; `state` and `position` are where it stands."""

    def __init__(
        self,
        session: Session,
        folder: RunFolder,
        state: Any,
        position: Position,
        log: Log,
        reporter: Reporter,
    ) -> None:
        import jax

        training = session.spec.training
        self.state = state
        self.position = position
        self._session = session
        self._checkpoints: Checkpoints = folder.checkpoints(training.keep_checkpoints)
        self._folder = folder
        self._log = log
        self._reporter = reporter
        self._per_epoch = session.steps_per_epoch
        self._data = jax.device_put(dict(session.data.train))
        self._validate = (
            Evaluator(session.model, session.data.validation, session.classes, session.batch_size)
            if samples(session.data.validation)
            else None
        )
        self._pace = Pace(min(CAPACITY, self._per_epoch))
        self._factors = jax.jit(session.spec.learning.schedule.factor)
        self._order = (-1, np.empty((0, 0), np.int32))
        saved = f"{position.step:06d}" in self._checkpoints.names()
        self._saved_step = position.step if saved else -1
        self._saved_time = time.monotonic()
        self._epoch_seconds = 0.0
        self._speed = Speed()

    @property
    def finished(self) -> bool:
        """Whether no step is left to take."""
        return self.position.step >= self._session.total_steps or self._out_of_patience()

    def run(self, pending: Pending) -> str:
        """Trains to the end. Returns why it ended: `completed` or `early_stop`.

        Raises Interrupted once a signal is pending and the state is saved, RunError (PC540)
        for a batch that is not finite, DataError (PC522) where nothing can be written.
        """
        while self.position.step < self._session.total_steps:
            if self._out_of_patience():
                return "early_stop"
            call = self._call(self._next_count())
            self._account(call)
            improved = False
            if self.position.step % self._per_epoch == 0:
                improved = self._end_epoch(call)
            if improved or self._checkpoint_is_due():
                self.save()
            if pending.number is not None:
                self.save()
                raise Interrupted(pending.number, self._folder.path, self.position.step)
        return "completed"

    def save(self) -> None:
        """Saves a checkpoint of the present step, unless there is one."""
        if self._saved_step != self.position.step:
            self._folder.metrics.sync()
            # An update can overflow after a step whose metrics were finite; the next step then
            # diverges, and must find an older state that is still good.
            prune = _is_finite(self.state.params)
            self._checkpoints.save(self.state, self.position, self._session.spec_text, prune)
            self._saved_step = self.position.step
        self._saved_time = time.monotonic()

    # -- a call --------------------------------------------------------------------------

    def _next_count(self) -> int:
        step = self.position.step
        limits = [self._pace.count, self._per_epoch - step % self._per_epoch]
        every = self._session.spec.training.checkpoint_every.steps
        if every:
            limits.append(every - step % every)
        return min(limits)

    def _call(self, count: int) -> Call:
        rows = np.zeros((self._pace.capacity, self._session.batch_size), np.int32)
        first = self.position.step % self._per_epoch
        rows[:count] = self._epoch_order()[first : first + count]
        begin = time.perf_counter()
        self.state, metrics, completed = self._session.model.train(
            self.state, self._data, rows, count
        )
        seconds = time.perf_counter() - begin
        call = Call(completed, metrics, seconds, rows[count - 1])
        if call.completed < count:
            self._diverged(call, rows[call.completed])
        self._pace.took(count, seconds)
        return call

    def _epoch_order(self) -> np.ndarray:
        epoch = self.position.step // self._per_epoch
        if self._order[0] != epoch:
            seed = self._session.spec.training.seed
            count = samples(self._session.data.train)
            batches = epoch_batches(count, self._session.batch_size, seed, epoch)
            self._order = (epoch, batches)
        return self._order[1]

    def _account(self, call: Call) -> None:
        """Moves on by a call: position, metric lines, the reporter."""
        lines = self._step_lines(call)
        self.position = replace(self.position, step=self.position.step + call.completed)
        self._epoch_seconds += call.seconds
        self._speed.took(call.completed, call.seconds)
        every = self._session.spec.training.log_every
        self._log.append(line for line in lines if line["step"] % every == 0)
        last = lines[-1]
        self._reporter.step(
            StepReport(
                last["step"],
                last["epoch"],
                last.get("loss"),
                last.get("accuracy"),
                last["energy"][self._session.model.plan.reported],
                self._speed.steps_per_second,
            )
        )

    def _step_lines(self, call: Call) -> list[Line]:
        import jax

        hidden = None if self._session.classes else "accuracy"
        shown = {name: value for name, value in call.metrics.items() if name != hidden}
        leaves, tree = jax.tree.flatten(shown)
        columns = [leaf[: call.completed].tolist() for leaf in leaves]
        epoch = self.position.step // self._per_epoch + 1
        rates = self._learning_rates(call.completed)
        return [
            {"kind": "step", "step": self.position.step + 1 + i, "epoch": epoch}
            | jax.tree.unflatten(tree, [column[i] for column in columns])
            | ({"learning_rate": rates[i]} if rates else {})
            for i in range(call.completed)
        ]

    def _learning_rates(self, count: int) -> list[float]:
        """The rate of the parameters in the next `count` steps, the schedule's factor included.
        Empty for an optimiser that has no learning rate."""
        import jax

        learning = self._session.spec.learning
        rate: float | None = getattr(learning.optimizer, "learning_rate", None)
        if rate is None:
            return []
        if not learning.schedule.needs_horizon:
            return [rate] * count
        # float32, as in the step itself; always as many, so that it is compiled once
        steps = np.arange(self.position.step, self.position.step + CAPACITY, dtype=np.float32)
        fractions = jax.device_put(steps / np.float32(self._session.total_steps))
        factors = jax.device_get(self._factors(fractions)).tolist()
        return [rate * factor for factor in factors[:count]]

    # -- an epoch's end ------------------------------------------------------------------

    def _end_epoch(self, call: Call) -> bool:
        """Validates and logs; returns whether the monitored metric reached a new best."""
        scores = self._validate(self.state.params, self.state.aux) if self._validate else None
        improved = scores is not None and self._judge(scores)
        step, epoch = self.position.step, self.position.epoch
        speed = self._speed.steps_per_second
        line: dict[str, Any] = {"kind": "epoch", "step": step, "epoch": epoch}
        if scores:
            line |= {"split": "validation"} | score_line(scores) | {"best": improved}
        line |= {"seconds": self._epoch_seconds, "steps_per_second": speed}
        trajectory = self._trajectory(call)
        lines: list[Line] = [line]
        if trajectory:
            lines.append({"kind": "trajectory", "step": step, "epoch": epoch} | trajectory)
        self._log.append(lines)
        self._reporter.epoch(EpochReport(step, epoch, scores, improved, self._epoch_seconds, speed))
        self._epoch_seconds = 0.0
        self._speed.forget()
        return improved

    def _trajectory(self, call: Call) -> dict[str, Any]:
        """The result of `CompiledModel.trajectories` on the epoch's last batch, with the parameters
        that the epoch ended with. Empty where no phase relaxes."""
        import jax

        model = self._session.model
        if all(phase.kind is not PhaseKind.RELAX for phase in model.plan.phases):
            return {}
        found = jax.device_get(model.trajectories(self.state, self._batch(call.last_rows)))
        return jax.tree.map(lambda values: values.tolist(), found)

    def _batch(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {node: values[rows] for node, values in self._session.data.train.items()}

    def _judge(self, scores: Scores) -> bool:
        """Whether this is the best epoch so far; counts epochs without improvement."""
        metric = self._session.monitor
        assert metric is not None
        value = scores.value(metric)
        stop = self._session.spec.training.early_stop
        margin = stop.min_delta if stop else 0.0
        best = self.position.best
        if value is not None and math.isfinite(value):
            found = Best(metric, value, self.position.step, self.position.epoch, scores.loss)
            if best is None or _improves(found, best, margin):
                self.position = replace(self.position, best=found, stale_epochs=0)
                return True
        self.position = replace(self.position, stale_epochs=self.position.stale_epochs + 1)
        return False

    def patience_ran_out(self) -> EarlyStop:
        """The report of early stopping."""
        training, best = self._session.spec.training, self.position.best
        assert training.early_stop is not None
        assert self._session.monitor is not None
        return EarlyStop(
            self.position.epoch,
            training.epochs,
            training.early_stop.patience,
            self._session.monitor,
            best.value if best else None,
            best.epoch if best else None,
        )

    def _out_of_patience(self) -> bool:
        stop = self._session.spec.training.early_stop
        return stop is not None and self.position.stale_epochs >= stop.patience

    def _checkpoint_is_due(self) -> bool:
        every, step = self._session.spec.training.checkpoint_every, self.position.step
        epoch, batch = divmod(step, self._per_epoch)
        minutes = (time.monotonic() - self._saved_time) / 60
        return (
            step == self._session.total_steps
            or (batch == 0 and self._out_of_patience())
            or (every.epochs is not None and batch == 0 and epoch % every.epochs == 0)
            or (every.steps is not None and step % every.steps == 0)
            or (every.minutes is not None and minutes >= every.minutes)
        )

    # -- divergence ----------------------------------------------------------------------

    def _diverged(self, call: Call, rows: np.ndarray) -> None:
        """Keeps the state before the bad batch, says where it went wrong, and stops."""
        if call.completed:
            self._account(call)
        step, epoch = self.position.step + 1, self.position.step // self._per_epoch + 1
        batch = self._batch(rows)
        blame = self._session.model.diagnose(self.state, batch)
        self._log.append([divergence_line(blame, step, epoch)])
        if self._saved_step != self.position.step:
            # Not pruned: what was saved before may be the last state worth keeping.
            position = replace(self.position, diverged=True)
            self._checkpoints.save(self.state, position, self._session.spec_text, prune=False)
        raise divergence(
            self._session, self._folder, Failure(self.state, batch, blame, step, epoch)
        )


def _improves(found: Best, best: Best, margin: float) -> bool:
    """Whether scores are better than the best so far: by more than the margin, or, where a metric
    that takes few values (accuracy on few samples) is the same and no margin is asked for, by a
    lower loss."""
    sign = -1.0 if found.metric in LESS_IS_BETTER else 1.0
    if found.value != best.value or found.metric != "accuracy" or margin:
        return sign * (found.value - best.value) > margin
    if found.loss is None or best.loss is None or not math.isfinite(found.loss):
        return False
    return found.loss < best.loss


def _is_finite(params: Any) -> bool:
    import jax
    import jax.numpy as jnp

    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(params))


def score_line(scores: Scores) -> dict[str, Any]:
    """Scores as part of a line of metrics.jsonl."""
    return {name: value for name, value in asdict(scores).items() if value is not None}
