"""The output of a verification: JSON, a picture, the word for a verdict."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from runtime.host.durable import replace_file
from runtime.training.plots import panels_beside
from runtime.verification.rows import Report, Row

VERDICTS = {True: "pass", False: "FAIL", None: ""}


def verdict(row: Row) -> str:
    """`pass`, `FAIL`, or nothing where theory expects nothing."""
    return VERDICTS[row.passed]


def as_json(report: Report) -> dict[str, Any]:
    """Everything that was measured, as values of JSON."""
    return {
        "name": report.name,
        "rule": report.rule,
        "measured_on": report.header,
        "passed": not report.failed,
        "conclusion": report.conclusion,
        "rows": [asdict(row) for row in report.rows],
        "errors_by_beta": {
            variant: [{"beta": beta, "relative_error": error} for beta, error in errors.items()]
            for variant, errors in report.errors.items()
        },
        "energies": report.energies,
    }


def plot(report: Report, path: Path) -> None:
    """Energies over inference, and the error of the gradient over beta, as a picture."""
    import io

    panels = bool(report.energies) + bool(report.errors)
    drawn, axes = panels_beside(max(panels, 1), shared=False)
    panel = iter(axes)
    if report.energies:
        axis = next(panel)
        for phase, energies in report.energies.items():
            axis.plot(range(len(energies)), energies, label=phase)
        axis.set_xlabel("inference step")
        axis.set_ylabel("F, mean per sample")
        axis.legend()
    if report.errors:
        axis = next(panel)
        for variant, errors in report.errors.items():
            betas = list(errors)
            [line] = axis.loglog(betas, list(errors.values()), "o-", label=variant)
            order = 2 if variant == "centred" else 1
            guide = [errors[betas[0]] * (beta / betas[0]) ** order for beta in betas]
            axis.loglog(betas, guide, ":", color=line.get_color(), label=f"order {order}")
        axis.set_xlabel("beta")
        axis.set_ylabel("relative error of the gradient")
        axis.legend()
    buffer = io.BytesIO()
    drawn.savefig(buffer, format=path.suffix.removeprefix(".") or "png", dpi=150)
    replace_file(path, buffer.getvalue())
