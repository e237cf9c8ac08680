"""The measurements of `pcc verify`, in order: the relaxation, the reference, and the rule's
claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runtime.verification.claims import claim_rows
from runtime.verification.conclusion import conclude
from runtime.verification.rest import (
    comes_to_rest,
    energy_at_rest,
    energy_falls,
    reference_holds,
    through_steps,
)
from runtime.verification.rows import Report, Row
from runtime.verification.subject import Subject


def verify(
    subject: Subject, header: str = "", tell: Callable[[Row], None] = lambda row: None
) -> Report:
    """Measures everything that theory says about the subject's rule on its network.

    `tell` is called with each row as soon as it is known.
    """
    report = Report(subject.model.spec.name, subject.model.spec.learning.rule.name, header)
    for row in _rows(subject, report):
        report.rows.append(row)
        tell(row)
    report.conclusion = conclude(subject, report)
    return report


def _rows(subject: Subject, report: Report) -> Iterator[Row]:
    yield from energy_falls(subject, report)
    yield from comes_to_rest(subject)
    if not subject.rest.reached:
        return  # what follows holds at rest alone
    yield from energy_at_rest(subject)
    yield from reference_holds(subject)
    yield from through_steps(subject)
    yield from claim_rows(subject, report)
