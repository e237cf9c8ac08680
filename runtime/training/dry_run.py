"""`pcc train --dry-run`, which describes a training, and `--smoke`, which tries two steps of it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pccompiler.components.member import Member
from pccompiler.diagnostics.diagnostic import Diagnostic, RunError
from pccompiler.diagnostics.wording import plural
from pccompiler.planning.cost import cost
from pccompiler.spec.models import CheckpointSpec, EarlyStopSpec, RunSpec
from pccompiler.spec.resolved import resolved
from runtime.data.splits import samples
from runtime.runs.run_folder import RunFolder, next_folder, refuse_occupied
from runtime.training.fit import open_training, train_in
from runtime.training.reporter import Reporter
from runtime.training.session import Session

SMOKE_STEPS = 2


@dataclass(frozen=True)
class Outlook:
    """The description of a training before it starts. `bytes` is the memory of a training step, as
    `pcc show` counts it; `samples` are those of each split; `steps` are all training steps."""

    name: str
    description: str
    folder: str
    rule: str
    optimizer: str
    schedule: str
    inference: str
    parameters: int
    bytes: int
    source: str
    files: tuple[str, ...]
    samples: Mapping[str, int]
    batch_size: int
    epochs: int
    steps_per_epoch: int
    steps: int
    monitor: str | None
    early_stop: str | None
    checkpoint_every: str
    seed: int
    devices: tuple[str, ...]
    warnings: tuple[Diagnostic, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, without the warnings."""
        values = asdict(self)
        del values["warnings"]
        return values


def outlook(spec: str, run_dir: str | None = None, overrides: Sequence[str] = ()) -> Outlook:
    """Checks a spec and loads its data, as `fit` would, and writes nothing.

    Raises what `fit` raises before it trains.
    """
    import jax

    session = open_training(spec, overrides)
    folder = next_folder(session.spec.name) if run_dir is None else Path(run_dir)
    refuse_occupied(folder)
    run_spec, total = session.spec, cost(session.model.plan, session.spec)
    assert run_spec.data is not None
    data, training = session.data, run_spec.training
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    files = run_spec.data.source.files(session.data_folders)
    return Outlook(
        name=run_spec.name,
        description=run_spec.description,
        folder=str(folder),
        rule=_written(run_spec.learning.rule, defaults=False),
        optimizer=_written(run_spec.learning.optimizer),
        schedule=_written(run_spec.learning.schedule),
        inference=_inference(run_spec),
        parameters=total.parameters,
        bytes=total.bytes,
        source=_written(run_spec.data.source, defaults=False),
        files=tuple(str(file) for file in files.values()),
        samples={name: samples(arrays) for name, arrays in splits.items()},
        batch_size=session.batch_size,
        epochs=training.epochs,
        steps_per_epoch=session.steps_per_epoch,
        steps=session.total_steps,
        monitor=session.monitor,
        early_stop=_patience(training.early_stop),
        checkpoint_every=_every(training.checkpoint_every),
        seed=training.seed,
        devices=tuple(f"{device.platform}: {device.device_kind}" for device in jax.devices()),
        warnings=session.warnings,
    )


@dataclass(frozen=True)
class Smoke:
    """The result of a smoke test: training steps, seconds of all of it, and the test scores."""

    name: str
    steps: int
    seconds: float
    test: Mapping[str, Any] | None


def smoke(spec: str, overrides: Sequence[str], reporter: Reporter) -> Smoke:
    """Trains two steps on the first samples and does all that a run does, then removes it.

    Raises what `fit` raises. A run that diverged is kept, since the message tells of it.
    """
    begin = time.perf_counter()
    session = shortened(open_training(spec, overrides))
    name, parent = session.spec.name, Path(tempfile.mkdtemp(prefix="pcc-smoke-"))
    remove = True
    try:
        run = train_in(RunFolder.create(name, parent / name), session, overrides, reporter)
        test = ((run.result or {}).get("test") or {}).get("last")
    except RunError:
        remove = False
        raise
    finally:
        if remove:
            shutil.rmtree(parent, ignore_errors=True)
    return Smoke(name, session.total_steps, time.perf_counter() - begin, test)


def shortened(session: Session) -> Session:
    """The same training with two steps in all, and a batch of every split that is scored."""
    batch = session.batch_size
    limits = {"train": SMOKE_STEPS * batch, "validation": batch, "test": batch}
    data = replace(
        session.data,
        **{
            name: {node: values[:limit] for node, values in session.data.split(name).items()}
            for name, limit in limits.items()
        },
    )
    epochs = SMOKE_STEPS // min(SMOKE_STEPS, samples(data.train) // batch)
    training = session.spec.training.model_copy(update={"epochs": epochs})
    spec = session.spec.model_copy(update={"training": training})
    return replace(session, spec=spec, spec_text=resolved(spec), data=data)


def _written(member: Member, defaults: bool = True) -> str:
    """`adamw (learning_rate 0.002, weight_decay 0.0001)`; with or without options at their
    defaults, and always without those that are null."""
    options = member.model_dump(mode="json", by_alias=True, exclude_defaults=not defaults)
    given = ", ".join(f"{key} {value}" for key, value in options.items() if value is not None)
    return f"{member.name} ({given})" if given else member.name


def _inference(spec: RunSpec) -> str:
    steps = spec.inference.steps
    counts = steps if isinstance(steps, int) else ", ".join(f"{k} {n}" for k, n in steps.items())
    return f"{counts} steps of {_written(spec.inference.optimizer)}"


def _patience(stop: EarlyStopSpec | None) -> str | None:
    return None if stop is None else f"after {stop.patience} epochs without improvement"


def _every(every: CheckpointSpec) -> str:
    units = {"epoch": every.epochs, "step": every.steps, "minute": every.minutes}
    given = [
        f"{number:g} {plural(number, unit)}" for unit, number in units.items() if number is not None
    ]
    return " or ".join(given)
