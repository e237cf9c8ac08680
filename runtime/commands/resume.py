"""`pcc resume`: continues a run exactly where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runtime.commands.options import DEVICE, JSON, RUN, SET, SpecCommand, ending
from runtime.commands.results import print_result, until_interrupted

if TYPE_CHECKING:
    from runtime.training.opened_run import Run


@click.command(
    "resume",
    cls=SpecCommand,
    epilog=ending(
        "pcc resume runs/net-001",
        "pcc resume runs/net-001 -s training.epochs=40 --allow-changed    # train longer",
    ),
)
@RUN
@SET
@click.option("--allow-changed", is_flag=True, help="Go on although the spec or the data changed.")
@click.option(
    "--strict",
    is_flag=True,
    help="Fail if the newest checkpoint is damaged, instead of going on from the one before.",
)
@DEVICE
@JSON
def command(
    run: str,
    overrides: tuple[str, ...],
    allow_changed: bool,
    strict: bool,
    device: str,
    as_json: bool,
) -> None:
    """Continue a run exactly where it stopped.

    Reads the spec and the newest checkpoint in the run folder RUN, and the data again; writes
    into the same folder. A run that has finished is only scored again.

    On the same machine the result has the bits of a run that was never interrupted.
    """
    from runtime.commands.progress import reporter_for
    from runtime.host.backend import use_device
    from runtime.training.fit import resume

    use_device(device)
    reporter = reporter_for()

    def training() -> Run:
        return resume(run, overrides, reporter, allow_changed=allow_changed, strict=strict)

    print_result(until_interrupted(training), as_json)
