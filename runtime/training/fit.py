"""Training a spec, and continuing a run: what `pcc train` and `pcc resume` call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pccompiler.components.plugins import PluginLike, load_plugins
from pccompiler.diagnostics.diagnostic import DataError
from pccompiler.spec.load import SpecLike
from runtime.data.splits import samples
from runtime.host.environment import Environment, versions
from runtime.host.signals import Interrupted, deferred_signals
from runtime.runs.checkpoints import Checkpoint
from runtime.runs.loggers import Log, open_log, refuse_missing_loggers
from runtime.runs.members import record_members, refuse_missing_members, refuse_other_members
from runtime.runs.position import Position
from runtime.runs.run_folder import RunFolder, refuse_occupied
from runtime.training.continuing import best_is_stale, changes_of_course
from runtime.training.evaluation import Evaluator
from runtime.training.loop import Loop, score_line
from runtime.training.opened_run import Run, load_run
from runtime.training.reporter import Reporter, Silent, Start
from runtime.training.session import Session, open_session, refuse_changes


def fit(
    spec: SpecLike,
    run_dir: str | Path | None = None,
    overrides: Sequence[str] = (),
    reporter: Reporter | None = None,
    *,
    plots: bool = True,
    plugins: Sequence[PluginLike] = (),
) -> Run:
    """Trains a spec from its beginning in a new run folder.

    `spec` is a path or a mapping; `run_dir` must be new or empty, the default is the next free
    `runs/NAME-001`; `overrides` are `key.path=value`; `plots` draws the metrics at the end;
    `plugins` bring members from outside (see `pccompiler.components.plugins`).

    Raises SpecError for the spec or where data and network do not fit; DataError for data
    files and the run folder; RunError (PC540) where training diverges, with the state before
    saved; `runtime.host.signals.Interrupted` on SIGINT or SIGTERM, with the state saved.
    """
    load_plugins(plugins)
    session = open_training(spec, overrides)
    folder = RunFolder.create(session.spec.name, Path(run_dir) if run_dir else None)
    return train_in(folder, session, overrides, reporter or Silent(), plots=plots)


def open_training(
    spec: SpecLike, overrides: Sequence[str] = (), folders: Sequence[Path] = ()
) -> Session:
    """As `open_session`; raises SpecError (PC563) too, for a logger that is not installed."""
    session = open_session(spec, overrides, folders)
    refuse_missing_loggers(session.spec, session.document)
    return session


def train_in(
    folder: RunFolder,
    session: Session,
    overrides: Sequence[str],
    reporter: Reporter,
    *,
    plots: bool = True,
) -> Run:
    """Trains an open session from its beginning, in a new folder. Raises what `fit` raises."""
    for warning in session.warnings:
        reporter.warn(warning)
    with folder.locked():
        # Looked at again: before the lock another process may have begun a run here, or trained.
        refuse_occupied(folder.path)
        folder.write_spec(session.spec_text)
        record_members(folder.path, session.spec)
        folder.add_environment(Environment.here(overrides, session.data_folders))
        return _train(session, folder, _beginning(session, None), reporter, plots)


def resume(
    run_dir: str | Path,
    overrides: Sequence[str] = (),
    reporter: Reporter | None = None,
    *,
    allow_changed: bool = False,
    strict: bool = False,
    plots: bool = True,
    plugins: Sequence[PluginLike] = (),
) -> Run:
    """Continues a run from its newest checkpoint, or from step 0 where there is none.

    The result has the bits of a run that was never interrupted, in the same environment. A
    damaged checkpoint is passed over with a warning, or fails with `strict`. `allow_changed`
    lets spec (also through `overrides`), data and members from outside differ from those that
    were saved; the run folder's spec.yaml then becomes the new one. A finished run is only
    evaluated again.

    Raises what `fit` raises, and DataError: PC521 if another process works in the folder,
    PC523 if it is no run folder, PC524, PC526 and PC566 for changes, PC530 to PC533 for
    checkpoints, PC565 for members from outside that are not there.
    """
    folder = RunFolder.open(Path(run_dir))
    reporter = reporter or Silent()
    with folder.locked():
        before = folder.environments()
        load_plugins(plugins)
        if allow_changed:
            refuse_missing_members(folder.path)
        else:
            refuse_other_members(
                folder.path,
                "restore the one that it was, or pass --allow-changed to go on with this one",
            )
        session = open_training(folder.spec, overrides, folder.data_folders())
        checkpoint, warnings = folder.checkpoints().latest(strict)
        if not allow_changed:
            saved_text = checkpoint.spec_text if checkpoint else folder.spec_text()
            saved_data = checkpoint.position.data_digest if checkpoint else session.data.digest
            refuse_changes(session, folder, saved_text, saved_data)
        # may fail: before anything is written
        beginning = _beginning(session, checkpoint)
        here = Environment.here(overrides, session.data_folders)
        changed = here.warn_of_differences(before[0]) if before else None
        jumps = changes_of_course(session, checkpoint) if checkpoint else ()
        for warning in (*warnings, *([changed] if changed else []), *jumps):
            reporter.warn(warning)
        if folder.spec_text() != session.spec_text:
            folder.write_spec(session.spec_text)
        record_members(folder.path, session.spec)
        folder.add_environment(here)
        return _train(session, folder, beginning, reporter, plots)


def _train(
    session: Session,
    folder: RunFolder,
    beginning: tuple[Any, Position],
    reporter: Reporter,
    plots: bool,
) -> Run:
    state, position = beginning
    folder.write_encodings(session.data.encodings)
    folder.metrics.cut(position.step)
    folder.checkpoints().clear_leftovers()
    folder.forget_result()
    training = session.spec.training
    with (
        open_log(folder, training.loggers, position.step) as log,
        deferred_signals() as pending,
    ):
        loop = Loop(session, folder, state, position, log, reporter)
        reporter.begin(
            Start(
                session.spec.name,
                folder.path,
                position.step,
                session.total_steps,
                session.steps_per_epoch,
                training.epochs,
                loop.finished,
            )
        )
        try:
            reason = loop.run(pending)
        finally:
            reporter.end()
        if reason == "early_stop":
            reporter.stopped_early(loop.patience_ran_out())
        _finish(session, folder, loop, log, reason, reporter)
    if plots:
        from runtime.training.plots import draw

        draw(folder, reporter.warn)
    if pending.number is not None:  # it came too late to stop this run, but not what follows
        raise Interrupted(pending.number, folder.path, loop.position.step, finished=True)
    return load_run(folder.path, session.model)


def _beginning(session: Session, checkpoint: Checkpoint | None) -> tuple[Any, Position]:
    """The training state and position to go on from."""
    import jax
    import jax.numpy as jnp

    def initial() -> Any:
        key = jax.random.key(session.spec.training.seed)
        return session.model.init_training(key, horizon=session.total_steps)

    position = Position(
        step=0,
        steps_per_epoch=session.steps_per_epoch,
        horizon=session.total_steps,
        spec_digest=session.spec_digest,
        data_digest=session.data.digest,
        versions=versions(),
    )
    if checkpoint is None:
        return initial(), position
    saved = checkpoint.position
    state = checkpoint.restore(jax.eval_shape(initial))
    if saved.horizon != position.horizon:  # only with allowed changes
        state = replace(state, horizon=jnp.int32(position.horizon))
    if best_is_stale(session, checkpoint):
        return state, replace(position, step=saved.step)
    return state, replace(
        position, step=saved.step, best=saved.best, stale_epochs=saved.stale_epochs
    )


def _finish(
    session: Session, folder: RunFolder, loop: Loop, log: Log, reason: str, reporter: Reporter
) -> None:
    """Scores the test split with the last parameters and with the best, and ends the run."""
    position = loop.position
    best = position.best
    result: dict[str, Any] = {
        "reason": reason,
        "step": position.step,
        "epoch": position.epoch,
        "best": asdict(best) if best else None,
    }
    if samples(session.data.test):
        evaluate = Evaluator(session.model, session.data.test, session.classes, session.batch_size)
        states = {"last": loop.state}
        if best and best.step != position.step:
            try:
                states["best"] = folder.checkpoints().load(best.name).restore(loop.state)
            except DataError as error:  # training is done: a lost extra score must not fail it
                for problem in error.diagnostics:
                    reporter.warn(replace(problem, severity="warning"))
        scores = {name: evaluate(state.params, state.aux) for name, state in states.items()}
        trained = {name: {"trained_steps": int(state.step)} for name, state in states.items()}
        line = {"kind": "test", "step": position.step, "epoch": position.epoch, "split": "test"}
        log.append(
            line | {"parameters": name} | trained[name] | score_line(score)
            for name, score in scores.items()
        )
        result["test"] = {name: trained[name] | asdict(score) for name, score in scores.items()}
    folder.write_result(result)
