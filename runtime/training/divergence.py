"""What is told about a batch that was not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pccompiler.components.member import Member
from pccompiler.diagnostics.diagnostic import Diagnostic, RunError
from runtime.runs.metrics import Line
from runtime.runs.run_folder import RunFolder
from runtime.training.session import Session

if TYPE_CHECKING:
    from pccompiler.lowering.model import Blame


def divergence(
    session: Session, blame: Blame | None, folder: RunFolder, step: int, epoch: int
) -> RunError:
    """PC540: where training step `step` went wrong, and which rates to lower.

    A node that is not finite from the start of inference was given bad parameters. One that
    becomes so later was moved there by the state optimiser, whose steps may be too long in
    themselves or for parameters that have grown.
    """
    place = "the gradient was not finite"
    if blame is not None:
        place = (
            f"node `{blame.node}` was not finite at inference step {blame.step} of the phase "
            f"`{blame.phase}`"
        )
    spec = session.spec
    optimizers: list[tuple[str, Member]] = [("learning.optimizer", spec.learning.optimizer)]
    if blame is not None and blame.step > 1:
        optimizers.insert(0, ("inference.optimizer", spec.inference.optimizer))
    rates = [
        f"the learning_rate of {path} (now {rate:g})"
        for path, optimizer in optimizers
        if (rate := getattr(optimizer, "learning_rate", None)) is not None
    ]
    path = f"{optimizers[0][0]}.{optimizers[0][1].name}.learning_rate"
    return RunError(
        Diagnostic(
            "PC540",
            f"training diverged at step {step} (epoch {epoch}): {place}",
            session.document.span(tuple(path.split("."))),
            path,
            help=f"lower {' or '.join(rates)}; the state before that step is saved in "
            f"{folder.path}",
        )
    )


def divergence_line(blame: Blame | None, step: int, epoch: int) -> Line:
    """The same as a line of metrics.jsonl."""
    where = (
        {"node": blame.node, "phase": blame.phase, "inference_step": blame.step} if blame else {}
    )
    return {"kind": "diverged", "step": step, "epoch": epoch} | where
