"""What is told about a batch that was not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pccompiler.diagnostics.diagnostic import Diagnostic, RunError
from runtime.metrics import Line
from runtime.run_folder import RunFolder
from runtime.session import Session

if TYPE_CHECKING:
    from pccompiler.lowering.model import Blame


def divergence(
    session: Session, blame: Blame | None, folder: RunFolder, step: int, epoch: int
) -> RunError:
    """PC540: where training step `step` went wrong, and which rate to lower.

    A node that starts an inference non-finite was given bad parameters; one that becomes so
    later was moved there by the state optimiser.
    """
    settling = blame is not None and blame.step > 1
    section = "inference" if settling else "learning"
    optimizer = session.spec.inference.optimizer if settling else session.spec.learning.optimizer
    rate = getattr(optimizer, "learning_rate", None)
    now = "" if rate is None else f" (now {rate:g})"
    place = "the gradient was not finite"
    if blame is not None:
        place = (
            f"node `{blame.node}` was not finite at inference step {blame.step} of the phase "
            f"`{blame.phase}`"
        )
    path = (section, "optimizer")
    return RunError(
        Diagnostic(
            "PC540",
            f"training diverged at step {step} (epoch {epoch}): {place}",
            session.document.span(path),
            ".".join(path),
            help=f"lower {section}.optimizer's learning_rate{now}; the state before that step "
            f"is saved in {folder.path}",
        )
    )


def divergence_line(blame: Blame | None, step: int, epoch: int) -> Line:
    """The same as a line of metrics.jsonl."""
    where = (
        {"node": blame.node, "phase": blame.phase, "inference_step": blame.step} if blame else {}
    )
    return {"kind": "diverged", "step": step, "epoch": epoch} | where
