"""Checks of a network's predictions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pccompiler.diagnostics.diagnostic import Diagnostic, RunError
from runtime.data.held_values import place
from runtime.prediction.request import Request


def refuse_not_finite(name: str, values: np.ndarray) -> None:
    """Raises RunError (PC541) for a prediction that is not finite: it has no class."""
    where = np.argwhere(~np.isfinite(values))
    if not len(where):
        return
    samples = len(np.unique(where[:, 0]))
    raise RunError(
        Diagnostic(
            "PC541",
            f"the prediction of `{name}` is {values[tuple(where[0])]} in {place(where[0])}; it is "
            f"not finite in {samples} of {len(values)} samples",
            help="inputs far outside the training data overflow; where those of training do too, "
            "the parameters or a relaxation diverged: lower its learning rate",
        )
    )


def alike(outputs: Mapping[str, np.ndarray], request: Request) -> list[Diagnostic]:
    """PC543 where several samples were asked for and all are the same."""
    if (request.samples or 1) < 2 or any(len(values) < 2 for values in outputs.values()):
        return []
    if not all(np.allclose(values, values[:1], rtol=1e-5) for values in outputs.values()):
        return []
    return [
        warning(
            "PC543",
            f"all {request.samples} samples are the same: nothing in this prediction is random",
            "hold other values (`--clamp label=0,1,2`), or let states start at random: "
            "`inference.init: {normal: {std: 1.0}}`, with a prediction that relaxes (`--steps`)",
        )
    ]


def warning(code: str, message: str, help: str) -> Diagnostic:
    """The warning about a prediction that is written all the same."""
    return Diagnostic(code, message, help=help, severity="warning")
