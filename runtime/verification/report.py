"""What a verification prints and draws."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runtime.durable import replace_file
from runtime.plots import panels_beside
from runtime.tables import print_table
from runtime.verification.rows import Report, Row

VERDICTS = {True: "pass", False: "FAIL", None: ""}


def print_report(report: Report) -> None:
    """The rows as a table on stdout, and the verdict in a line."""
    print_rows(f"{report.name}: {report.rule}, {report.header}", report.rows)


def print_rows(title: str, rows: Sequence[Row]) -> None:
    """Rows as a table, long cells folded."""
    print_table(
        title,
        ("check", "of", "theory", "measured", "verdict"),
        (
            (_folded(r.check), r.subject, _folded(r.expected), _folded(r.measured), verdict(r))
            for r in rows
        ),
    )


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


def _folded(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 38)) or ""
