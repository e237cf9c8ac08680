"""A run on disk, opened for reading: parameters, metrics, evaluation, prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pccompiler.components.plugins import PluginLike, load_plugins
from pccompiler.diagnostics.diagnostic import DataError, Diagnostic, SpecError
from pccompiler.spec.load import load
from pccompiler.spec.models import RunSpec
from runtime.data.encoding import Encoding
from runtime.data.splits import SPLITS, samples
from runtime.runs.checkpoints import Checkpoint
from runtime.runs.members import refuse_missing_members, refuse_other_members
from runtime.runs.metrics import Line
from runtime.runs.position import Best
from runtime.runs.run_folder import RunFolder
from runtime.training.evaluation import Evaluator, Scores
from runtime.training.session import Session, open_session, refuse_changed_data

if TYPE_CHECKING:
    from pccompiler.lowering.model import CompiledModel

Which = Literal["last", "best"]
"""The newest checkpoint, or the one with the best value of the monitored metric."""


@dataclass(frozen=True)
class Run:
    """A run folder. Nothing is read or compiled before it is asked for, and then only once.

    A run that still trains in another process can be opened too.
    """

    folder: RunFolder
    _model: CompiledModel | None = field(default=None, repr=False)

    @property
    def path(self) -> Path:
        return self.folder.path

    @cached_property
    def spec(self) -> RunSpec:
        """The resolved spec."""
        refuse_missing_members(self.path)
        return load(self.folder.spec)[0]

    @cached_property
    def model(self) -> CompiledModel:
        """The compiled network."""
        import pccompiler

        if self._model is None:
            refuse_other_members(self.path)
        return self._model or pccompiler.compile(self.folder.spec)

    @cached_property
    def encodings(self) -> Mapping[str, Encoding]:
        """The encodings of the data, by node. Raises DataError (PC523) if the file that holds them
        is damaged, or does not fit the network."""
        return self.folder.encodings(self.model.plan)

    @cached_property
    def metrics(self) -> tuple[Line, ...]:
        """The lines of metrics.jsonl (see `runtime.runs.metrics`)."""
        return self.folder.metrics.read()

    def column(self, name: str, kind: str = "step") -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of one metric over training, from the lines of a kind that have it.

        Nested metrics are named with slashes: `node_energy/clamped/h1`. Values that were not
        finite are NaN.
        """
        found = [
            (line["step"], value)
            for line in self.metrics
            if line["kind"] == kind and (value := _nested(line, name)) is not _ABSENT
        ]
        steps = np.array([step for step, _ in found], np.int64)
        return steps, np.array([np.nan if v is None else v for _, v in found], np.float64)

    @property
    def best(self) -> Best | None:
        """The best value of the monitored metric, and its step; None without validation."""
        return self._checkpoint("last").position.best

    @property
    def result(self) -> Mapping[str, Any] | None:
        """The content of result.json: why the run ended, and its scores; None while it has not."""
        return self.folder.result()

    @property
    def params(self) -> Any:
        """The last parameters."""
        return self.state().params

    def state(self, which: Which = "last") -> Any:
        """The training state of a checkpoint, with all it holds."""
        import jax

        checkpoint = self._checkpoint(which)

        def initial() -> Any:
            return self.model.init_training(jax.random.key(0), horizon=checkpoint.position.horizon)

        return checkpoint.restore(jax.eval_shape(initial))

    def evaluate(
        self, split: str = "test", which: Which = "last", *, allow_changed: bool = False
    ) -> Scores:
        """Scores of a checkpoint on `train`, `validation` or `test`.

        Data that differs from what the run was saved with is refused, since scores on it would
        pass for those of the run; with `allow_changed` it is what shall be measured. The data is
        looked for first where the run found it.

        Raises DataError: PC532 without a checkpoint, PC526 for changed data; SpecError (PC512)
        for a split that is empty, and ValueError for one that is none of the three.
        """
        if split not in SPLITS:
            raise ValueError(f"there is no split `{split}`; known: {', '.join(SPLITS)}")
        session, state = self.session, self.state(which)
        if not allow_changed:
            refuse_changed_data(
                session,
                self.folder,
                self._checkpoint("last").position.data_digest,
                "restore the data, or measure on this data with --allow-changed (in Python "
                "allow_changed=True)",
            )
        arrays = session.data.split(split)
        if not samples(arrays):
            message = f"run {self.path} has no {split} split"
            help = f"data.{split} is 0, and the source has none of its own"
            raise SpecError(Diagnostic("PC512", message, help=help))
        evaluate = Evaluator(session.model, arrays, session.classes, session.batch_size)
        return evaluate(state.params, state.aux)

    @cached_property
    def session(self) -> Session:
        """The spec compiled, with its data in memory."""
        refuse_other_members(self.path)
        return open_session(self.folder.spec, (), self.folder.data_folders())

    def _checkpoint(self, which: Which) -> Checkpoint:
        return self._best_checkpoint if which == "best" else self._last_checkpoint

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The damaged checkpoints that were passed over for an older one (PC530)."""
        return self._latest[1]

    @cached_property
    def _latest(self) -> tuple[Checkpoint | None, tuple[Diagnostic, ...]]:
        checkpoint, warnings = self.folder.checkpoints().latest()
        return checkpoint, tuple(warnings)

    @cached_property
    def _last_checkpoint(self) -> Checkpoint:
        checkpoint, _ = self._latest
        if checkpoint is None:
            raise DataError(
                Diagnostic(
                    "PC532",
                    f"run {self.path} has no checkpoint yet",
                    help=f"`pcc resume {self.path}` trains it",
                )
            )
        return checkpoint

    @cached_property
    def _best_checkpoint(self) -> Checkpoint:
        return self.folder.checkpoints().best_of(self._last_checkpoint)


_ABSENT: Any = object()


def _nested(line: Line, name: str) -> Any:
    value: Any = line
    for key in name.split("/"):
        if not isinstance(value, Mapping) or key not in value:
            return _ABSENT
        value = value[key]
    return value


def load_run(
    run_dir: str | Path,
    model: CompiledModel | None = None,
    *,
    plugins: Sequence[PluginLike] = (),
) -> Run:
    """Opens a run folder; `plugins` bring members from outside that its spec uses.

    Raises DataError (PC523) if it is none. What needs the network raises DataError, PC565 or
    PC566, if such a member is not there, or not what it was.
    """
    load_plugins(plugins)
    return Run(RunFolder.open(Path(run_dir)), model)
